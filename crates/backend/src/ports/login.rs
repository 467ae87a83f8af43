//! What sign-in needs of its stored counters.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::session::LoginCounter;
use jiff::Timestamp;

/// Sign-in throttle: a subject is `email:…` or `address:…`.
#[async_trait]
pub trait Logins: Send + Sync {
    /// Failures of each subject, in order.
    async fn login_counters(&self, subjects: &[String]) -> Result<Vec<LoginCounter>>;
    /// Adds one failure to each subject.
    async fn record_login_failure(&self, subjects: &[String], at: Timestamp, audit: &AuditEvent) -> Result<()>;
    /// Removes up to `limit` subjects that last failed before `before`: their lock is long over.
    async fn delete_old_login_counters(&self, before: Timestamp, limit: u32) -> Result<u64>;
    /// Forgets the failures of `name`, and of those of `address` as many: what others failed at from there counts on, or
    /// whoever has one account could try many others by signing in between.
    async fn record_login(&self, name: &str, address: &str, audit: &AuditEvent) -> Result<()>;
}
