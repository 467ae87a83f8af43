//! What the use cases need of the audit log.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::id::AccountId;
use domain::page::PageRequest;

/// The audit log.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Writes an audit row that belongs to no other change (sign-out, downloads).
    async fn record(&self, audit: &AuditEvent) -> Result<()>;
    /// Events of an account, newest first, `limit + 1` rows.
    async fn list_audit(&self, account: AccountId, page: &PageRequest) -> Result<Vec<AuditEvent>>;
}
