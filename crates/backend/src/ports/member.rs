//! What the use cases need of stored memberships.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::id::{AccountId, UserId};
use domain::member::AccountMember;
use domain::page::PageRequest;
use domain::user::Role;
use jiff::Timestamp;

/// The people of an account. An account never loses its last owner: `Conflict LastOwner`, decided in the transaction.
#[async_trait]
pub trait Members: Send + Sync {
    /// Members by user id, `limit + 1` rows.
    async fn list_members(&self, account: AccountId, page: &PageRequest) -> Result<Vec<AccountMember>>;
    /// One member.
    async fn account_member(&self, account: AccountId, user: UserId) -> Result<Option<AccountMember>>;
    /// Changes a role **if it still is** `from`; false when it is not.
    async fn set_member_role(
        &self,
        account: AccountId,
        user: UserId,
        from: Role,
        to: Role,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Removes a member **who still is** `from`; false when they are not. Their API keys, sessions of the command line
    /// and the invitations they made to the account end with it.
    /// `Conflict` for a platform operator without another account: nobody could sign in as them any more.
    async fn remove_member(
        &self,
        account: AccountId,
        user: UserId,
        from: Role,
        at: Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Makes the member `to` owner and the owner `from` admin; false when one of them is not what they were.
    async fn transfer_ownership(
        &self,
        account: AccountId,
        from: UserId,
        to: UserId,
        audit: &AuditEvent,
    ) -> Result<bool>;
}
