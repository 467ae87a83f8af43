//! What the use cases need of stored identities.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::id::{AccountId, IdentityId, SessionId, UserId};
use domain::identity::Identity;
use domain::user::{Role, User};
use jiff::Timestamp;

/// People's accounts at identity providers.
#[async_trait]
pub trait Identities: Send + Sync {
    /// Finds by what the provider says: (issuer, subject).
    async fn identity(&self, issuer: &str, subject: &str) -> Result<Option<Identity>>;
    /// A person's identities, oldest first.
    async fn list_identities(&self, user: UserId) -> Result<Vec<Identity>>;
    /// Links one; ends every session of the user but `keep`. `Conflict` when it is linked already, to whomever.
    async fn link_identity(&self, identity: &Identity, keep: Option<SessionId>, audit: &AuditEvent) -> Result<()>;
    /// Unlinks one of the user's; ends every session of the user but `keep`. False when it is not theirs; `Conflict` when
    /// nothing would be left to sign in with.
    async fn unlink_identity(
        &self,
        user: UserId,
        id: IdentityId,
        keep: Option<SessionId>,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Makes a user without a password, a member of `account`, with this identity. `Conflict NameTaken` when the e-mail
    /// address is taken: nothing is ever linked by address. `Conflict QuotaExceeded` when the account is full.
    async fn create_identity_user(
        &self,
        user: &User,
        account: AccountId,
        role: Role,
        identity: &Identity,
        audit: &AuditEvent,
    ) -> Result<()>;
    /// Notes a sign-in.
    async fn record_identity_login(&self, id: IdentityId, at: Timestamp, audit: &AuditEvent) -> Result<()>;
    /// Sets the role that the provider's claims say; owners keep theirs. Ends the user's sessions and is true when it
    /// was another; SkyPilot kubeconfigs end with the right to deploy.
    async fn set_claimed_role(&self, account: AccountId, user: UserId, role: Role, audit: &AuditEvent) -> Result<bool>;
}
