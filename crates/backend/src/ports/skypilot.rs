//! What the use cases need of the database and of the cluster for SkyPilot access.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::id::{NamespaceId, SkypilotKubeconfigId};
use domain::namespace::Namespace;
use domain::page::PageRequest;
use domain::skypilot::{Need, SkypilotAccess, SkypilotKubeconfig, SkypilotRequest, SkypilotRights};
use jiff::Timestamp;

use super::ClusterToken;

/// The wish, and the kubeconfigs that were issued.
#[async_trait]
pub trait Skypilots: Send + Sync {
    /// The access of a namespace.
    async fn skypilot_access(&self, namespace: NamespaceId) -> Result<Option<SkypilotAccess>>;
    /// Creates or changes it; the ticket grows, what an operator allowed stays. Kubeconfigs of another ServiceAccount end.
    async fn set_skypilot_access(&self, access: &SkypilotAccess, audit: &AuditEvent) -> Result<()>;
    /// Orders it away with all its kubeconfigs; false when there is none.
    async fn remove_skypilot_access(&self, namespace: NamespaceId, at: Timestamp, audit: &AuditEvent) -> Result<bool>;
    /// Sets what an operator allows (words of the wire); false when there is no access.
    async fn approve_skypilot(&self, access: &SkypilotAccess, audit: &AuditEvent) -> Result<bool>;
    /// Accesses that reach beyond their namespace, by namespace; `limit + 1` rows.
    async fn list_skypilot_requests(&self, page: &PageRequest) -> Result<Vec<SkypilotRequest>>;
    /// Active namespaces whose cluster is not as the row says, the longest waiting first.
    async fn skypilot_orders(&self, limit: u32) -> Result<Vec<NamespaceId>>;
    /// The cluster holds what the row said at `ticket`; a row that was ordered away goes.
    async fn skypilot_settled(&self, namespace: NamespaceId, ticket: i64) -> Result<()>;
    /// Records an issued kubeconfig; false when the access has ended or names another account meanwhile, or whoever made it
    /// may not deploy any more.
    async fn record_skypilot_kubeconfig(&self, issued: &SkypilotKubeconfig, audit: &AuditEvent) -> Result<bool>;
    /// Issued kubeconfigs, newest first, `limit + 1` rows.
    async fn list_skypilot_kubeconfigs(
        &self,
        namespace: NamespaceId,
        page: &PageRequest,
    ) -> Result<Vec<SkypilotKubeconfig>>;
    /// One of them.
    async fn skypilot_kubeconfig(
        &self,
        namespace: NamespaceId,
        id: SkypilotKubeconfigId,
    ) -> Result<Option<SkypilotKubeconfig>>;
    /// Ends one and orders its Secret away; false when it had ended.
    async fn revoke_skypilot_kubeconfig(
        &self,
        issued: &SkypilotKubeconfig,
        at: Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Ended kubeconfigs of a namespace whose Secret may still stand.
    async fn skypilot_kubeconfigs_to_end(&self, namespace: NamespaceId) -> Result<Vec<SkypilotKubeconfigId>>;
    /// The Secret is gone.
    async fn skypilot_kubeconfig_ended(&self, id: SkypilotKubeconfigId) -> Result<()>;
}

/// Who a question about rights is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewedAccount {
    /// Namespace of the ServiceAccount.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// The rights in the cluster.
#[async_trait]
pub trait SkypilotRole: Send + Sync {
    /// Makes account, allow-list and bindings as `rights` say, for the ServiceAccount and the keys that reach the
    /// namespace now; takes away what they say no more.
    async fn apply_skypilot(&self, tenant: &Namespace, rights: &SkypilotRights) -> Result<()>;
    /// Takes all of it away.
    async fn remove_skypilot(&self, tenant: &Namespace) -> Result<()>;
    /// Namespaces of which something stands that this installation made.
    async fn skypilot_tenants(&self) -> Result<Vec<NamespaceId>>;
    /// Takes all of it away from namespaces that have no row any more.
    async fn remove_stray_skypilot(&self, namespaces: &[NamespaceId]) -> Result<()>;
    /// One key's identity that reaches the namespace, if one was used.
    async fn skypilot_key(&self, tenant: &Namespace) -> Result<Option<ReviewedAccount>>;
    /// Whether `account` may do each of `needs`, in their order.
    async fn review_skypilot(&self, tenant: &Namespace, account: &ReviewedAccount, needs: &[Need])
    -> Result<Vec<bool>>;
    /// A token of the ServiceAccount that ends when `id` is ended, at the latest after `seconds`.
    async fn skypilot_token(
        &self,
        tenant: &Namespace,
        service_account: &str,
        id: SkypilotKubeconfigId,
        seconds: i64,
    ) -> Result<ClusterToken>;
    /// Ends the token of `id`.
    async fn end_skypilot_token(&self, tenant: &Namespace, id: SkypilotKubeconfigId) -> Result<()>;
}
