//! What the rule about idle GPUs needs of the database.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::id::{AccountId, NamespaceId};
use domain::idle_gpu::IdleGpuRule;
use domain::namespace::NamespaceName;

/// A namespace with the rule of its own, if it has one.
pub type RuledNamespace = (NamespaceId, NamespaceName, Option<IdleGpuRule>);

/// Rules about idle GPUs, one for each namespace that has one of its own.
#[async_trait]
pub trait IdleGpus: Send + Sync {
    /// The rule of a namespace; none while nobody has set one.
    async fn idle_gpu(&self, namespace: NamespaceId) -> Result<Option<IdleGpuRule>>;
    /// Those of `ids` that are the account's own, in one question.
    async fn idle_gpus(&self, account: AccountId, ids: &[NamespaceId]) -> Result<Vec<RuledNamespace>>;
    /// Sets it. `NotFound` when the namespace is gone.
    async fn set_idle_gpu(&self, namespace: NamespaceId, rule: &IdleGpuRule, audit: &AuditEvent) -> Result<()>;
}
