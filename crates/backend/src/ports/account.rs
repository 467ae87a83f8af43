//! What the use cases need of stored accounts.

use async_trait::async_trait;
use domain::Result;
use domain::account::{Account, Membership};
use domain::audit::AuditEvent;
use domain::id::{AccountId, UserId};

/// Accounts.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Adds an account with the next customer number; `account.customer` is ignored, the stored account is returned.
    /// `Conflict NameTaken` when the name is taken.
    async fn create_account(&self, account: &Account, audit: &AuditEvent) -> Result<Account>;
    /// Finds an account by its exact name.
    async fn account_by_name(&self, name: &str) -> Result<Option<Account>>;
    /// Finds an account by id: for operators and the reconciler. People reach theirs through their membership.
    async fn account(&self, id: AccountId) -> Result<Option<Account>>;
    /// Every account a person is in, the first joined first.
    async fn accounts_of(&self, user: UserId) -> Result<Vec<Membership>>;
}
