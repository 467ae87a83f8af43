//! What the use cases need of stored people.

use async_trait::async_trait;
use domain::Result;
use domain::account::Account;
use domain::audit::AuditEvent;
use domain::id::{AccountId, UserId};
use domain::user::{Email, Role, User};

/// A user with what sign-in and each request must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The person.
    pub user: User,
    /// Argon2id PHC string; none for people without a password.
    pub password_hash: Option<String>,
    /// The account they act in.
    pub account: Account,
    /// Their role in it.
    pub role: Role,
    /// Tokens of the tenant API carry it; a new password and "sign out everywhere" raise it.
    pub token_version: i64,
}

/// People and their memberships.
#[async_trait]
pub trait Users: Send + Sync {
    /// Adds a user as a member of `account`. `Conflict NameTaken` when the e-mail is taken.
    async fn create_user(
        &self,
        user: &User,
        password_hash: Option<&str>,
        account: AccountId,
        role: Role,
        audit: &AuditEvent,
    ) -> Result<()>;
    /// Whether any user exists.
    async fn has_users(&self) -> Result<bool>;
    /// Finds a person by normalised e-mail, with the hash of their password, whether they are in an account or not.
    async fn person_by_email(&self, email: &Email) -> Result<Option<(User, Option<String>)>>;
    /// Finds a member by normalised e-mail.
    async fn member_by_email(&self, email: &Email) -> Result<Option<Member>>;
    /// Finds a member by user id, in `account`. Without one, or when they are not in it: in the account first joined.
    async fn member(&self, user: UserId, account: Option<AccountId>) -> Result<Option<Member>>;
    /// Whether a user still has this `token_version`. Waits for whoever raises it at this moment: they see what stands
    /// already, or are seen here.
    async fn is_current(&self, user: UserId, token_version: i64) -> Result<bool>;
    /// Replaces the hash of the same password (parameters rose). Nothing happens when it is not `old` any more.
    async fn set_password_hash(&self, user: UserId, old: &str, hash: &str) -> Result<()>;
}
