//! Changes of a key. What takes rights away orders their removal from the cluster in the same transaction.

use domain::account::Limit;
use domain::api_key::{ApiKey, KeySecret};
use domain::audit::AuditEvent;
use domain::id::ApiKeyId;
use domain::{Code, Error, Result};
use jiff::Timestamp;

use crate::account::room_for_one;
use crate::error::translate;
use crate::pool::{Pool, change, on_db};
use crate::row::ms;

/// The statement that orders away what key `$id` may have no more.
macro_rules! order_removal {
    ($id:expr) => {
        sqlx::query(
            "INSERT INTO api_key_removals (api_key_id, ticket) VALUES ($1, 1)
             ON CONFLICT (api_key_id) DO UPDATE SET ticket = api_key_removals.ticket + 1",
        )
        .bind($id.to_string())
    };
}

pub(crate) async fn create(pool: &Pool, key: &ApiKey, audit: &AuditEvent) -> Result<()> {
    let mut refused = None;
    let added: Option<String> = change!(pool, audit, tx => {
        let have = "SELECT count(*) FROM api_keys WHERE account_id = $1 AND revoked_ms IS NULL";
        if !room_for_one!(tx, key.account_id, Limit::ApiKeys, have, refused) {
            return Ok(None);
        }
        let old = key.old_secret.as_ref();
        let added: Option<String> = sqlx::query_scalar(
            "INSERT INTO api_keys (id, account_id, owner_id, name, public_id, generation, digest, pepper_id, scope,
                 access, expires_ms, disabled, revoked_ms, created_ms, last_used_ms, last_used_ip, hash_version,
                 old_generation, old_digest, old_pepper_id, old_hash_version, old_ends_ms, revision)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                 $22, $23)
             ON CONFLICT (public_id) DO NOTHING RETURNING id",
        )
        .bind(key.id.to_string())
        .bind(key.account_id.to_string())
        .bind(key.owner_id.to_string())
        .bind(&key.name)
        .bind(key.public_id.as_str())
        .bind(i64::from(key.secret.generation))
        .bind(&key.secret.digest)
        .bind(&key.secret.pepper_id)
        .bind(key.scope.to_json().to_string())
        .bind(key.access.as_str())
        .bind(key.expires_at.map(ms))
        .bind(key.disabled)
        .bind(key.revoked_at.map(ms))
        .bind(ms(key.created_at))
        .bind(key.last_used_at.map(ms))
        .bind(key.last_used_ip.as_deref())
        .bind(i64::from(key.secret.hash_version))
        .bind(old.map(|old| i64::from(old.secret.generation)))
        .bind(old.map(|old| old.secret.digest.as_str()))
        .bind(old.map(|old| old.secret.pepper_id.as_str()))
        .bind(old.map(|old| i64::from(old.secret.hash_version)))
        .bind(old.map(|old| ms(old.ends_at)))
        .bind(i64::from(key.revision))
        .fetch_optional(&mut *tx)
        .await?;
        Ok(added)
    })
    .map_err(translate)?;
    let taken = || Error::conflict(Code::Conflict, "The public id of this key is taken, try again");
    added.map(drop).ok_or_else(|| refused.unwrap_or_else(taken))
}

pub(crate) async fn update(pool: &Pool, key: &ApiKey, settle: bool, audit: &AuditEvent) -> Result<bool> {
    let updated = change!(pool, audit, tx => {
        let updated: Option<String> = sqlx::query_scalar(
            "UPDATE api_keys SET name = $3, scope = $4, access = $5, expires_ms = $6, disabled = $7, end_seen = FALSE,
                 revision = revision + 1
             WHERE id = $1 AND revision = $2 AND revoked_ms IS NULL RETURNING id",
        )
        .bind(key.id.to_string())
        .bind(i64::from(key.revision))
        .bind(&key.name)
        .bind(key.scope.to_json().to_string())
        .bind(key.access.as_str())
        .bind(key.expires_at.map(ms))
        .bind(key.disabled)
        .fetch_optional(&mut *tx)
        .await?;
        if updated.is_some() && settle {
            order_removal!(key.id).execute(&mut *tx).await?;
        }
        Ok(updated)
    })
    .map_err(translate)?;
    Ok(updated.is_some())
}

pub(crate) async fn rotate(
    pool: &Pool,
    key: &ApiKey,
    secret: &KeySecret,
    old_ends_at: Option<Timestamp>,
    audit: &AuditEvent,
) -> Result<bool> {
    let old = old_ends_at.map(|_| &key.secret);
    let rotated = change!(pool, audit, tx => {
        let rotated: Option<String> = sqlx::query_scalar(
            "UPDATE api_keys SET generation = $3, digest = $4, pepper_id = $5, hash_version = $6, old_generation = $7,
                 old_digest = $8, old_pepper_id = $9, old_hash_version = $10, old_ends_ms = $11,
                 revision = revision + 1
             WHERE id = $1 AND revision = $2 AND revoked_ms IS NULL RETURNING id",
        )
        .bind(key.id.to_string())
        .bind(i64::from(key.revision))
        .bind(i64::from(secret.generation))
        .bind(&secret.digest)
        .bind(&secret.pepper_id)
        .bind(i64::from(secret.hash_version))
        .bind(old.map(|old| i64::from(old.generation)))
        .bind(old.map(|old| old.digest.as_str()))
        .bind(old.map(|old| old.pepper_id.as_str()))
        .bind(old.map(|old| i64::from(old.hash_version)))
        .bind(old_ends_at.map(ms))
        .fetch_optional(&mut *tx)
        .await?;
        // Without overlap the present secret ends now; with it, the one before.
        if rotated.is_some() && (old.is_none() || key.old_secret.is_some()) {
            order_removal!(key.id).execute(&mut *tx).await?;
        }
        Ok(rotated)
    })
    .map_err(translate)?;
    Ok(rotated.is_some())
}

/// Bookkeeping of the same secret: no audit row, no new revision. The digest says which of the two it was.
pub(crate) async fn rehash(pool: &Pool, id: ApiKeyId, old: &KeySecret, new: &KeySecret) -> Result<()> {
    for text in [
        "UPDATE api_keys SET digest = $3, pepper_id = $4, hash_version = $5 WHERE id = $1 AND digest = $2",
        "UPDATE api_keys SET old_digest = $3, old_pepper_id = $4, old_hash_version = $5
         WHERE id = $1 AND old_digest = $2",
    ] {
        on_db!(write pool, db => sqlx::query(text)
            .bind(id.to_string())
            .bind(&old.digest)
            .bind(&new.digest)
            .bind(&new.pepper_id)
            .bind(i64::from(new.hash_version))
            .execute(db)
            .await
            .map(drop))
        .map_err(translate)?;
    }
    Ok(())
}

pub(crate) async fn revoke(pool: &Pool, id: ApiKeyId, at: Timestamp, audit: &AuditEvent) -> Result<bool> {
    let revoked = change!(pool, audit, tx => {
        let revoked: Option<String> = sqlx::query_scalar(
            "UPDATE api_keys SET revoked_ms = $2, cluster_removed = FALSE, revision = revision + 1
             WHERE id = $1 AND revoked_ms IS NULL RETURNING id",
        )
        .bind(id.to_string())
        .bind(ms(at))
        .fetch_optional(&mut *tx)
        .await?;
        if revoked.is_some() {
            order_removal!(id).execute(&mut *tx).await?;
        }
        Ok(revoked)
    })
    .map_err(translate)?;
    Ok(revoked.is_some())
}
