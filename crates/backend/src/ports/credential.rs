//! What the use cases need of the book of credentials.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::credential::Credential;
use domain::id::CredentialId;
use jiff::Timestamp;

/// Credentials handed out for (key, namespace).
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Records a fresh credential **if its key is still active**; false when it is not (the token must not leave then).
    async fn record_credential(&self, credential: &Credential, audit: &AuditEvent) -> Result<bool>;
    /// Notes a reuse at most once a minute per credential, together with the key's last use.
    async fn touch_credential(&self, id: CredentialId, at: Timestamp, address: &str, audit: &AuditEvent) -> Result<()>;
}
