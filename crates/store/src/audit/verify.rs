//! Walking the chains of the audit log in batches, and the one segment that vouches for rows from before sealing.

use std::cmp::Ordering;

use domain::Result;
use domain::audit::chain::Walk;
use domain::audit::record::PLATFORM_CHAIN;
use domain::audit::{AuditRecord, Broken, BrokenKind, ChainReport, Head, Segment};
use domain::id::AccountId;

use super::{AuditRow, select};
use crate::error::translate;
use crate::pool::{Engine, Pool, on_db};
use crate::row::{all, ms};

// Rows read at once: a few hundred kilobytes.
const BATCH: i64 = 500;

#[derive(sqlx::FromRow)]
struct HeadRow {
    chain: String,
    sequence: i64,
    hash: String,
    key_id: String,
    seal: String,
}

#[derive(sqlx::FromRow)]
struct SegmentRow {
    chain: String,
    last: i64,
    row_count: i64,
    hash: String,
    made_ms: i64,
    key_id: String,
    seal: String,
}

impl From<HeadRow> for Head {
    fn from(row: HeadRow) -> Self {
        Self { chain: row.chain, sequence: row.sequence, hash: row.hash, key_id: row.key_id, seal: row.seal }
    }
}

impl From<SegmentRow> for Segment {
    fn from(row: SegmentRow) -> Self {
        let SegmentRow { chain, last, row_count, hash, made_ms, key_id, seal } = row;
        Self { chain, last, rows: row_count, hash, made_ms, key_id, seal }
    }
}

/// Writes each segment 0 with the head that goes on from it, unless another process has.
macro_rules! begin_chains {
    ($ready:ident, $begin:literal, $journal:expr, $segments:expr) => {
        async {
            let mut lent = $ready.lend().await?;
            let mut transaction = lent.begin($begin).await?;
            for segment in &$segments {
                let written: Option<String> = sqlx::query_scalar(
                    "INSERT INTO audit_segments (chain, last, row_count, hash, made_ms, key_id, seal)
                     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (chain, last) DO NOTHING RETURNING chain",
                )
                .bind(&segment.chain)
                .bind(segment.last)
                .bind(segment.rows)
                .bind(&segment.hash)
                .bind(segment.made_ms)
                .bind(&segment.key_id)
                .bind(&segment.seal)
                .fetch_optional(&mut *transaction)
                .await?;
                if written.is_none() {
                    return transaction.rollback().await;
                }
                let head = $journal.head(segment.chain.clone(), 0, segment.hash.clone());
                sqlx::query("INSERT INTO audit_heads (chain, sequence, hash, key_id, seal) VALUES ($1, 0, $2, $3, $4)")
                    .bind(&head.chain)
                    .bind(&head.hash)
                    .bind(&head.key_id)
                    .bind(&head.seal)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await
        }
        .await
    };
}

/// Reports of one account's chain, or of all.
pub(super) async fn chains(pool: &Pool, account: Option<AccountId>) -> Result<Vec<ChainReport>> {
    let names = match account {
        Some(id) => vec![id.to_string()],
        None => all_chains(pool).await?,
    };
    let mut reports = Vec::with_capacity(names.len());
    for name in names {
        reports.push(report(pool, &name).await?);
    }
    Ok(reports)
}

/// Chains that exist, and those that should: each account has one.
pub(super) async fn all_chains(pool: &Pool) -> Result<Vec<String>> {
    let names: Vec<String> = on_db!(read pool, db => sqlx::query_scalar(
        "SELECT chain FROM audit_heads UNION SELECT id FROM accounts UNION SELECT chain FROM audit_segments",
    )
    .fetch_all(db)
    .await)
    .map_err(translate)?;
    Ok(names)
}

pub(super) async fn report(pool: &Pool, chain: &str) -> Result<ChainReport> {
    let journal = &pool.journal;
    let fits = |key_id: &str, text: &str, seal: &str| journal.fits(key_id, text, seal);
    // The head is read first: rows that are added meanwhile lie behind it and are not looked at.
    let head = head(pool, chain).await?.unwrap_or_else(|| Head { chain: chain.to_owned(), ..Head::default() });
    let segments = segments(pool, chain).await?;
    let before = segments.iter().find(|segment| segment.last == 0);
    let unsealed = unsealed(pool, chain, before.map_or("", |segment| &segment.key_id)).await?;
    let pruned = segments.iter().rfind(|segment| segment.last > 0);
    let start = pruned.or(before);
    let mut walk = Walk::from(start.map_or(0, |s| s.last), start.map_or_else(String::new, |s| s.hash.clone()), &fits);
    loop {
        let rows = batch(pool, chain, walk.sequence(), head.sequence).await?;
        if rows.is_empty() || !walk.take(&rows) {
            break;
        }
    }
    let (rows, mut broken) = walk.end(&head);
    let forged = segments.iter().find(|s| fits(&s.key_id, &s.canonical(), &s.seal) != Some(true));
    if let Some(segment) = forged {
        broken = Some(Broken { kind: BrokenKind::Head, sequence: segment.last, row: None });
    } else if let Some(kind) = unsealed.wrong(before) {
        broken = Some(Broken { kind, sequence: 0, row: unsealed.newest.clone() });
    }
    Ok(ChainReport {
        chain: chain.to_owned(),
        rows,
        unsealed: unsealed.count,
        unsealed_before_ms: before.filter(|s| s.rows > 0).map(|s| s.made_ms),
        pruned: segments.iter().filter(|s| s.last > 0).map(|s| s.rows).sum(),
        head: (head.sequence, head.hash),
        broken,
    })
}

async fn head(pool: &Pool, chain: &str) -> Result<Option<Head>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, HeadRow>(
        "SELECT chain, sequence, hash, key_id, seal FROM audit_heads WHERE chain = $1",
    )
    .bind(chain)
    .fetch_optional(db)
    .await);
    Ok(row.map_err(translate)?.map(Head::from))
}

pub(super) async fn segments(pool: &Pool, chain: &str) -> Result<Vec<Segment>> {
    let rows = on_db!(read pool, db => sqlx::query_as::<_, SegmentRow>(
        "SELECT chain, last, row_count, hash, made_ms, key_id, seal FROM audit_segments WHERE chain = $1 ORDER BY last",
    )
    .bind(chain)
    .fetch_all(db)
    .await);
    Ok(rows.map_err(translate)?.into_iter().map(Segment::from).collect())
}

async fn batch(pool: &Pool, chain: &str, after: i64, until: i64) -> Result<Vec<AuditRecord>> {
    let text = select!("chain = $1 AND sequence > $2 AND sequence <= $3 ORDER BY sequence LIMIT $4");
    let rows = on_db!(read pool, db => sqlx::query_as::<_, AuditRow>(text)
        .bind(chain)
        .bind(after)
        .bind(until)
        .bind(BATCH)
        .fetch_all(db)
        .await);
    all(rows.map_err(translate)?)
}

/// Rows of one chain that carry no seal.
#[derive(Default)]
struct Unsealed {
    count: i64,
    newest: Option<String>,
    newest_ms: i64,
    hash: String,
}

impl Unsealed {
    /// They must be the very rows that segment 0 vouches for.
    fn wrong(&self, segment: Option<&Segment>) -> Option<BrokenKind> {
        let (count, hash) = segment.map_or((0, ""), |segment| (segment.rows, &segment.hash));
        match self.count.cmp(&count) {
            Ordering::Greater => Some(BrokenKind::Unsealed),
            Ordering::Less => Some(BrokenKind::Deleted),
            Ordering::Equal => (self.hash != hash).then_some(BrokenKind::Edited),
        }
    }
}

/// Counts them and links their hashes, in the order of their ids.
async fn unsealed(pool: &Pool, chain: &str, key_id: &str) -> Result<Unsealed> {
    let mut found = Unsealed::default();
    loop {
        // An account's rows by its id; "platform" are those without one.
        let text = select!(
            "sequence IS NULL AND (account_id = $1 OR ($1 = 'platform' AND account_id IS NULL)) AND id > $2
             ORDER BY id LIMIT $3"
        );
        let rows = on_db!(read pool, db => sqlx::query_as::<_, AuditRow>(text)
            .bind(chain)
            .bind(found.newest.clone().unwrap_or_default())
            .bind(BATCH)
            .fetch_all(db)
            .await);
        let rows: Vec<AuditRecord> = all(rows.map_err(translate)?)?;
        let Some(last) = rows.last() else { return Ok(found) };
        (found.newest, found.newest_ms) = (Some(last.id.to_string()), ms(last.at));
        for row in &rows {
            found.count += 1;
            found.hash = pool.journal.link(key_id, row, &found.hash);
        }
    }
}

/// Makes segment 0 of each chain, once: it vouches for the rows that were written before rows were sealed.
pub(crate) async fn seal_rows_from_before(pool: &Pool) -> Result<()> {
    if segments(pool, PLATFORM_CHAIN).await?.iter().any(|segment| segment.last == 0) {
        return Ok(());
    }
    let owners: Vec<Option<String>> = on_db!(read pool, db => sqlx::query_scalar(
        "SELECT DISTINCT account_id FROM audit WHERE sequence IS NULL",
    )
    .fetch_all(db)
    .await)
    .map_err(translate)?;
    let mut made = Vec::new();
    // That of the platform comes first: it is the marker that keeps out a second process.
    for chain in std::iter::once(PLATFORM_CHAIN.to_owned()).chain(owners.into_iter().flatten()) {
        let found = unsealed(pool, &chain, pool.journal.key_id()).await?;
        let segment =
            Segment { chain, rows: found.count, hash: found.hash, made_ms: found.newest_ms, ..Segment::default() };
        made.push(pool.journal.segment(segment));
    }
    match &pool.engine {
        Engine::Sqlite { write, .. } => begin_chains!(write, "BEGIN IMMEDIATE", pool.journal, made),
        Engine::Postgres(all) => begin_chains!(all, "BEGIN", pool.journal, made),
    }
    .map_err(translate)
}
