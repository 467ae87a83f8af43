//! API keys in SQL: never the key, only its digests. A stored scope that cannot be read opens nothing.

mod change;
mod settle;

use async_trait::async_trait;
use backend::ports::{ApiKeys, KeyAccess, KeyToSettle};
use domain::api_key::{ApiKey, KeySecret, OldSecret, PublicId};
use domain::audit::AuditEvent;
use domain::credential::Access;
use domain::id::{AccountId, ApiKeyId, NamespaceId, UserId};
use domain::order::OrderedRequest;
use domain::scope::Scope;
use domain::{Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::order::{Columns, Listing, list_rows};
use crate::pool::{Pool, on_db};
use crate::row::{all, at, maybe_at, one, places, stored};

const COLUMNS: Columns = Columns { id: "k.id", name: "lower(k.name)" };

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
    hash_version: i64,
    old_generation: Option<i64>,
    old_digest: Option<String>,
    old_pepper_id: Option<String>,
    old_hash_version: Option<i64>,
    old_ends_ms: Option<i64>,
    scope: String,
    access: String,
    expires_ms: Option<i64>,
    disabled: bool,
    revoked_ms: Option<i64>,
    created_ms: i64,
    last_used_ms: Option<i64>,
    last_used_ip: Option<String>,
    revision: i64,
    removal_pending: bool,
}

/// A SELECT of keys (`k`); `$more` are further columns, each with a comma before it, `$rest` begins behind `api_keys k`.
macro_rules! select_keys {
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT k.id, k.account_id, k.owner_id, k.name, k.public_id, k.generation, k.digest, k.pepper_id,
                 k.hash_version, k.old_generation, k.old_digest, k.old_pepper_id, k.old_hash_version, k.old_ends_ms,
                 k.scope, k.access, k.expires_ms, k.disabled, k.revoked_ms, k.created_ms, k.last_used_ms,
                 k.last_used_ip, k.revision,
                 ((k.revoked_ms IS NOT NULL AND k.cluster_removed = FALSE)
                     OR EXISTS (SELECT 1 FROM api_key_removals r WHERE r.api_key_id = k.id)) AS removal_pending",
            $more,
            " FROM api_keys k ",
            $rest
        )
    };
}
pub(crate) use select_keys;

impl ApiKeyRow {
    /// Half a secret is none.
    fn old_secret(&mut self) -> Result<Option<OldSecret>> {
        let whole = (self.old_generation, self.old_digest.take(), self.old_pepper_id.take(), self.old_ends_ms);
        let (Some(generation), Some(digest), Some(pepper_id), Some(ends_ms)) = whole else { return Ok(None) };
        let secret = secret(generation, digest, pepper_id, self.old_hash_version.unwrap_or_default())?;
        Ok(Some(OldSecret { secret, ends_at: at(ends_ms)? }))
    }
}

fn secret(generation: i64, digest: String, pepper_id: String, hash_version: i64) -> Result<KeySecret> {
    let generation = generation.try_into().map_err(Error::internal)?;
    Ok(KeySecret { generation, digest, pepper_id, hash_version: hash_version.try_into().map_err(Error::internal)? })
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = Error;
    fn try_from(mut row: ApiKeyRow) -> Result<Self> {
        let (scope, access) = rights(&row);
        Ok(Self {
            id: stored(ApiKeyId::parse, &row.id)?,
            account_id: stored(AccountId::parse, &row.account_id)?,
            owner_id: stored(UserId::parse, &row.owner_id)?,
            old_secret: row.old_secret()?,
            name: row.name,
            public_id: PublicId::from_trusted(row.public_id),
            secret: secret(row.generation, row.digest, row.pepper_id, row.hash_version)?,
            scope,
            access,
            expires_at: maybe_at(row.expires_ms)?,
            disabled: row.disabled,
            revoked_at: maybe_at(row.revoked_ms)?,
            created_at: at(row.created_ms)?,
            last_used_at: maybe_at(row.last_used_ms)?,
            last_used_ip: row.last_used_ip,
            revision: row.revision.try_into().map_err(Error::internal)?,
            removal_pending: row.removal_pending,
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
        change::create(&self.pool, key, audit).await
    }

    async fn api_key(&self, account: AccountId, id: ApiKeyId) -> Result<Option<ApiKey>> {
        of_account(&self.pool, account, id).await
    }

    async fn api_keys(&self, account: AccountId, ids: &[ApiKeyId]) -> Result<Vec<ApiKey>> {
        some_of_account(&self.pool, account, ids).await
    }

    async fn list_api_keys(
        &self,
        account: AccountId,
        owner: Option<UserId>,
        page: &OrderedRequest,
    ) -> Result<Vec<ApiKey>> {
        list(&self.pool, account, owner, page).await
    }

    async fn database_time(&self) -> Result<Timestamp> {
        crate::clock::now(&self.pool).await
    }

    async fn key_access(&self, key: &PublicId, namespace: Option<NamespaceId>) -> Result<Option<KeyAccess>> {
        crate::key_access::find(&self.pool, key, namespace).await
    }

    async fn update_api_key(&self, key: &ApiKey, settle: bool, audit: &AuditEvent) -> Result<bool> {
        change::update(&self.pool, key, settle, audit).await
    }

    async fn rotate_api_key(
        &self,
        key: &ApiKey,
        secret: &KeySecret,
        old_ends_at: Option<Timestamp>,
        audit: &AuditEvent,
    ) -> Result<bool> {
        change::rotate(&self.pool, key, secret, old_ends_at, audit).await
    }

    async fn rehash_api_key(&self, id: ApiKeyId, old: &KeySecret, new: &KeySecret) -> Result<()> {
        change::rehash(&self.pool, id, old, new).await
    }

    async fn revoke_api_key(&self, id: ApiKeyId, at: Timestamp, audit: &AuditEvent) -> Result<bool> {
        change::revoke(&self.pool, id, at, audit).await
    }

    async fn order_ended_keys(&self, now: Timestamp) -> Result<u64> {
        settle::order_ended(&self.pool, now).await
    }

    async fn keys_to_settle(&self, only: Option<ApiKeyId>, limit: u32) -> Result<Vec<KeyToSettle>> {
        settle::to_settle(&self.pool, only, limit).await
    }

    async fn key_settled(&self, id: ApiKeyId, ticket: i64) -> Result<()> {
        settle::settled(&self.pool, id, ticket).await
    }

    async fn keys_by_public_id(&self, ids: &[PublicId]) -> Result<Vec<KeyToSettle>> {
        settle::by_public_id(&self.pool, ids).await
    }

    async fn peppers_in_use(&self) -> Result<Vec<(String, u64)>> {
        peppers(&self.pool).await
    }
}

pub(crate) async fn of_account(pool: &Pool, account: AccountId, id: ApiKeyId) -> Result<Option<ApiKey>> {
    let text = select_keys!("", "WHERE k.id = $1 AND k.account_id = $2");
    let row = on_db!(read pool, db => sqlx::query_as::<_, ApiKeyRow>(text)
        .bind(id.to_string())
        .bind(account.to_string())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

/// `ids` are no more than a person chooses.
async fn some_of_account(pool: &Pool, account: AccountId, ids: &[ApiKeyId]) -> Result<Vec<ApiKey>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!("{} ({})", select_keys!("", "WHERE k.account_id = $1 AND k.id IN"), places(2, ids.len()));
    let rows = on_db!(read pool, db => {
        // Safe: the text holds nothing but numbered places.
        let query = sqlx::query_as::<_, ApiKeyRow>(sqlx::AssertSqlSafe(text)).bind(account.to_string());
        ids.iter().fold(query, |query, id| query.bind(id.to_string())).persistent(false).fetch_all(db).await
    });
    all(rows.map_err(translate)?)
}

pub(crate) async fn list(
    pool: &Pool,
    account: AccountId,
    owner: Option<UserId>,
    page: &OrderedRequest,
) -> Result<Vec<ApiKey>> {
    let listing = listing(account, owner, page);
    all(list_rows!(pool, ApiKeyRow, listing).map_err(translate)?)
}

pub(crate) fn listing(account: AccountId, owner: Option<UserId>, page: &OrderedRequest) -> Listing {
    let mut equal = vec![("k.account_id", account.to_string())];
    equal.extend(owner.map(|owner| ("k.owner_id", owner.to_string())));
    Listing::new(select_keys!("", ""), &equal, &COLUMNS, page)
}

async fn peppers(pool: &Pool) -> Result<Vec<(String, u64)>> {
    let rows: Vec<(String, i64)> = on_db!(read pool, db => sqlx::query_as(
        "SELECT pepper_id, count(*) FROM (
             SELECT pepper_id FROM api_keys WHERE revoked_ms IS NULL
             UNION ALL
             SELECT old_pepper_id FROM api_keys WHERE revoked_ms IS NULL AND old_pepper_id IS NOT NULL
         ) AS secrets GROUP BY pepper_id ORDER BY pepper_id",
    )
    .fetch_all(db)
    .await)
    .map_err(translate)?;
    Ok(rows.into_iter().map(|(pepper, count)| (pepper, count.unsigned_abs())).collect())
}
