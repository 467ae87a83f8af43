//! Keeps the revocation ledger, and makes a restored database safe.
//!
//! Source: `security.md` §9 (Backups: replays revocations so nothing comes back to life).

use std::sync::Arc;
use std::time::Duration;

use domain::Result;
use domain::audit::Action;
use domain::revocation::Revocation;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::ports::{Ended, Ledger};
use crate::{Backend, Origin};

// However a key was revoked, by whom and on which replica: its row is an order to note it.
const LOOK: Duration = Duration::from_secs(1);
const BATCH: u32 = 100;

impl Backend {
    /// Writes each revocation into `ledger` until `shutdown`, and what is left then.
    pub async fn keep_ledger(&self, ledger: Arc<dyn Ledger>, shutdown: CancellationToken) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            let last = tokio::select! {
                () = shutdown.cancelled() => true,
                _ = look.tick() => false,
            };
            match self.note_revocations(&*ledger).await {
                Ok(()) => failing = false,
                Err(error) => {
                    if !failing {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(error, "The revocation ledger cannot be written; trying again");
                    }
                    failing = true;
                }
            }
            if last {
                return;
            }
        }
    }

    /// First the file, then the mark: between the two a crash only repeats a line.
    async fn note_revocations(&self, ledger: &dyn Ledger) -> Result<()> {
        loop {
            let due = self.inner.store.revocations_to_note(BATCH).await?;
            if due.is_empty() {
                return Ok(());
            }
            ledger.append(&due).await?;
            self.inner.store.revocations_noted(&due).await?;
        }
    }

    /// Makes a restored database safe: whoever was signed in signs in again, and what was revoked stays so.
    ///
    /// # Errors
    /// When the database does not answer; nothing has changed then.
    pub async fn end_after_restore(&self, revoked: &[Revocation]) -> Result<Ended> {
        let detail = format!("{} lines of the revocation ledger", revoked.len());
        let origin = Origin::system();
        let (actor, target) = ("system".to_owned(), "installation".to_owned());
        let audit = self.audit_for(&origin, None, actor, Action::DatabaseRestored, target, detail);
        self.inner.store.end_after_restore(revoked, self.inner.clock.now(), &audit).await
    }
}
