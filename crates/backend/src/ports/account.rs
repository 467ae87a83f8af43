//! What the use cases need of stored accounts.

use async_trait::async_trait;
use domain::Result;
use domain::account::{Account, Membership, Quota};
use domain::audit::AuditEvent;
use domain::id::{AccountId, UserId};
use domain::order::OrderedRequest;
use domain::platform_account::AccountUse;
use domain::sku::SkuGrants;
use jiff::Timestamp;

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
    /// Every account with what it has, in the order asked for, `limit + 1` rows (operators only).
    async fn list_accounts(&self, page: &OrderedRequest) -> Result<Vec<AccountUse>>;
    /// One of them.
    async fn account_use(&self, id: AccountId) -> Result<Option<AccountUse>>;
    /// Name and settings of `to` **if it still has those** of `from`; false when it has not. `Conflict NameTaken` as above.
    async fn change_account(&self, from: &Account, to: &Account, audit: &AuditEvent) -> Result<bool>;
    /// Suspends (`at`) or resumes (none), and orders what its keys, connectors and SkyPilot have in the cluster to follow.
    /// False when nothing changes or when state, limits or SKUs are no longer those of `from`.
    async fn suspend_account(&self, from: &Account, at: Option<Timestamp>, audit: &AuditEvent) -> Result<bool>;
    /// Writes new limits; `outdated` marks its namespaces as to be applied anew. False when it is gone or when state,
    /// limits or SKUs are no longer those of `from`. `Conflict QuotaExceeded` when its namespaces exceed a total.
    async fn set_account_quota(
        &self,
        from: &Account,
        quota: &Quota,
        outdated: Option<Timestamp>,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Writes which SKUs it may use; marks its namespaces as to be applied anew. False as for the limits.
    async fn set_account_skus(
        &self,
        from: &Account,
        skus: &SkuGrants,
        outdated: Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Deletes an account with its members, invitations and keys; false when it is gone. `Conflict` while it has
    /// namespaces or held engines, or when a platform operator belongs to it alone.
    async fn delete_account(&self, id: AccountId, audit: &AuditEvent) -> Result<bool>;
}
