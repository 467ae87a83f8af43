//! Orders to the cluster, kept until they are done: keys of which something may have to go.

use backend::ports::KeyToSettle;
use domain::api_key::{ApiKey, PublicId};
use domain::id::ApiKeyId;
use domain::user::Role;
use domain::{Error, Result};
use jiff::Timestamp;

use super::{ApiKeyRow, select_keys};
use crate::error::translate;
use crate::pool::{Pool, on_db};
use crate::row::{all, ms, places};

#[derive(sqlx::FromRow)]
struct KeyToSettleRow {
    #[sqlx(flatten)]
    key: ApiKeyRow,
    owner_role: Option<String>,
    ticket: i64,
}

impl TryFrom<KeyToSettleRow> for KeyToSettle {
    type Error = Error;
    fn try_from(row: KeyToSettleRow) -> Result<Self> {
        let owner_role = row.owner_role.as_deref().and_then(|role| Role::parse(role).ok());
        Ok(Self { key: ApiKey::try_from(row.key)?, owner_role, ticket: row.ticket })
    }
}

/// Bookkeeping of what time has done: no audit row. Each key is ordered once per end.
pub(crate) async fn order_ended(pool: &Pool, now: Timestamp) -> Result<u64> {
    let mut ordered = 0;
    for (which, mark) in [
        (
            "INSERT INTO api_key_removals (api_key_id, ticket)
             SELECT id, 1 FROM api_keys WHERE expires_ms IS NOT NULL AND end_seen = FALSE AND expires_ms <= $1
             ON CONFLICT (api_key_id) DO UPDATE SET ticket = api_key_removals.ticket + 1",
            "UPDATE api_keys SET end_seen = TRUE
             WHERE expires_ms IS NOT NULL AND end_seen = FALSE AND expires_ms <= $1",
        ),
        (
            "INSERT INTO api_key_removals (api_key_id, ticket)
             SELECT id, 1 FROM api_keys WHERE old_ends_ms IS NOT NULL AND old_ends_ms <= $1
             ON CONFLICT (api_key_id) DO UPDATE SET ticket = api_key_removals.ticket + 1",
            "UPDATE api_keys SET old_generation = NULL, old_digest = NULL, old_pepper_id = NULL,
                 old_hash_version = NULL, old_ends_ms = NULL
             WHERE old_ends_ms IS NOT NULL AND old_ends_ms <= $1",
        ),
    ] {
        // First the orders, then the marks: between the two a crash only repeats an order.
        let found = run(pool, which, now).await?;
        if found > 0 {
            run(pool, mark, now).await?;
        }
        ordered += found;
    }
    Ok(ordered)
}

async fn run(pool: &Pool, text: &'static str, now: Timestamp) -> Result<u64> {
    on_db!(write pool, db => sqlx::query(text).bind(ms(now)).execute(db).await.map(|done| done.rows_affected()))
        .map_err(translate)
}

pub(crate) async fn to_settle(pool: &Pool, only: Option<ApiKeyId>, limit: u32) -> Result<Vec<KeyToSettle>> {
    let texts = match only {
        None => [
            select_keys!(
                ", m.role AS owner_role, q.ticket AS ticket",
                "JOIN api_key_removals q ON q.api_key_id = k.id
                 LEFT JOIN accounts a ON a.id = k.account_id AND a.suspended_ms IS NULL
                 LEFT JOIN users u ON u.id = k.owner_id AND u.disabled = FALSE
                 LEFT JOIN members m ON m.user_id = u.id AND m.account_id = a.id
                 LIMIT $1"
            ),
            // Revoked by a binary that knows no orders. The condition reads like that of the partial index, or SQLite
            // would not use it.
            select_keys!(
                ", NULL AS owner_role, CAST(0 AS BIGINT) AS ticket",
                "WHERE k.revoked_ms IS NOT NULL AND k.cluster_removed = FALSE
                     AND NOT EXISTS (SELECT 1 FROM api_key_removals q WHERE q.api_key_id = k.id)
                 LIMIT $1"
            ),
        ]
        .as_slice(),
        Some(_) => &[select_keys!(
            ", m.role AS owner_role, q.ticket AS ticket",
            "JOIN api_key_removals q ON q.api_key_id = k.id
             LEFT JOIN accounts a ON a.id = k.account_id AND a.suspended_ms IS NULL
             LEFT JOIN users u ON u.id = k.owner_id AND u.disabled = FALSE
             LEFT JOIN members m ON m.user_id = u.id AND m.account_id = a.id
             WHERE k.id = $2 LIMIT $1"
        )],
    };
    let mut found = Vec::new();
    for text in texts {
        let rows = on_db!(read pool, db => {
            let query = sqlx::query_as::<_, KeyToSettleRow>(*text).bind(i64::from(limit));
            let query = match only {
                None => query,
                Some(id) => query.bind(id.to_string()),
            };
            query.fetch_all(db).await
        });
        found.extend(all::<_, KeyToSettle>(rows.map_err(translate)?)?);
    }
    Ok(found)
}

pub(crate) async fn by_public_id(pool: &Pool, ids: &[PublicId]) -> Result<Vec<KeyToSettle>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "{} ({})",
        select_keys!(
            ", m.role AS owner_role, CAST(0 AS BIGINT) AS ticket",
            "LEFT JOIN accounts a ON a.id = k.account_id AND a.suspended_ms IS NULL
             LEFT JOIN users u ON u.id = k.owner_id AND u.disabled = FALSE
             LEFT JOIN members m ON m.user_id = u.id AND m.account_id = a.id
             WHERE k.public_id IN"
        ),
        places(1, ids.len())
    );
    let rows = on_db!(read pool, db => {
        // Safe: the text holds nothing but numbered places.
        let query = sqlx::query_as::<_, KeyToSettleRow>(sqlx::AssertSqlSafe(text));
        ids.iter().fold(query, |query, id| query.bind(id.as_str())).persistent(false).fetch_all(db).await
    });
    all(rows.map_err(translate)?)
}

pub(crate) async fn settled(pool: &Pool, id: ApiKeyId, ticket: i64) -> Result<()> {
    on_db!(write pool, db => sqlx::query("DELETE FROM api_key_removals WHERE api_key_id = $1 AND ticket = $2")
        .bind(id.to_string())
        .bind(ticket)
        .execute(db)
        .await
        .map(drop))
    .map_err(translate)?;
    on_db!(write pool, db => sqlx::query(
        "UPDATE api_keys SET cluster_removed = TRUE
         WHERE id = $1 AND revoked_ms IS NOT NULL AND cluster_removed = FALSE
             AND NOT EXISTS (SELECT 1 FROM api_key_removals r WHERE r.api_key_id = api_keys.id)",
    )
    .bind(id.to_string())
    .execute(db)
    .await
    .map(drop))
    .map_err(translate)
}
