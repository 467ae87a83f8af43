//! What the use cases need of stored accounts.

use async_trait::async_trait;
use domain::Result;
use domain::account::Account;
use domain::audit::AuditEvent;

/// Accounts.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Adds an account with the next customer number; `account.customer` is ignored, the stored account is returned.
    /// `Conflict NameTaken` when the name is taken.
    async fn create_account(&self, account: &Account, audit: &AuditEvent) -> Result<Account>;
    /// Finds an account by its exact name.
    async fn account_by_name(&self, name: &str) -> Result<Option<Account>>;
}
