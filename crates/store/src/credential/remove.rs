//! Ending single credentials, forgetting old ones, and the id that marks what is ours in a cluster.

use domain::Result;
use domain::audit::AuditEvent;
use domain::credential::Credential;
use domain::id::NamespaceId;
use jiff::Timestamp;

use super::connector;
use crate::error::translate;
use crate::pool::{Pool, change, on_db};
use crate::row::{ms, stored};

/// A token cannot be ended, only its account: every living credential of that account ends with this one.
pub(crate) async fn revoke(pool: &Pool, credential: &Credential, at: Timestamp, audit: &AuditEvent) -> Result<()> {
    change!(pool, audit, tx => {
        sqlx::query(
            "UPDATE credentials SET revoked_ms = $3
             WHERE service_account = $1 AND namespace_id = $2 AND revoked_ms IS NULL
                 AND (expires_ms > $3 OR service_account LIKE 'connector-%')",
        )
        .bind(&credential.service_account)
        .bind(credential.namespace_id.to_string())
        .bind(ms(at))
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO credential_removals (service_account, namespace_id) VALUES ($1, $2)
             ON CONFLICT (service_account, namespace_id) DO NOTHING",
        )
        .bind(&credential.service_account)
        .bind(credential.namespace_id.to_string())
        .execute(&mut *tx)
        .await
        .map(|_| Some(()))
    })
    .map(drop)
    .map_err(translate)
}

pub(crate) async fn to_remove(pool: &Pool, limit: u32) -> Result<Vec<(String, NamespaceId)>> {
    let text = connector::to_remove(&pool.engine);
    let rows: Vec<(String, String)> =
        on_db!(read pool, db => sqlx::query_as(text).bind(i64::from(limit)).fetch_all(db).await).map_err(translate)?;
    rows.into_iter().map(|(account, namespace)| Ok((account, stored(NamespaceId::parse, &namespace)?))).collect()
}

pub(crate) async fn removed(pool: &Pool, service_account: &str, namespace: NamespaceId) -> Result<()> {
    for text in [
        "DELETE FROM credential_removals WHERE service_account = $1 AND namespace_id = $2",
        "DELETE FROM connector_drafts WHERE service_account = $1 AND namespace_id = $2",
    ] {
        on_db!(write pool, db => sqlx::query(text)
            .bind(service_account)
            .bind(namespace.to_string())
            .execute(db)
            .await
            .map(drop))
        .map_err(translate)?;
    }
    Ok(())
}

/// A connector renews its own token: what the book says of the first one ends nothing, only a revocation does. All of
/// the others go: one batch at each look would be fewer than a busy installation adds between two.
pub(crate) async fn delete_old(pool: &Pool, before: Timestamp, batch: u32) -> Result<u64> {
    let mut removed = 0;
    loop {
        let gone = on_db!(write pool, db => sqlx::query(
            "DELETE FROM credentials WHERE id IN (SELECT id FROM credentials WHERE expires_ms < $1
                 AND (revoked_ms IS NOT NULL OR service_account NOT LIKE 'connector-%') LIMIT $2)",
        )
        .bind(ms(before))
        .bind(i64::from(batch))
        .execute(db)
        .await
        .map(|done| done.rows_affected()))
        .map_err(translate)?;
        if gone == 0 {
            return Ok(removed);
        }
        removed += gone;
    }
}

pub(crate) async fn installation(pool: &Pool, fresh: &str) -> Result<String> {
    on_db!(write pool, db => sqlx::query(
        "INSERT INTO installation (one, id) VALUES (1, $1) ON CONFLICT (one) DO NOTHING",
    )
    .bind(fresh)
    .execute(db)
    .await
    .map(drop))
    .map_err(translate)?;
    on_db!(read pool, db => sqlx::query_scalar("SELECT id FROM installation WHERE one = 1").fetch_one(db).await)
        .map_err(translate)
}
