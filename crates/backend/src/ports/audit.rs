//! What the use cases need of the audit log, and what the log needs to seal its rows.

use async_trait::async_trait;
use domain::Result;
use domain::audit::{AuditEvent, AuditFilter, AuditRecord, AuditScope, ChainReport};
use domain::id::{AccountId, AuditId};
use domain::page::PageRequest;
use futures::stream::BoxStream;
use jiff::Timestamp;

/// Keys the chains of the audit log; the key stays outside the database (`security.md` §9).
pub trait Sealer: Send + Sync {
    /// Names the key that seals now.
    fn key_id(&self) -> &str;
    /// Keyed hash of `text` under the key `key_id`, lower-case hex; none when there is no such key.
    fn seal(&self, key_id: &str, text: &str) -> Option<String>;
}

/// The audit log. Rows are only ever added; the store seals each to the one before it.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Writes an audit row that belongs to no other change (sign-out, downloads, refusals).
    async fn record(&self, audit: &AuditEvent) -> Result<()>;
    /// Rows of a scope, newest first unless the filter says otherwise, `limit + 1` rows; `newer_than` leaves out that
    /// row and all before it.
    async fn list_audit(
        &self,
        scope: AuditScope,
        filter: &AuditFilter,
        newer_than: Option<AuditId>,
        page: &PageRequest,
    ) -> Result<Vec<AuditRecord>>;
    /// One row of a scope.
    async fn audit_row(&self, scope: AuditScope, id: AuditId) -> Result<Option<AuditRecord>>;
    /// Rows from now on as they are committed, by this process at once, by others within seconds. `None` says that some
    /// were missed: read again.
    fn follow_audit(&self) -> BoxStream<'static, Option<AuditRecord>>;
    /// Walks the chain of one account, or every chain.
    async fn verify_audit(&self, account: Option<AccountId>) -> Result<Vec<ChainReport>>;
    /// Removes whole segments that ended before `before` and keeps the hash of their end; the number of rows removed.
    async fn prune_audit(&self, before: Timestamp, now: Timestamp) -> Result<i64>;
}
