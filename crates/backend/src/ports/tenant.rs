//! What the use cases need of namespaces as the tenant API sees them.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::id::{AccountId, NamespaceId};
use domain::namespace::Namespace;
use domain::order::OrderedRequest;
use domain::tenant::{TenantId, TenantLabel, TenantUse};

/// Tenants: numbers and labels of namespaces.
#[async_trait]
pub trait Tenants: Send + Sync {
    /// The next id; it is given once, used or not.
    async fn next_tenant(&self) -> Result<TenantId>;
    /// The next id is `next` at least; says which it is.
    async fn continue_tenants_at(&self, next: TenantId) -> Result<TenantId>;
    /// Numbers up to `limit` namespaces that an older binary made; says how many.
    async fn number_tenants(&self, limit: u32) -> Result<u64>;
    /// The id a namespace has or had: of one that is gone too.
    async fn tenant_id_of(&self, namespace: NamespaceId) -> Result<Option<TenantId>>;
    /// Finds a namespace of an account.
    async fn tenant(&self, account: AccountId, id: TenantId) -> Result<Option<Namespace>>;
    /// Sets the label **unless** it is being deleted or failed; false when it is not there in such a state.
    async fn set_tenant_label(&self, id: NamespaceId, label: &TenantLabel, audit: &AuditEvent) -> Result<bool>;
    /// Namespaces of all accounts in the order asked for, a label before the name, `limit + 1` rows.
    async fn list_tenants(&self, page: &OrderedRequest) -> Result<Vec<TenantUse>>;
}
