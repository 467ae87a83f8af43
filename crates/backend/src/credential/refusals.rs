//! Refused exec-credential calls, folded: one bad kubectl command makes five of them, and they are one event.
//!
//! Source: `security.md` §1.3. Counted in memory and written when their minute is over, or at shutdown.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::api_key::KeyText;
use domain::audit::{Action, AuditEvent};
use domain::id::AccountId;
use domain::{Code, Error};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{Backend, Origin};

// Addresses are the caller's choice, memory is not: beyond this, refusals of one minute and code share a row.
const MOST: usize = 4096;
const LOOK: Duration = Duration::from_secs(5);

/// What is folded into one row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Fold {
    actor: String,
    address: String,
    code: Code,
    minute: i64,
}

struct Counted {
    account: Option<AccountId>,
    origin: Origin,
    count: u32,
}

/// Refusals that are not written yet.
#[derive(Default)]
pub(crate) struct Refusals {
    open: Mutex<HashMap<Fold, Counted>>,
}

// === impl Refusals ===

impl Refusals {
    fn count(&self, mut fold: Fold, account: Option<AccountId>, origin: &Origin) {
        let mut open = self.lock();
        if open.len() >= MOST && !open.contains_key(&fold) {
            fold = Fold { actor: "anonymous".to_owned(), address: "many".to_owned(), ..fold };
        }
        let entry = open.entry(fold);
        entry.or_insert_with(|| Counted { account, origin: origin.clone(), count: 0 }).count += 1;
    }

    /// Takes out what belongs to minutes before `minute`.
    fn take_before(&self, minute: i64) -> Vec<(Fold, Counted)> {
        self.lock().extract_if(|fold, _| fold.minute < minute).collect()
    }

    /// What could not be written is counted on.
    fn put_back(&self, fold: Fold, counted: Counted) {
        let mut open = self.lock();
        let count = counted.count;
        let entry = open.entry(fold).or_insert(Counted { count: 0, ..counted });
        entry.count += count;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Fold, Counted>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend {
    /// Notes that exec-credential was refused. `key` is the header as sent: only its public id goes into the log, and
    /// only if its form is right.
    pub fn note_refusal(&self, origin: &Origin, key: Option<&str>, account: Option<AccountId>, error: &Error) {
        let text = KeyText::parse(key.unwrap_or_default()).ok();
        let actor = text.map_or_else(|| "anonymous".to_owned(), |text| format!("key:{}", text.public_id.as_str()));
        let minute = minute(self.inner.clock.now());
        let fold = Fold { actor, address: origin.address.clone(), code: error.code(), minute };
        self.inner.refusals.count(fold, account, origin);
    }

    /// Writes folded refusals until cancelled, and what is left then. Every replica keeps its own.
    pub async fn keep_refusals(&self, shutdown: CancellationToken) {
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return self.write_refusals(i64::MAX).await,
                _ = look.tick() => self.write_refusals(minute(self.inner.clock.now())).await,
            }
        }
    }

    async fn write_refusals(&self, before: i64) {
        for (fold, counted) in self.inner.refusals.take_before(before) {
            let event = self.refusal_audit(&fold, &counted);
            if let Err(error) = self.inner.store.record(&event).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "writing refused calls failed; tried again");
                self.inner.refusals.put_back(fold, counted);
            }
        }
    }

    fn refusal_audit(&self, fold: &Fold, counted: &Counted) -> AuditEvent {
        let origin = Origin { address: fold.address.clone(), ..counted.origin.clone() };
        let detail = format!("{} ({}×) {}", fold.code.as_str(), counted.count, counted.origin.user_agent);
        let target = "exec-credential".to_owned();
        let action = Action::CredentialRefused;
        self.audit_for(&origin, counted.account, fold.actor.clone(), action, target, detail).refused(fold.code)
    }
}

fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(actor: &str, address: &str, minute: i64) -> Fold {
        Fold { actor: actor.into(), address: address.into(), code: Code::InvalidApiKey, minute }
    }

    fn counts(refusals: &Refusals, before: i64) -> Vec<u32> {
        let mut counts: Vec<u32> = refusals.take_before(before).into_iter().map(|(_, counted)| counted.count).collect();
        counts.sort_unstable();
        counts
    }

    #[test]
    fn five_refusals_of_one_command_are_one_row() {
        let refusals = Refusals::default();
        for _ in 0..5 {
            refusals.count(fold("key:a", "192.0.2.1", 7), None, &Origin::system());
        }
        refusals.count(fold("key:a", "192.0.2.2", 7), None, &Origin::system());
        refusals.count(fold("key:b", "192.0.2.1", 7), None, &Origin::system());
        assert_eq!(counts(&refusals, 7), [0_u32; 0], "the minute is not over");
        assert_eq!(counts(&refusals, 8), [1, 1, 5]);
        assert_eq!(counts(&refusals, i64::MAX), [0_u32; 0], "nothing is written twice");
    }

    #[test]
    fn what_could_not_be_written_is_counted_on() {
        let refusals = Refusals::default();
        refusals.count(fold("key:a", "192.0.2.1", 7), None, &Origin::system());
        let (fold_back, counted) = refusals.take_before(8).remove(0);
        refusals.count(fold("key:a", "192.0.2.1", 7), None, &Origin::system());
        refusals.put_back(fold_back, counted);
        assert_eq!(counts(&refusals, 8), [2]);
    }

    #[test]
    fn many_addresses_do_not_fill_the_memory() {
        let refusals = Refusals::default();
        for n in 0..MOST + 100 {
            refusals.count(fold("anonymous", &n.to_string(), 7), None, &Origin::system());
        }
        let rows = refusals.take_before(8);
        assert_eq!(rows.len(), MOST + 1);
        assert_eq!(rows.iter().map(|(_, counted)| counted.count as usize).sum::<usize>(), MOST + 100);
    }
}
