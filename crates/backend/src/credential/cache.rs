//! Issued tokens in memory, one slot per identity and namespace, with a single flight for each.
//!
//! Source: `security.md` §2.4. Authorisation has always run before anybody looks here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use domain::api_key::PublicId;
use domain::credential::Identity;
use domain::id::{CredentialId, NamespaceId};
use domain::{Error, Result};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use jiff::Timestamp;
use secrecy::SecretString;

/// A flight's result, shared by everybody who waited for it.
pub(super) type Landing = std::result::Result<Arc<CachedToken>, Arc<Error>>;
type Flight = Shared<BoxFuture<'static, Landing>>;

/// What a token belongs to. Never shared across keys, generations, rights or namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Slot {
    /// Who acts.
    pub identity: Identity,
    /// Where.
    pub namespace: NamespaceId,
}

/// A token that may be handed out again.
pub(crate) struct CachedToken {
    /// The bearer token.
    pub token: SecretString,
    /// Row of its issue.
    pub credential: CredentialId,
    /// When it ends, as reported.
    pub expires_at: Timestamp,
    /// Half of its life is over then, by the clock that nobody sets.
    pub reuse_until: Instant,
    /// Second of the last noted hand-out.
    pub noted: AtomicI64,
}

enum State {
    Flying(Flight),
    Landed(Arc<CachedToken>),
}

/// All slots of this process.
#[derive(Clone, Default)]
pub(crate) struct TokenCache {
    slots: Arc<Mutex<HashMap<Slot, State>>>,
}

// === impl CachedToken ===

impl CachedToken {
    /// At least half of its life remains.
    fn fresh(&self, now: Instant) -> bool {
        now <= self.reuse_until
    }

    /// True once a minute: the caller then writes down that the token was handed out again.
    pub fn due_for_note(&self, now: Timestamp) -> bool {
        let (last, now) = (self.noted.load(Ordering::Relaxed), now.as_second());
        // A clock that was set back by an hour must not silence the notes for that hour.
        (now - last).abs() >= 60 && self.noted.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

// === impl TokenCache ===

impl TokenCache {
    /// A fresh token of `slot`, the flight under way for it, or a new flight made by `start`. The second value says
    /// whether the token was handed out before.
    pub(super) async fn get(
        &self,
        slot: Slot,
        now: Instant,
        start: impl FnOnce() -> BoxFuture<'static, Landing>,
    ) -> Result<(Arc<CachedToken>, bool)> {
        let flight = {
            let mut slots = self.lock();
            match slots.get(&slot) {
                Some(State::Landed(token)) if token.fresh(now) => return Ok((token.clone(), true)),
                Some(State::Flying(flight)) => flight.clone(),
                _ => {
                    let flight = start().shared();
                    slots.insert(slot.clone(), State::Flying(flight.clone()));
                    self.see_home(slot.clone(), flight.clone());
                    flight
                }
            }
        };
        let landing = flight.clone().await;
        self.land(&slot, &flight, &landing);
        landing.map(|token| (token, false)).map_err(|error| copy(&error))
    }

    /// Drops every token of a key: it was revoked.
    pub(crate) fn forget_key(&self, key: &PublicId) {
        self.lock().retain(|slot, _| !matches!(&slot.identity, Identity::Key { key: k, .. } if k == key));
    }

    /// Drops the tokens of a ServiceAccount that changed or went.
    pub(crate) fn forget_account(&self, service_account: &str) {
        self.lock().retain(|slot, _| slot.identity.service_account(slot.namespace) != service_account);
    }

    /// Drops what will not be handed out again: a key that is used once leaves no token in memory for ever.
    pub(crate) fn forget_stale(&self, now: Instant) {
        self.lock().retain(|_, state| match state {
            State::Flying(_) => true,
            State::Landed(token) => token.fresh(now),
        });
    }

    /// Drops everything of a namespace that goes away.
    pub(crate) fn forget_namespace(&self, namespace: NamespaceId) {
        self.lock().retain(|slot, _| slot.namespace != namespace);
    }

    /// Lands a flight whose callers all hung up. Else whoever comes next, an hour later, would be handed its result: a
    /// token that has ended, or an error of long ago.
    fn see_home(&self, slot: Slot, flight: Flight) {
        let cache = self.clone();
        tokio::spawn(async move {
            let landing = flight.clone().await;
            cache.land(&slot, &flight, &landing);
        });
    }

    /// The first to come back from a flight puts its result away; errors are never kept. A slot that was forgotten or
    /// taken over meanwhile stays as it is.
    fn land(&self, slot: &Slot, flight: &Flight, landing: &Landing) {
        let mut slots = self.lock();
        let ours = matches!(slots.get(slot), Some(State::Flying(current)) if current.ptr_eq(flight));
        match (ours, landing) {
            (false, _) => {}
            (true, Ok(token)) => drop(slots.insert(slot.clone(), State::Landed(token.clone()))),
            (true, Err(_)) => drop(slots.remove(slot)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Slot, State>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same refusal for one more waiter; the cause was logged with the first.
fn copy(error: &Arc<Error>) -> Error {
    match &**error {
        Error::TokenWithoutExpiration => Error::TokenWithoutExpiration,
        Error::Unauthenticated { code } => Error::Unauthenticated { code: *code },
        Error::Forbidden { code } => Error::Forbidden { code: *code },
        Error::Unavailable { what, source } => Error::Unavailable { what: *what, source: source.to_string().into() },
        other => Error::internal(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
