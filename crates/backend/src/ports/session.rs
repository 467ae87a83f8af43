//! What the session layer needs of stored sessions.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::id::{SessionId, UserId};
use domain::page::PageRequest;
use domain::session::{Acting, SessionRecord};
use jiff::Timestamp;

/// Browser sessions; ids arrive hashed (`security.md` §4.1).
#[async_trait]
pub trait Sessions: Send + Sync {
    /// INSERT; false when the id exists.
    async fn create_session(&self, session: &SessionRecord) -> Result<bool>;
    /// UPDATE only, never an upsert: a slow request must not revive a session that was ended. False when it is gone.
    async fn save_session(&self, id_hash: &str, data: &str) -> Result<bool>;
    /// A live session; moves `last_seen_at` and the idle expiry forward, written at most once a minute.
    async fn load_session(&self, id_hash: &str, now: Timestamp) -> Result<Option<SessionRecord>>;
    /// The same look-up for open streams: leaves the idle expiry where it is, or a page left open would never end.
    async fn peek_session(&self, id_hash: &str, now: Timestamp) -> Result<Option<SessionRecord>>;
    /// Moves a session to another account. False when it is gone.
    async fn act_in(&self, id_hash: &str, acting: Acting) -> Result<bool>;
    /// Ends one session.
    async fn delete_session(&self, id_hash: &str) -> Result<()>;
    /// Removes up to `limit` dead rows.
    async fn delete_expired_sessions(&self, now: Timestamp, limit: u32) -> Result<u64>;
}

/// A person's own sessions, for the list and for ending them.
#[async_trait]
pub trait UserSessions: Send + Sync {
    /// The live ones, newest first, `limit + 1` rows; cursors are those of `domain::session::after`.
    async fn list_sessions(&self, user: UserId, now: Timestamp, page: &PageRequest) -> Result<Vec<SessionRecord>>;
    /// Ends one of the user's; false when there is none of this name.
    async fn end_session(&self, user: UserId, id: SessionId, audit: &AuditEvent) -> Result<bool>;
    /// Ends all of the user's but `keep`.
    async fn end_sessions(&self, user: UserId, keep: Option<SessionId>, audit: &AuditEvent) -> Result<()>;
}
