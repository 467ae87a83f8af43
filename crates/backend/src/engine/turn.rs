//! Few checks at once: each makes up to a hundred calls to an address that somebody typed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::id::AccountId;
use domain::{Error, Result};

const PER_ACCOUNT: u32 = 2;
const TOGETHER: u32 = 8;
const RETRY_SECONDS: u32 = 10;

/// Who is checking at the moment.
#[derive(Default)]
pub(crate) struct Turns {
    running: Arc<Mutex<HashMap<AccountId, u32>>>,
}

/// Ends with the check.
pub(super) struct Turn {
    running: Arc<Mutex<HashMap<AccountId, u32>>>,
    account: AccountId,
}

// === impl Turns ===

impl Turns {
    /// A turn for somebody of `account`.
    ///
    /// # Errors
    /// [`Error::RateLimited`] while too many run.
    pub(super) fn take(&self, account: AccountId) -> Result<Turn> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let together: u32 = running.values().sum();
        let own = running.get(&account).copied().unwrap_or_default();
        if own >= PER_ACCOUNT || together >= TOGETHER {
            return Err(Error::RateLimited { retry_after_seconds: RETRY_SECONDS });
        }
        running.insert(account, own + 1);
        Ok(Turn { running: self.running.clone(), account })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = running.get_mut(&self.account) {
            *own -= 1;
            if *own == 0 {
                running.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_two_turns_and_gets_them_back() {
        let turns = Turns::default();
        let account = AccountId::new(uuid::Uuid::nil());
        let first = turns.take(account).unwrap();
        let _second = turns.take(account).unwrap();
        assert!(matches!(turns.take(account), Err(Error::RateLimited { .. })));
        assert!(turns.take(AccountId::new(uuid::Uuid::max())).is_ok());
        drop(first);
        assert!(turns.take(account).is_ok());
    }
}
