//! What the use cases need of stored API keys.

use async_trait::async_trait;
use domain::Result;
use domain::api_key::{ApiKey, KeySecret, PublicId};
use domain::audit::AuditEvent;
use domain::id::{AccountId, ApiKeyId, NamespaceId, UserId};
use domain::namespace::Namespace;
use domain::order::OrderedRequest;
use domain::user::{Email, Role};
use jiff::Timestamp;

/// Everything one exec-credential call must know, read by one SELECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAccess {
    /// The key.
    pub key: ApiKey,
    /// The owner's role in the key's account; none when the owner is disabled or no longer a member.
    pub owner_role: Option<Role>,
    /// Who that is; none as above.
    pub owner_email: Option<Email>,
    /// The namespace, if it exists **in the key's account**.
    pub namespace: Option<Namespace>,
    /// When this was read, by the **database's** clock: what has an end ends by it, whatever the console's clock says.
    pub read_at: Timestamp,
}

/// A key of which something may have to go from the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyToSettle {
    /// The key.
    pub key: ApiKey,
    /// As in [`KeyAccess`].
    pub owner_role: Option<Role>,
    /// The order that is being carried out.
    pub ticket: i64,
}

/// API keys.
#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// Adds a key; `Conflict` code `Conflict` when its public id exists (take a new one), `QuotaExceeded`
    /// when the account has as many as it may.
    async fn create_api_key(&self, key: &ApiKey, audit: &AuditEvent) -> Result<()>;
    /// Finds a key of an account.
    async fn api_key(&self, account: AccountId, id: ApiKeyId) -> Result<Option<ApiKey>>;
    /// Those of `ids` that are keys of the account, in one question.
    async fn api_keys(&self, account: AccountId, ids: &[ApiKeyId]) -> Result<Vec<ApiKey>>;
    /// Keys of an account, `owner` = only theirs, in the order asked for, `limit + 1` rows.
    async fn list_api_keys(
        &self,
        account: AccountId,
        owner: Option<UserId>,
        page: &OrderedRequest,
    ) -> Result<Vec<ApiKey>>;
    /// What time it is by the clock of the database, which decides what has ended: replicas may disagree, it does not.
    async fn database_time(&self) -> Result<Timestamp>;
    /// The one SELECT of exec-credential.
    async fn key_access(&self, key: &PublicId, namespace: Option<NamespaceId>) -> Result<Option<KeyAccess>>;
    /// Writes name, scope, access, expiry and `disabled` over the revision of `key`; `settle` orders away from the
    /// cluster what it may have no more. False when the key changed or was revoked meanwhile.
    async fn update_api_key(&self, key: &ApiKey, settle: bool, audit: &AuditEvent) -> Result<bool>;
    /// Puts a new secret over the revision of `key`; its present one lives on until `old_ends_at`, one still older ends
    /// now. False when the key changed or was revoked meanwhile.
    async fn rotate_api_key(
        &self,
        key: &ApiKey,
        secret: &KeySecret,
        old_ends_at: Option<Timestamp>,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Stores another digest of the same secret, unless `old` is no longer there.
    async fn rehash_api_key(&self, id: ApiKeyId, old: &KeySecret, new: &KeySecret) -> Result<()>;
    /// Marks a key revoked and orders its objects away; false when it already was.
    async fn revoke_api_key(&self, id: ApiKeyId, at: Timestamp, audit: &AuditEvent) -> Result<bool>;
    /// Orders away what keys whose end or overlap has passed left in the cluster; says how many.
    async fn order_ended_keys(&self, now: Timestamp) -> Result<u64>;
    /// Keys with an order that is not done; `only` = this one, if it has one.
    async fn keys_to_settle(&self, only: Option<ApiKeyId>, limit: u32) -> Result<Vec<KeyToSettle>>;
    /// The cluster holds nothing more of what this order was about.
    async fn key_settled(&self, id: ApiKeyId, ticket: i64) -> Result<()>;
    /// Keys of any account by public id (reconciler only); a ticket of 0 means no order.
    async fn keys_by_public_id(&self, ids: &[PublicId]) -> Result<Vec<KeyToSettle>>;
    /// How many secrets each pepper holds together.
    async fn peppers_in_use(&self) -> Result<Vec<(String, u64)>>;
}
