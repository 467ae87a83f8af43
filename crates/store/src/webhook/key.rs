//! Keys that end soon: announced once for each end, by an audit row that webhooks are told of.

use backend::ports::EndingKey;
use domain::audit::AuditEvent;
use domain::id::{AccountId, ApiKeyId};
use domain::{Error, Result};
use jiff::Timestamp;

use crate::error::translate;
use crate::pool::{Pool, change, on_db};
use crate::row::{all, at, ms, stored};

#[derive(sqlx::FromRow)]
struct EndingKeyRow {
    id: String,
    account_id: String,
    name: String,
    expires_ms: i64,
}

impl TryFrom<EndingKeyRow> for EndingKey {
    type Error = Error;
    fn try_from(row: EndingKeyRow) -> Result<Self> {
        Ok(Self {
            id: stored(ApiKeyId::parse, &row.id)?,
            account_id: stored(AccountId::parse, &row.account_id)?,
            name: row.name,
            expires_at: at(row.expires_ms)?,
        })
    }
}

pub(super) async fn ending(pool: &Pool, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<EndingKey>> {
    let rows = on_db!(read pool, db => sqlx::query_as::<_, EndingKeyRow>(
        "SELECT id, account_id, name, expires_ms FROM api_keys
         WHERE expires_ms > $1 AND expires_ms <= $2 AND revoked_ms IS NULL
             AND (end_announced_ms IS NULL OR end_announced_ms <> expires_ms)
         ORDER BY expires_ms LIMIT $3",
    )
    .bind(ms(now))
    .bind(ms(until))
    .bind(i64::from(limit))
    .fetch_all(db)
    .await);
    all(rows.map_err(translate)?)
}

pub(super) async fn announce(pool: &Pool, key: &EndingKey, audit: &AuditEvent) -> Result<bool> {
    let announced: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        "UPDATE api_keys SET end_announced_ms = expires_ms
         WHERE id = $1 AND expires_ms = $2 AND revoked_ms IS NULL
             AND (end_announced_ms IS NULL OR end_announced_ms <> expires_ms) RETURNING id",
    )
    .bind(key.id.to_string())
    .bind(ms(key.expires_at))
    .fetch_optional(&mut *tx)
    .await)
    .map_err(translate)?;
    Ok(announced.is_some())
}
