//! Browser sessions in SQL: ids arrive hashed, a save never revives what was ended (`security.md` §4.1).

use async_trait::async_trait;
use backend::ports::{Sessions, UserSessions};
use domain::audit::AuditEvent;
use domain::id::{AccountId, SessionId, UserId};
use domain::page::PageRequest;
use domain::session::{Acting, SessionRecord, after};
use domain::{Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{Pool, change, on_db};
use crate::row::{all, at, ms, one, stored, with_surplus};

// "Last seen" is written at most once a minute: a page asks for a dozen things at once.
const SEEN_EVERY_MS: i64 = 60_000;

macro_rules! hash_name {
    () => {
        "substr(id_hash, 1, 8) || '-' || substr(id_hash, 9, 4) || '-' || substr(id_hash, 13, 4) || '-' ||
         substr(id_hash, 17, 4) || '-' || substr(id_hash, 21, 12)"
    };
}

// One text for every look-up. A row of an older binary has no id of its own: it is named after its hash.
macro_rules! session_where {
    ($condition:literal) => {
        concat!(
            "SELECT id_hash, COALESCE(id, ",
            hash_name!(),
            ") AS id, user_id, data, created_ms, authenticated_ms, provider, provider_sid, last_seen_ms,
                 idle_expires_ms, absolute_expires_ms, address, user_agent, account_id, support
             FROM sessions WHERE ",
            $condition
        )
    };
}

#[derive(sqlx::FromRow)]
struct SessionRow {
    id_hash: String,
    id: String,
    user_id: String,
    data: String,
    created_ms: i64,
    authenticated_ms: i64,
    provider: Option<String>,
    provider_sid: Option<String>,
    last_seen_ms: i64,
    idle_expires_ms: i64,
    absolute_expires_ms: i64,
    address: String,
    user_agent: String,
    account_id: Option<String>,
    support: bool,
}

impl TryFrom<SessionRow> for SessionRecord {
    type Error = Error;
    fn try_from(row: SessionRow) -> Result<Self> {
        Ok(Self {
            id_hash: row.id_hash,
            id: stored(SessionId::parse, &row.id)?,
            user_id: stored(UserId::parse, &row.user_id)?,
            data: row.data,
            created_at: at(row.created_ms)?,
            authenticated_at: at(row.authenticated_ms)?,
            provider: row.provider,
            provider_sid: row.provider_sid,
            last_seen_at: at(row.last_seen_ms)?,
            idle_expires_at: at(row.idle_expires_ms)?,
            absolute_expires_at: at(row.absolute_expires_ms)?,
            address: row.address,
            user_agent: row.user_agent,
            acting: Acting {
                account: row.account_id.map(|id| stored(AccountId::parse, &id)).transpose()?,
                support: row.support,
            },
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

    async fn peek_session(&self, id_hash: &str, now: Timestamp) -> Result<Option<SessionRecord>> {
        peek(&self.pool, id_hash, now).await
    }

    async fn act_in(&self, id_hash: &str, acting: Acting) -> Result<bool> {
        act_in(&self.pool, id_hash, acting).await
    }

    async fn delete_session(&self, id_hash: &str) -> Result<()> {
        delete(&self.pool, id_hash).await
    }

    async fn delete_expired_sessions(&self, now: Timestamp, limit: u32) -> Result<u64> {
        delete_expired(&self.pool, now, limit).await
    }
}

#[async_trait]
impl UserSessions for SqlStore {
    async fn list_sessions(&self, user: UserId, now: Timestamp, page: &PageRequest) -> Result<Vec<SessionRecord>> {
        list(&self.pool, user, now, page).await
    }

    async fn end_session(&self, user: UserId, id: SessionId, audit: &AuditEvent) -> Result<bool> {
        end_one(&self.pool, user, id, audit).await
    }

    async fn end_sessions(&self, user: UserId, keep: Option<SessionId>, audit: &AuditEvent) -> Result<()> {
        end_all(&self.pool, user, keep, audit).await
    }
}

// Ends all sessions of a user but one, those of the command line too, within the transaction of what made them untrusted.
// The number first and each link of the chain before what is made from it: whoever makes one at this moment holds what
// comes before it, so that it either stands when its kind is ended or is not made.
macro_rules! end_all_but {
    ($tx:ident, $user:expr, $keep:expr) => {
        // Tokens of the tenant API carry this number.
        sqlx::query("UPDATE users SET token_version = token_version + 1 WHERE id = $1")
            .bind($user.to_string())
            .execute(&mut *$tx)
            .await?;
        sqlx::query(concat!(
            "DELETE FROM sessions WHERE user_id = $1 AND (id <> $2 OR (id IS NULL AND ",
            $crate::session::hash_name!(),
            " <> $2))"
        ))
        .bind($user.to_string())
        .bind($keep.map(|id| id.to_string()).unwrap_or_default())
        .execute(&mut *$tx)
        .await?;
        $crate::cli_session::end_all!($tx, $user);
    };
}

pub(crate) use {end_all_but, hash_name};

pub(crate) async fn list(pool: &Pool, user: UserId, now: Timestamp, page: &PageRequest) -> Result<Vec<SessionRecord>> {
    let (before, id) = after(page.after.as_deref());
    // COALESCE with a plain text and not with the name from the hash: on PostgreSQL the two columns sort differently.
    let rows = on_db!(read pool, db => sqlx::query_as::<_, SessionRow>(session_where!(
        "user_id = $1 AND idle_expires_ms > $2 AND absolute_expires_ms > $2
             AND (created_ms < $3 OR (created_ms = $3 AND COALESCE(sessions.id, '') > $4))
             ORDER BY created_ms DESC, COALESCE(sessions.id, '') LIMIT $5"
    ))
    .bind(user.to_string())
    .bind(ms(now))
    .bind(before)
    .bind(id)
    .bind(with_surplus(page.limit))
    .fetch_all(db)
    .await);
    all(rows.map_err(translate)?)
}

pub(crate) async fn end_one(pool: &Pool, user: UserId, id: SessionId, audit: &AuditEvent) -> Result<bool> {
    let ended = change!(pool, audit, tx => {
        sqlx::query_scalar::<_, String>(concat!(
            "DELETE FROM sessions WHERE user_id = $1 AND (id = $2 OR (id IS NULL AND ",
            hash_name!(),
            " = $2)) RETURNING id_hash"
        ))
        .bind(user.to_string())
        .bind(id.to_string())
        .fetch_optional(&mut *tx)
        .await
    });
    Ok(ended.map_err(translate)?.is_some())
}

pub(crate) async fn end_all(pool: &Pool, user: UserId, keep: Option<SessionId>, audit: &AuditEvent) -> Result<()> {
    change!(pool, audit, tx => {
        end_all_but!(tx, user, keep);
        Ok(Some(()))
    })
    .map(drop)
    .map_err(translate)
}

pub(crate) async fn create(pool: &Pool, session: &SessionRecord) -> Result<bool> {
    let added: Option<String> = on_db!(write pool, db => sqlx::query_scalar(
        "INSERT INTO sessions (id_hash, id, user_id, data, created_ms, authenticated_ms, provider, provider_sid,
             last_seen_ms, idle_expires_ms, absolute_expires_ms, address, user_agent, account_id, support)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         ON CONFLICT (id_hash) DO NOTHING RETURNING id_hash",
    )
    .bind(&session.id_hash)
    .bind(session.id.to_string())
    .bind(session.user_id.to_string())
    .bind(&session.data)
    .bind(ms(session.created_at))
    .bind(ms(session.authenticated_at))
    .bind(&session.provider)
    .bind(&session.provider_sid)
    .bind(ms(session.last_seen_at))
    .bind(ms(session.idle_expires_at))
    .bind(ms(session.absolute_expires_at))
    .bind(&session.address)
    .bind(&session.user_agent)
    .bind(session.acting.account.map(|id| id.to_string()))
    .bind(session.acting.support)
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

pub(crate) async fn act_in(pool: &Pool, id_hash: &str, acting: Acting) -> Result<bool> {
    let text = "UPDATE sessions SET account_id = $2, support = $3 WHERE id_hash = $1";
    on_db!(write pool, db => sqlx::query(text)
        .bind(id_hash)
        .bind(acting.account.map(|id| id.to_string()))
        .bind(acting.support)
        .execute(db)
        .await
        .map(|done| done.rows_affected() == 1))
    .map_err(translate)
}

pub(crate) async fn load(pool: &Pool, id_hash: &str, now: Timestamp) -> Result<Option<SessionRecord>> {
    match peek(pool, id_hash, now).await? {
        Some(session) if ms(now) - ms(session.last_seen_at) >= SEEN_EVERY_MS => {
            seen(pool, session, now).await.map(Some)
        }
        found => Ok(found),
    }
}

pub(crate) async fn peek(pool: &Pool, id_hash: &str, now: Timestamp) -> Result<Option<SessionRecord>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, SessionRow>(session_where!(
        "id_hash = $1 AND idle_expires_ms > $2 AND absolute_expires_ms > $2"
    ))
    .bind(id_hash)
    .bind(ms(now))
    .fetch_optional(db)
    .await);
    one(row.map_err(translate)?)
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
