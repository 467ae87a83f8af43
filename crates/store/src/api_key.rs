//! API keys in SQL: never the key, only its digest. A stored scope that cannot be read opens nothing.

use async_trait::async_trait;
use backend::ports::{ApiKeys, KeyAccess};
use domain::api_key::{ApiKey, PublicId};
use domain::audit::AuditEvent;
use domain::credential::Access;
use domain::id::{AccountId, ApiKeyId, NamespaceId, UserId};
use domain::page::PageRequest;
use domain::scope::Scope;
use domain::{Code, Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{Pool, change, on_db};
use crate::row::{all, ascending, at, maybe_at, ms, one, stored, with_surplus};

#[derive(sqlx::FromRow)]
pub(crate) struct ApiKeyRow {
    id: String,
    account_id: String,
    owner_id: String,
    name: String,
    public_id: String,
    generation: i64,
    digest: String,
    pepper_id: String,
    scope: String,
    access: String,
    expires_ms: Option<i64>,
    disabled: bool,
    revoked_ms: Option<i64>,
    created_ms: i64,
    last_used_ms: Option<i64>,
    last_used_ip: Option<String>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, owner_id, name, public_id, generation, digest, pepper_id, scope, access, expires_ms,
                 disabled, revoked_ms, created_ms, last_used_ms, last_used_ip
             FROM api_keys WHERE ",
            $rest
        )
    };
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = Error;
    fn try_from(row: ApiKeyRow) -> Result<Self> {
        let (scope, access) = rights(&row);
        Ok(Self {
            id: stored(ApiKeyId::parse, &row.id)?,
            account_id: stored(AccountId::parse, &row.account_id)?,
            owner_id: stored(UserId::parse, &row.owner_id)?,
            name: row.name,
            public_id: PublicId::from_trusted(row.public_id),
            generation: row.generation.try_into().map_err(Error::internal)?,
            digest: row.digest,
            pepper_id: row.pepper_id,
            scope,
            access,
            expires_at: maybe_at(row.expires_ms)?,
            disabled: row.disabled,
            revoked_at: maybe_at(row.revoked_ms)?,
            created_at: at(row.created_ms)?,
            last_used_at: maybe_at(row.last_used_ms)?,
            last_used_ip: row.last_used_ip,
        })
    }
}

/// Checked anew on every read: what cannot be understood opens no namespace, and somebody should look.
fn rights(row: &ApiKeyRow) -> (Scope, Access) {
    let scope = serde_json::from_str(&row.scope).ok().and_then(|document| Scope::parse(&document).ok());
    let access = [Access::View, Access::Edit].into_iter().find(|access| access.as_str() == row.access);
    if let (Some(scope), Some(access)) = (scope, access) {
        return (scope, access);
    }
    tracing::error!(key.id = row.id, "the stored scope or access of an API key is not valid; it grants nothing");
    (Scope::Inference, Access::View)
}

#[async_trait]
impl ApiKeys for SqlStore {
    async fn create_api_key(&self, key: &ApiKey, audit: &AuditEvent) -> Result<()> {
        create(&self.pool, key, audit).await
    }

    async fn api_key(&self, account: AccountId, id: ApiKeyId) -> Result<Option<ApiKey>> {
        of_account(&self.pool, account, id).await
    }

    async fn list_api_keys(
        &self,
        account: AccountId,
        owner: Option<UserId>,
        page: &PageRequest,
    ) -> Result<Vec<ApiKey>> {
        list(&self.pool, account, owner, page).await
    }

    async fn key_access(&self, key: &PublicId, namespace: Option<NamespaceId>) -> Result<Option<KeyAccess>> {
        crate::key_access::find(&self.pool, key, namespace).await
    }

    async fn revoke_api_key(&self, id: ApiKeyId, at: Timestamp, audit: &AuditEvent) -> Result<bool> {
        revoke(&self.pool, id, at, audit).await
    }

    async fn keys_to_remove(&self, limit: u32) -> Result<Vec<ApiKey>> {
        to_remove(&self.pool, limit).await
    }

    async fn key_removed(&self, id: ApiKeyId) -> Result<()> {
        removed(&self.pool, id).await
    }
}

pub(crate) async fn create(pool: &Pool, key: &ApiKey, audit: &AuditEvent) -> Result<()> {
    let added: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        "INSERT INTO api_keys (id, account_id, owner_id, name, public_id, generation, digest, pepper_id, scope, access,
             expires_ms, disabled, revoked_ms, created_ms, last_used_ms, last_used_ip)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (public_id) DO NOTHING RETURNING id",
    )
    .bind(key.id.to_string())
    .bind(key.account_id.to_string())
    .bind(key.owner_id.to_string())
    .bind(&key.name)
    .bind(key.public_id.as_str())
    .bind(i64::from(key.generation))
    .bind(&key.digest)
    .bind(&key.pepper_id)
    .bind(key.scope.to_json().to_string())
    .bind(key.access.as_str())
    .bind(key.expires_at.map(ms))
    .bind(key.disabled)
    .bind(key.revoked_at.map(ms))
    .bind(ms(key.created_at))
    .bind(key.last_used_at.map(ms))
    .bind(key.last_used_ip.as_deref())
    .fetch_optional(&mut *tx)
    .await)
    .map_err(translate)?;
    added.map(drop).ok_or_else(|| Error::conflict(Code::Conflict, "The public id of this key is taken, try again"))
}

pub(crate) async fn of_account(pool: &Pool, account: AccountId, id: ApiKeyId) -> Result<Option<ApiKey>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, ApiKeyRow>(select!("id = $1 AND account_id = $2"))
        .bind(id.to_string())
        .bind(account.to_string())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

pub(crate) async fn list(
    pool: &Pool,
    account: AccountId,
    owner: Option<UserId>,
    page: &PageRequest,
) -> Result<Vec<ApiKey>> {
    // Two texts rather than one with OR, which keeps a database from using the index.
    let text = match owner {
        None => select!("account_id = $1 AND id > $2 ORDER BY id LIMIT $3"),
        Some(_) => select!("account_id = $1 AND id > $2 AND owner_id = $4 ORDER BY id LIMIT $3"),
    };
    let rows = on_db!(read pool, db => {
        let query = sqlx::query_as::<_, ApiKeyRow>(text)
            .bind(account.to_string())
            .bind(ascending(page.after.as_deref()))
            .bind(with_surplus(page.limit));
        let query = match owner {
            None => query,
            Some(owner) => query.bind(owner.to_string()),
        };
        query.fetch_all(db).await
    });
    all(rows.map_err(translate)?)
}

pub(crate) async fn revoke(pool: &Pool, id: ApiKeyId, at: Timestamp, audit: &AuditEvent) -> Result<bool> {
    let revoked: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        "UPDATE api_keys SET revoked_ms = $2, cluster_removed = FALSE WHERE id = $1 AND revoked_ms IS NULL RETURNING id",
    )
    .bind(id.to_string())
    .bind(ms(at))
    .fetch_optional(&mut *tx)
    .await)
    .map_err(translate)?;
    Ok(revoked.is_some())
}

pub(crate) async fn to_remove(pool: &Pool, limit: u32) -> Result<Vec<ApiKey>> {
    // The condition reads like that of the partial index, or SQLite would not use it.
    let text = select!("revoked_ms IS NOT NULL AND cluster_removed = FALSE ORDER BY revoked_ms LIMIT $1");
    let rows = on_db!(read pool, db => sqlx::query_as::<_, ApiKeyRow>(text).bind(i64::from(limit)).fetch_all(db).await);
    all(rows.map_err(translate)?)
}

pub(crate) async fn removed(pool: &Pool, id: ApiKeyId) -> Result<()> {
    on_db!(write pool, db => sqlx::query(
        "UPDATE api_keys SET cluster_removed = TRUE WHERE id = $1 AND revoked_ms IS NOT NULL",
    )
    .bind(id.to_string())
    .execute(db)
    .await
    .map(drop))
    .map_err(translate)
}
