//! Looking at engines again: when somebody asks, every five minutes a little, once a day at everything, sooner while
//! something is lacking. The leader does it; a status that changes is an audit row.
//!
//! Source: `engine-import.md` §10.

use std::time::Duration;

use domain::Result;
use domain::audit::{Action, AuditEvent};
use domain::engine::{Check, Credentials, Depth, Engine, EngineView, Probed, Report, Row};
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::{changed_meanwhile, may_check};
use crate::{Backend, Caller, Origin};

const LOOK: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 4;
const BATCH: u32 = 20;
const TRIES: u32 = 2;

impl Backend {
    /// Checks everything now, and says how the engine is.
    ///
    /// # Errors
    /// [`domain::Error::NotFound`], `conflict` for a disabled one, `rate_limited`.
    pub async fn check_engine(&self, caller: &Caller, id: &str) -> Result<EngineView> {
        let _turn = self.inner.turns.take(caller.account.id)?;
        // A check of the loop may end first; then this one looks again at the engine as it is by then.
        for _ in 0..TRIES {
            let engine = self.engine_to_change(caller, id).await?;
            may_check(&engine)?;
            if let Some(checked) = self.check(engine, Depth::Full, Some(caller)).await? {
                return Ok(self.shown_engine(&checked));
            }
        }
        Err(changed_meanwhile())
    }

    /// Checks what is due and forgets what has ended, until cancelled; idle while another replica leads.
    pub async fn keep_engines_checked(&self, shutdown: CancellationToken) {
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = look.tick() => {}
            }
            if !self.leads() {
                continue;
            }
            tokio::select! { biased; () = self.inner.leadership.lost() => {}, () = self.look_at_all() => {} }
        }
    }

    async fn look_at_all(&self) {
        self.forget_ended().await;
        self.check_due().await;
    }

    async fn check_due(&self) {
        match self.inner.store.due_engines(self.inner.clock.now(), BATCH).await {
            Ok(due) => {
                let checks = futures::stream::iter(due);
                checks.for_each_concurrent(AT_ONCE, |engine| self.check_one(engine)).await;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the engines to check could not be read");
            }
        }
    }

    async fn check_one(&self, engine: Engine) {
        let (id, depth) = (engine.id, engine.due_depth(self.inner.clock.now()));
        if let Err(error) = self.check(engine, depth, None).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, engine.id = %id, "an engine's check could not be kept");
        }
    }

    /// None when somebody changed the engine while it was looked at: the next look sees it as it is now.
    async fn check(&self, mut engine: Engine, depth: Depth, caller: Option<&Caller>) -> Result<Option<Engine>> {
        let before = engine.status;
        let probed = match self.credentials_of(engine.id).await {
            Ok(credentials) => self.look_at(&engine, &credentials, depth).await,
            Err(domain::Error::Internal(cause)) => {
                tracing::error!(cause = %cause, engine.id = %engine.id, "stored credentials cannot be read");
                broken()
            }
            Err(error) => return Err(error),
        };
        let now = self.inner.clock.now();
        let verdict = engine.checked(&probed, depth, now);
        let mut chance = [0u8];
        self.inner.random.fill(&mut chance);
        engine.spread(now, chance[0]);
        let check = Check { engine_id: engine.id, at: now, depth, report: probed.report };
        let detail = format!("{} → {}: {}", before.as_str(), engine.status.as_str(), engine.status_reason);
        let audit = match caller {
            _ if engine.status != before => {
                Some(self.by_itself(&engine, Action::EngineStatusChanged, detail.trim_end_matches([':', ' '])))
            }
            Some(caller) => Some(self.on_engine(caller, &engine, Action::EngineChecked, &verdict.reason)),
            None => None,
        };
        let kept = self.inner.store.record_check(&engine, &check, audit.as_ref()).await?;
        if !kept {
            return Ok(None);
        }
        engine.revision += 1;
        Ok(Some(engine))
    }

    /// Asks the other side; that it is still the same cluster is part of it.
    pub(super) async fn look_at(&self, engine: &Engine, credentials: &Credentials, depth: Depth) -> Probed {
        let now = self.inner.clock.now();
        let mut probed = self.inner.probe.probe(&engine.settings, credentials, depth, now).await;
        if let Some(row) = doubt(&engine.facts.cluster_uid, &probed.facts.cluster_uid, false) {
            probed.report.replace(row);
        }
        probed
    }

    /// What nobody asked for.
    pub(super) fn by_itself(&self, engine: &Engine, action: Action, detail: &str) -> AuditEvent {
        let (origin, actor) = (Origin::system(), "system".to_owned());
        self.audit_for(&origin, engine.account_id, actor, action, engine.target(), detail).named(&engine.name)
    }
}

/// What speaks against it that the cluster `found` is the one `known`; both may be empty. Behind an address that has
/// `moved` it must be proven, behind the old one not being told is no reason to stop.
pub(super) fn doubt(known: &str, found: &str, moved: bool) -> Option<Row> {
    let why = match (known, found) {
        ("", _) | (_, "") if !moved => return None,
        (known, found) if !known.is_empty() && known == found => return None,
        (_, "") => "Which cluster is at the new address cannot be told: the namespace kube-system may not be read",
        ("", _) => "Which cluster this engine was is not known: import the other one as an engine of its own",
        _ => "The address now leads to another cluster",
    };
    Some(Row::fail("cluster-uid", why))
}

fn broken() -> Probed {
    let row = Row::fail("auth", "The stored credentials cannot be read: give them again");
    Probed { report: Report { rows: vec![row] }, ..Probed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(known: &str, found: &str, moved: bool) -> String {
        doubt(known, found, moved).map(|row| row.message).unwrap_or_default()
    }

    #[test]
    fn the_same_cluster_raises_no_doubt_and_another_one_always_does() {
        for moved in [false, true] {
            assert_eq!(says("uid-1", "uid-1", moved), "");
            assert_eq!(says("uid-1", "uid-2", moved), "The address now leads to another cluster");
        }
    }

    #[test]
    fn behind_another_address_the_cluster_must_say_which_one_it_is() {
        for (known, found) in [("uid-1", ""), ("", "uid-1"), ("", "")] {
            assert_eq!(says(known, found, false), "");
            let row = doubt(known, found, true).unwrap();
            let report = Report { rows: vec![row] };
            assert!(!report.usable(), "{known} {found}");
        }
    }
}
