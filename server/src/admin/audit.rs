//! The operator's view of the audit log's chains: verify them, and remove what has become too old.

use anyhow::{Context as _, bail};
use domain::audit::{AuditQuery, ChainReport};
use jiff::Timestamp;

use super::{backend, say};
use crate::args::DatabaseArgs;

/// Flags of `remotegpu admin verify-audit`.
#[derive(clap::Args)]
pub struct VerifyAudit {
    /// Which database, and the key of its audit log.
    #[command(flatten)]
    database: DatabaseArgs,
    /// Only the chain of this account.
    #[arg(long, env = "REMOTEGPU_ACCOUNT", value_name = "NAME")]
    account: Option<String>,
}

/// Flags of `remotegpu admin prune-audit`.
#[derive(clap::Args)]
pub struct PruneAudit {
    /// Which database, with a role that may delete from `audit`, and the key of its audit log.
    #[command(flatten)]
    database: DatabaseArgs,
    /// Remove rows from before this day (UTC) or time.
    #[arg(long, env = "REMOTEGPU_BEFORE", value_name = "DATE")]
    before: String,
}

/// Walks every chain and says what it found; an error when one is broken.
pub(super) async fn verify(args: VerifyAudit) -> anyhow::Result<()> {
    let reports = backend(&args.database).await?.verify_audit(args.account.as_deref()).await?;
    for report in &reports {
        say(&in_words(report))?;
    }
    match reports.iter().filter(|report| report.broken.is_some()).count() {
        0 => say(&format!("The audit log is whole: {} chains", reports.len())),
        broken => bail!("The audit log is broken in {broken} of {} chains", reports.len()),
    }
}

/// Removes old segments and says how many rows went.
pub(super) async fn prune(args: PruneAudit) -> anyhow::Result<()> {
    let query = AuditQuery { since: Some(args.before), ..AuditQuery::default() };
    let before = query.check()?.since.context("--before must be a day such as 2026-11-21")?;
    let rows = backend(&args.database).await?.prune_audit(before).await?;
    say(&format!("{rows} rows from before {before} removed; the hash of the last one is kept"))
}

fn in_words(report: &ChainReport) -> String {
    let ChainReport { chain, rows, unsealed, pruned, .. } = report;
    let mut text = format!("{chain}: {rows} rows");
    if *pruned > 0 {
        text.push_str(&format!(", {pruned} more removed by age"));
    }
    if let Some(until) = report.unsealed_before_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()) {
        text.push_str(&format!(", {unsealed} from before {until} not sealed one by one"));
    }
    let (sequence, hash) = &report.head;
    text.push_str(&format!(", head {sequence} {}", hash.get(..16).unwrap_or("-")));
    match &report.broken {
        None => text.push_str(": whole"),
        Some(broken) => {
            let row = broken.row.as_deref().map_or_else(String::new, |id| format!(", row {id}"));
            text.push_str(&format!(": BROKEN at {}: {}{row}", broken.sequence, broken.kind.as_str()));
        }
    }
    text
}
