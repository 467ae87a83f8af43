//! What the use cases need of the book of credentials.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::credential::{Credential, CredentialListed};
use domain::id::{AccountId, ApiKeyId, CredentialId, NamespaceId, UserId};
use domain::page::PageRequest;
use jiff::Timestamp;

/// Which credentials of an account are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialFilter {
    /// The account.
    pub account: AccountId,
    /// Only those of keys of this person.
    pub owner: Option<UserId>,
    /// Only those of this key.
    pub api_key: Option<ApiKeyId>,
    /// Only those for this namespace.
    pub namespace: Option<NamespaceId>,
}

/// Credentials handed out for (key, namespace).
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Records a fresh credential **if its key is still active**; false when it is not (the token must not leave then).
    /// A connector is no draft any more then; none is recorded in a suspended account, nor one whose draft was left so long
    /// that it is ordered away. `Conflict QuotaExceeded` for one more connector than a namespace may have.
    async fn record_credential(&self, credential: &Credential, audit: &AuditEvent) -> Result<bool>;
    /// Whether the namespace may have one more connector: that refusal, looked up before anything is made for it.
    async fn check_connectors(&self, namespace: NamespaceId) -> Result<()>;
    /// Says that a connector of this name is about to be made, before anything is: whoever sweeps leaves it alone. One that
    /// is not recorded in time is ordered away. `NotFound` when the namespace is gone.
    async fn begin_connector(&self, service_account: &str, namespace: NamespaceId) -> Result<()>;
    /// ServiceAccounts of the namespace's connectors that nobody revoked.
    async fn connectors_of(&self, namespace: NamespaceId) -> Result<Vec<String>>;
    /// Those of `service_accounts` that belong to a connector that nobody revoked, or to one that is being made.
    async fn living_connectors(&self, service_accounts: &[String]) -> Result<Vec<String>>;
    /// Notes a reuse at most once a minute per credential, together with the key's last use.
    async fn touch_credential(&self, id: CredentialId, at: Timestamp, address: &str, audit: &AuditEvent) -> Result<()>;
    /// Credentials, newest first, `limit + 1` rows.
    async fn list_credentials(&self, filter: &CredentialFilter, page: &PageRequest) -> Result<Vec<CredentialListed>>;
    /// Finds a credential of an account.
    async fn credential(&self, account: AccountId, id: CredentialId) -> Result<Option<CredentialListed>>;
    /// Marks every living credential of this one's ServiceAccount revoked and orders the account away.
    async fn revoke_credential(&self, credential: &Credential, at: Timestamp, audit: &AuditEvent) -> Result<()>;
    /// ServiceAccounts that were ordered away, with the namespace of each; of connectors that were begun and never recorded
    /// too.
    async fn accounts_to_remove(&self, limit: u32) -> Result<Vec<(String, NamespaceId)>>;
    /// The cluster holds this ServiceAccount no more.
    async fn account_removed(&self, service_account: &str, namespace: NamespaceId) -> Result<()>;
    /// Forgets the credentials that ended before `before`, `batch` by each statement; says how many.
    async fn delete_old_credentials(&self, before: Timestamp, batch: u32) -> Result<u64>;
    /// The id of this installation; `fresh` becomes it when there is none yet.
    async fn installation_id(&self, fresh: &str) -> Result<String>;
}
