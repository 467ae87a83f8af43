//! What the use cases need of stored sessions of the command line.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::cli_session::{CliCode, CliSession};
use domain::id::{CliSessionId, SessionId, UserId};
use domain::page::PageRequest;
use jiff::Timestamp;

/// Sessions of the command line and the codes they come from; both arrive hashed (RULINGS 6).
#[async_trait]
pub trait CliSessions: Send + Sync {
    /// Keeps a code that somebody asked for in session `browser`, and drops codes that ended before `now`: nothing else
    /// would. False when that session was ended.
    async fn create_cli_code(&self, code: &CliCode, browser: SessionId, now: Timestamp) -> Result<bool>;
    /// Takes a code out: of several who come at once, one gets it. With the `token_version` its user had then.
    async fn take_cli_code(&self, code_hash: &str) -> Result<Option<(CliCode, i64)>>;
    /// Adds a session; drops those of the same user that ended before it began. False when all their sessions were
    /// ended since they had that `token_version`.
    async fn create_cli_session(
        &self,
        session: &CliSession,
        token_hash: &str,
        token_version: i64,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// A live session by its token; moves `last_seen_at` and the idle end forward, written at most once a minute.
    async fn cli_session_by_token(&self, token_hash: &str, now: Timestamp) -> Result<Option<CliSession>>;
    /// A user's session by id, live or not.
    async fn cli_session(&self, user: UserId, id: CliSessionId) -> Result<Option<CliSession>>;
    /// Live sessions of a user, by id, `limit + 1` rows.
    async fn list_cli_sessions(&self, user: UserId, now: Timestamp, page: &PageRequest) -> Result<Vec<CliSession>>;
    /// Ends a session for good; false when it was ended before.
    async fn revoke_cli_session(&self, id: CliSessionId, at: Timestamp, audit: &AuditEvent) -> Result<bool>;
}
