//! What the use cases need of the stored choice of a namespace's SKU.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::id::NamespaceId;
use jiff::Timestamp;

/// SKUs of pods that name none.
#[async_trait]
pub trait DefaultSkus: Send + Sync {
    /// Its code; none where there is none, and for a namespace that is gone.
    async fn default_sku(&self, namespace: NamespaceId) -> Result<Option<String>>;
    /// Chooses it, or none; marks the namespace as to be applied anew. False when it is gone.
    async fn set_default_sku(
        &self,
        namespace: NamespaceId,
        code: Option<&str>,
        outdated: Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool>;
}
