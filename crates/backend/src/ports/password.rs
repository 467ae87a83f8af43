//! What the use cases need of stored passwords and of the links that reset them.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::id::{AccountId, SessionId, UserId};
use domain::password::{PasswordReset, ResetMaker, ResetTarget};
use domain::user::Email;
use jiff::Timestamp;

/// Passwords: a change ends sessions in the same transaction.
#[async_trait]
pub trait Passwords: Send + Sync {
    /// Replaces a password; ends every session of the user but `keep`, and their open reset link. False when the user
    /// has another `token_version` by now: whoever asks proved who they are before their sessions were ended.
    async fn change_password(
        &self,
        user: (UserId, i64),
        hash: &str,
        keep: Option<SessionId>,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Whose password is to be reset, as seen from `account`.
    async fn reset_target(&self, account: AccountId, user: UserId) -> Result<Option<ResetTarget>>;
    /// Keeps a reset link; it replaces the user's open one. False, and no link, when [`Passwords::reset_target`] would
    /// say of the person something else by now than what was `judged`. A link of a member is live as long as they have
    /// the role with which they made it; one that nobody's role gave, an operator's, until its end.
    async fn create_password_reset(
        &self,
        reset: &PasswordReset,
        judged: Option<(ResetMaker, &ResetTarget)>,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Whose live link this is.
    async fn password_reset(&self, token_hash: &str, now: Timestamp) -> Result<Option<(UserId, Email)>>;
    /// Uses a link: the link goes, the password is set, every session ends, `subject`'s failures are forgotten. False
    /// when the link is not live any more.
    async fn use_password_reset(
        &self,
        token_hash: &str,
        now: Timestamp,
        hash: &str,
        subject: &str,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Removes links that are dead at `now`.
    async fn delete_dead_password_resets(&self, now: Timestamp) -> Result<u64>;
}
