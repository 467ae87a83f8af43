//! Browser sessions in SQL: ids arrive hashed, a save never revives what was ended (`security.md` §4.1).

use async_trait::async_trait;
use backend::ports::Sessions;
use domain::id::UserId;
use domain::session::SessionRecord;
use domain::{Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{Pool, on_db};
use crate::row::{at, ms, one, stored};

// "Last seen" is written at most once a minute: a page asks for a dozen things at once.
const SEEN_EVERY_MS: i64 = 60_000;

#[derive(sqlx::FromRow)]
struct SessionRow {
    id_hash: String,
    user_id: String,
    data: String,
    created_ms: i64,
    last_seen_ms: i64,
    idle_expires_ms: i64,
    absolute_expires_ms: i64,
    address: String,
    user_agent: String,
}

impl TryFrom<SessionRow> for SessionRecord {
    type Error = Error;
    fn try_from(row: SessionRow) -> Result<Self> {
        Ok(Self {
            id_hash: row.id_hash,
            user_id: stored(UserId::parse, &row.user_id)?,
            data: row.data,
            created_at: at(row.created_ms)?,
            last_seen_at: at(row.last_seen_ms)?,
            idle_expires_at: at(row.idle_expires_ms)?,
            absolute_expires_at: at(row.absolute_expires_ms)?,
            address: row.address,
            user_agent: row.user_agent,
        })
    }
}

#[async_trait]
impl Sessions for SqlStore {
    async fn create_session(&self, session: &SessionRecord) -> Result<bool> {
        create(&self.pool, session).await
    }

    async fn save_session(&self, id_hash: &str, data: &str) -> Result<bool> {
        save(&self.pool, id_hash, data).await
    }

    async fn load_session(&self, id_hash: &str, now: Timestamp) -> Result<Option<SessionRecord>> {
        load(&self.pool, id_hash, now).await
    }

    async fn delete_session(&self, id_hash: &str) -> Result<()> {
        delete(&self.pool, id_hash).await
    }

    async fn delete_expired_sessions(&self, now: Timestamp, limit: u32) -> Result<u64> {
        delete_expired(&self.pool, now, limit).await
    }
}

pub(crate) async fn create(pool: &Pool, session: &SessionRecord) -> Result<bool> {
    let added: Option<String> = on_db!(write pool, db => sqlx::query_scalar(
        "INSERT INTO sessions (id_hash, user_id, data, created_ms, last_seen_ms, idle_expires_ms, absolute_expires_ms,
             address, user_agent)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id_hash) DO NOTHING RETURNING id_hash",
    )
    .bind(&session.id_hash)
    .bind(session.user_id.to_string())
    .bind(&session.data)
    .bind(ms(session.created_at))
    .bind(ms(session.last_seen_at))
    .bind(ms(session.idle_expires_at))
    .bind(ms(session.absolute_expires_at))
    .bind(&session.address)
    .bind(&session.user_agent)
    .fetch_optional(db)
    .await)
    .map_err(translate)?;
    Ok(added.is_some())
}

pub(crate) async fn save(pool: &Pool, id_hash: &str, data: &str) -> Result<bool> {
    on_db!(write pool, db => sqlx::query("UPDATE sessions SET data = $2 WHERE id_hash = $1")
        .bind(id_hash)
        .bind(data)
        .execute(db)
        .await
        .map(|done| done.rows_affected() == 1))
    .map_err(translate)
}

pub(crate) async fn load(pool: &Pool, id_hash: &str, now: Timestamp) -> Result<Option<SessionRecord>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, SessionRow>(
        "SELECT id_hash, user_id, data, created_ms, last_seen_ms, idle_expires_ms, absolute_expires_ms, address,
             user_agent
         FROM sessions WHERE id_hash = $1 AND idle_expires_ms > $2 AND absolute_expires_ms > $2",
    )
    .bind(id_hash)
    .bind(ms(now))
    .fetch_optional(db)
    .await);
    let found: Option<SessionRecord> = one(row.map_err(translate)?)?;
    match found {
        Some(session) if ms(now) - ms(session.last_seen_at) >= SEEN_EVERY_MS => {
            seen(pool, session, now).await.map(Some)
        }
        found => Ok(found),
    }
}

/// Moves the idle end forward by as much as the last request is newer than the one before.
async fn seen(pool: &Pool, mut session: SessionRecord, now: Timestamp) -> Result<SessionRecord> {
    let moved: Option<(i64, i64)> = on_db!(write pool, db => sqlx::query_as(
        "UPDATE sessions SET last_seen_ms = $2, idle_expires_ms = idle_expires_ms + ($2 - last_seen_ms)
         WHERE id_hash = $1 AND last_seen_ms <= $3 RETURNING last_seen_ms, idle_expires_ms",
    )
    .bind(&session.id_hash)
    .bind(ms(now))
    .bind(ms(now) - SEEN_EVERY_MS)
    .fetch_optional(db)
    .await)
    .map_err(translate)?;
    if let Some((last_seen, idle_expires)) = moved {
        session.last_seen_at = at(last_seen)?;
        session.idle_expires_at = at(idle_expires)?;
    }
    Ok(session)
}

pub(crate) async fn delete(pool: &Pool, id_hash: &str) -> Result<()> {
    on_db!(write pool, db => sqlx::query("DELETE FROM sessions WHERE id_hash = $1")
        .bind(id_hash)
        .execute(db)
        .await
        .map(drop))
    .map_err(translate)
}

pub(crate) async fn delete_expired(pool: &Pool, now: Timestamp, limit: u32) -> Result<u64> {
    on_db!(write pool, db => sqlx::query(
        "DELETE FROM sessions WHERE id_hash IN (
             SELECT id_hash FROM sessions WHERE idle_expires_ms <= $1 OR absolute_expires_ms <= $1 LIMIT $2)",
    )
    .bind(ms(now))
    .bind(i64::from(limit))
    .execute(db)
    .await
    .map(|done| done.rows_affected()))
    .map_err(translate)
}
