//! What the use cases need of stored invitations.

use async_trait::async_trait;
use domain::Result;
use domain::account::Account;
use domain::audit::AuditEvent;
use domain::id::{AccountId, InvitationId, UserId};
use domain::invitation::Invitation;
use domain::page::PageRequest;
use domain::user::User;
use jiff::Timestamp;

/// Who takes up an invitation.
#[derive(Debug, Clone, Copy)]
pub enum Joining<'a> {
    /// Somebody new, with the hash of the password they chose.
    New(&'a User, &'a str),
    /// Somebody who proved who they are.
    Known(UserId),
}

/// Invitations; tokens arrive hashed.
#[async_trait]
pub trait Invitations: Send + Sync {
    /// Adds an invitation. `Conflict` when the address is a member's or has an open invitation already,
    /// `QuotaExceeded` when the account is full.
    async fn create_invitation(&self, invitation: &Invitation, token_hash: &str, audit: &AuditEvent) -> Result<()>;
    /// Finds an invitation of an account.
    async fn invitation(&self, account: AccountId, id: InvitationId) -> Result<Option<Invitation>>;
    /// Invitations of an account by id (newest last), `limit + 1` rows.
    async fn list_invitations(&self, account: AccountId, page: &PageRequest) -> Result<Vec<Invitation>>;
    /// Gives an invitation that was neither used nor withdrawn a new token and a new end; the old token is dead. It is
    /// that of `by` from now on, who has the link.
    async fn resend_invitation(
        &self,
        id: InvitationId,
        by: UserId,
        token_hash: &str,
        expires_at: Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Withdraws; false when it was used or withdrawn before.
    async fn revoke_invitation(&self, id: InvitationId, at: Timestamp, audit: &AuditEvent) -> Result<bool>;
    /// The living invitation of a token, with its account.
    async fn open_invitation(&self, token_hash: &str, now: Timestamp) -> Result<Option<(Invitation, Account)>>;
    /// Uses a token up and makes the person a member, new people users too. False when the token is dead by now, or the
    /// new person's address was taken meanwhile. `QuotaExceeded` when the account is full.
    async fn accept_invitation(
        &self,
        token_hash: &str,
        who: Joining<'_>,
        at: Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool>;
}
