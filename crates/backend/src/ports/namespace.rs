//! What the use cases need of stored namespaces.

use async_trait::async_trait;
use domain::Result;
use domain::account::Share;
use domain::audit::AuditEvent;
use domain::id::{AccountId, NamespaceId};
use domain::namespace::{Namespace, NamespaceName, NamespaceStatus};
use domain::page::PageRequest;
use jiff::Timestamp;

/// Tenant namespaces.
#[async_trait]
pub trait Namespaces: Send + Sync {
    /// Whether the account has room for one more, of this name: the refusals of [`Self::create_namespace`], looked up
    /// before anything is spent on it. Only the creation itself decides.
    async fn check_namespace(&self, account: AccountId, name: Option<&NamespaceName>) -> Result<()>;
    /// Adds a namespace and gives its share, what is left of the account's total; that of `namespace` is ignored.
    /// `Conflict NameTaken`, detail `You already have a namespace with this name`, when the account has one of this
    /// name.
    async fn create_namespace(&self, namespace: &Namespace, audit: &AuditEvent) -> Result<Share>;
    /// Finds a namespace of an account.
    async fn namespace(&self, account: AccountId, id: NamespaceId) -> Result<Option<Namespace>>;
    /// Finds a namespace of any account (reconciler only).
    async fn namespace_by_id(&self, id: NamespaceId) -> Result<Option<Namespace>>;
    /// Namespaces of an account by id (newest last), `limit + 1` rows.
    async fn list_namespaces(&self, account: AccountId, page: &PageRequest) -> Result<Vec<Namespace>>;
    /// Those of `ids` that belong to the account and are not being deleted.
    async fn owned_namespaces(&self, account: AccountId, ids: &[NamespaceId]) -> Result<Vec<NamespaceId>>;
    /// Those of `ids` that have a row, of any account and in any state (reconciler only).
    async fn known_namespaces(&self, ids: &[NamespaceId]) -> Result<Vec<NamespaceId>>;
    /// Writes the name and the share of `to`, each where it differs and **if it still is** as in `from`: both or
    /// neither, false when it is not. `Conflict NameTaken` as above. A new share marks the namespace as to be applied
    /// anew, at `outdated`; none for one that is being deleted, `Conflict QuotaExceeded` where less is left of the
    /// account's total.
    async fn change_namespace(
        &self,
        from: &Namespace,
        to: &Namespace,
        outdated: Timestamp,
        audit: &[AuditEvent],
    ) -> Result<bool>;
    /// Moves the state **if it still is** `from` (compare and set); false when it is not.
    async fn set_namespace_status(
        &self,
        id: NamespaceId,
        from: NamespaceStatus,
        to: NamespaceStatus,
        message: Option<&str>,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Removes the row of a namespace that is `deleting`, with its credentials.
    async fn remove_namespace(&self, id: NamespaceId, audit: &AuditEvent) -> Result<()>;
    /// Active namespaces whose objects are out of date, with the moment of the change.
    async fn outdated_namespaces(&self, limit: u32) -> Result<Vec<(Namespace, Timestamp)>>;
    /// Whether it is one of those.
    async fn is_outdated(&self, id: NamespaceId) -> Result<bool>;
    /// The objects are as `since` wants them; a later change stays to be done.
    async fn namespace_applied(&self, id: NamespaceId, since: Timestamp) -> Result<()>;
    /// Every namespace in one of `states`, for the reconciler, by id, `limit` rows after `after`.
    async fn namespaces_in(
        &self,
        states: &[NamespaceStatus],
        after: Option<NamespaceId>,
        limit: u32,
    ) -> Result<Vec<Namespace>>;
}
