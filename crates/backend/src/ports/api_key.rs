//! What the use cases need of stored API keys.

use async_trait::async_trait;
use domain::Result;
use domain::api_key::{ApiKey, PublicId};
use domain::audit::AuditEvent;
use domain::id::{AccountId, ApiKeyId, NamespaceId, UserId};
use domain::namespace::Namespace;
use domain::page::PageRequest;
use domain::user::Role;
use jiff::Timestamp;

/// Everything one exec-credential call must know, read by one SELECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAccess {
    /// The key.
    pub key: ApiKey,
    /// The owner's role in the key's account; none when the owner is disabled or no longer a member.
    pub owner_role: Option<Role>,
    /// The namespace, if it exists **in the key's account**.
    pub namespace: Option<Namespace>,
}

/// API keys.
#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// Adds a key; `Conflict` code `Conflict` when its public id exists (take a new one).
    async fn create_api_key(&self, key: &ApiKey, audit: &AuditEvent) -> Result<()>;
    /// Finds a key of an account.
    async fn api_key(&self, account: AccountId, id: ApiKeyId) -> Result<Option<ApiKey>>;
    /// Keys of an account, `owner` = only theirs, by id, `limit + 1` rows.
    async fn list_api_keys(&self, account: AccountId, owner: Option<UserId>, page: &PageRequest)
    -> Result<Vec<ApiKey>>;
    /// The one SELECT of exec-credential.
    async fn key_access(&self, key: &PublicId, namespace: Option<NamespaceId>) -> Result<Option<KeyAccess>>;
    /// Marks a key revoked and its cluster objects as to be removed; false when it already was.
    async fn revoke_api_key(&self, id: ApiKeyId, at: Timestamp, audit: &AuditEvent) -> Result<bool>;
    /// Revoked keys whose cluster objects may still exist.
    async fn keys_to_remove(&self, limit: u32) -> Result<Vec<ApiKey>>;
    /// The cluster holds nothing of this key any more.
    async fn key_removed(&self, id: ApiKeyId) -> Result<()>;
}
