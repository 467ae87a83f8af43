//! Sessions of the command line in SQL: codes and tokens arrive hashed; a code is taken out, never looked at.

use async_trait::async_trait;
use backend::ports::CliSessions;
use domain::audit::AuditEvent;
use domain::cli_session::{CliCode, CliSession, IDLE_LIFE};
use domain::id::{AccountId, CliSessionId, SessionId, UserId};
use domain::page::PageRequest;
use domain::{Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{Pool, change, enter, on_db};
use crate::row::{all, ascending, at, ms, one, stored, with_surplus};
use crate::session::hash_name;
use crate::user::AT_VERSION;

// "Last seen" is written at most once a minute: one command asks for several things.
const SEEN_EVERY_MS: i64 = 60_000;

#[derive(sqlx::FromRow)]
struct CodeRow {
    code_hash: String,
    challenge: String,
    user_id: String,
    account_id: String,
    name: String,
    expires_ms: i64,
    token_version: i64,
}

#[derive(sqlx::FromRow)]
struct CliSessionRow {
    id: String,
    user_id: String,
    account_id: String,
    account_name: String,
    name: String,
    created_ms: i64,
    last_seen_ms: i64,
    idle_expires_ms: i64,
    absolute_expires_ms: i64,
    address: String,
    user_agent: String,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.user_id, s.account_id, a.name AS account_name, s.name, s.created_ms, s.last_seen_ms,
                 s.idle_expires_ms, s.absolute_expires_ms, s.address, s.user_agent
             FROM cli_sessions s JOIN accounts a ON a.id = s.account_id WHERE ",
            $rest
        )
    };
}

impl TryFrom<CodeRow> for CliCode {
    type Error = Error;
    fn try_from(row: CodeRow) -> Result<Self> {
        Ok(Self {
            code_hash: row.code_hash,
            challenge: row.challenge,
            user_id: stored(UserId::parse, &row.user_id)?,
            account_id: stored(AccountId::parse, &row.account_id)?,
            name: row.name,
            expires_at: at(row.expires_ms)?,
        })
    }
}

impl TryFrom<CliSessionRow> for CliSession {
    type Error = Error;
    fn try_from(row: CliSessionRow) -> Result<Self> {
        Ok(Self {
            id: stored(CliSessionId::parse, &row.id)?,
            user_id: stored(UserId::parse, &row.user_id)?,
            account_id: stored(AccountId::parse, &row.account_id)?,
            account_name: row.account_name,
            name: row.name,
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
impl CliSessions for SqlStore {
    async fn create_cli_code(&self, code: &CliCode, browser: SessionId, now: Timestamp) -> Result<bool> {
        create_code(&self.pool, code, browser, now).await
    }

    async fn take_cli_code(&self, code_hash: &str) -> Result<Option<(CliCode, i64)>> {
        take_code(&self.pool, code_hash).await
    }

    async fn create_cli_session(
        &self,
        session: &CliSession,
        token_hash: &str,
        token_version: i64,
        audit: &AuditEvent,
    ) -> Result<bool> {
        create(&self.pool, session, token_hash, token_version, audit).await
    }

    async fn cli_session_by_token(&self, token_hash: &str, now: Timestamp) -> Result<Option<CliSession>> {
        by_token(&self.pool, token_hash, now).await
    }

    async fn cli_session(&self, user: UserId, id: CliSessionId) -> Result<Option<CliSession>> {
        of_user(&self.pool, user, id).await
    }

    async fn list_cli_sessions(&self, user: UserId, now: Timestamp, page: &PageRequest) -> Result<Vec<CliSession>> {
        list(&self.pool, user, now, page).await
    }

    async fn revoke_cli_session(&self, id: CliSessionId, at: Timestamp, audit: &AuditEvent) -> Result<bool> {
        revoke(&self.pool, id, at, audit).await
    }
}

// Ends all of a user's, with the codes that would make new ones, in the transaction of what made them untrusted.
macro_rules! end_all {
    ($tx:ident, $user:expr) => {
        for text in ["DELETE FROM cli_codes WHERE user_id = $1", "DELETE FROM cli_sessions WHERE user_id = $1"] {
            sqlx::query(text).bind($user.to_string()).execute(&mut *$tx).await?;
        }
    };
}
pub(crate) use end_all;

pub(crate) async fn create_code(pool: &Pool, code: &CliCode, browser: SessionId, now: Timestamp) -> Result<bool> {
    on_db!(write pool, db => sqlx::query("DELETE FROM cli_codes WHERE expires_ms <= $1")
        .bind(ms(now))
        .execute(db)
        .await
        .map(drop))
    .map_err(translate)?;
    let made = enter!(pool, tx => {
        // An UPDATE and no SELECT: whoever ends the session is waited for, or waits and ends the code as well.
        let alive: Option<String> = sqlx::query_scalar(concat!(
            "UPDATE sessions SET created_ms = created_ms WHERE user_id = $1 AND (id = $2 OR (id IS NULL AND ",
            hash_name!(),
            " = $2)) RETURNING id_hash"
        ))
        .bind(code.user_id.to_string())
        .bind(browser.to_string())
        .fetch_optional(&mut *tx)
        .await?;
        if alive.is_some() {
            sqlx::query(
                "INSERT INTO cli_codes (code_hash, challenge, user_id, account_id, name, expires_ms)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(&code.code_hash)
            .bind(&code.challenge)
            .bind(code.user_id.to_string())
            .bind(code.account_id.to_string())
            .bind(&code.name)
            .bind(ms(code.expires_at))
            .execute(&mut *tx)
            .await?;
        }
        Ok(alive)
    })
    .map_err(translate)?;
    Ok(made.is_some())
}

pub(crate) async fn take_code(pool: &Pool, code_hash: &str) -> Result<Option<(CliCode, i64)>> {
    let row: Option<CodeRow> = on_db!(write pool, db => sqlx::query_as(
        "DELETE FROM cli_codes WHERE code_hash = $1
         RETURNING code_hash, challenge, user_id, account_id, name, expires_ms,
             (SELECT token_version FROM users WHERE users.id = cli_codes.user_id) AS token_version",
    )
    .bind(code_hash)
    .fetch_optional(db)
    .await)
    .map_err(translate)?;
    let Some(row) = row else { return Ok(None) };
    let token_version = row.token_version;
    Ok(Some((row.try_into()?, token_version)))
}

pub(crate) async fn create(
    pool: &Pool,
    session: &CliSession,
    token_hash: &str,
    token_version: i64,
    audit: &AuditEvent,
) -> Result<bool> {
    let made = change!(pool, audit, tx => {
        let current: Option<String> = sqlx::query_scalar(AT_VERSION)
            .bind(session.user_id.to_string())
            .bind(token_version)
            .fetch_optional(&mut *tx)
            .await?;
        if current.is_none() {
            return Ok(None);
        }
        sqlx::query("DELETE FROM cli_sessions WHERE user_id = $1 AND absolute_expires_ms <= $2")
            .bind(session.user_id.to_string())
            .bind(ms(session.created_at))
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "INSERT INTO cli_sessions (id, token_hash, user_id, account_id, name, created_ms, last_seen_ms,
                 idle_expires_ms, absolute_expires_ms, address, user_agent)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(session.id.to_string())
        .bind(token_hash)
        .bind(session.user_id.to_string())
        .bind(session.account_id.to_string())
        .bind(&session.name)
        .bind(ms(session.created_at))
        .bind(ms(session.last_seen_at))
        .bind(ms(session.idle_expires_at))
        .bind(ms(session.absolute_expires_at))
        .bind(&session.address)
        .bind(&session.user_agent)
        .execute(&mut *tx)
        .await?;
        Ok(Some(()))
    })
    .map_err(translate)?;
    Ok(made.is_some())
}

pub(crate) async fn by_token(pool: &Pool, token_hash: &str, now: Timestamp) -> Result<Option<CliSession>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, CliSessionRow>(select!(
        "s.token_hash = $1 AND s.revoked_ms IS NULL AND s.idle_expires_ms > $2 AND s.absolute_expires_ms > $2"
    ))
    .bind(token_hash)
    .bind(ms(now))
    .fetch_optional(db)
    .await);
    let found: Option<CliSession> = one(row.map_err(translate)?)?;
    match found {
        Some(session) if ms(now) - ms(session.last_seen_at) >= SEEN_EVERY_MS => seen(pool, session, now).await,
        found => Ok(found),
    }
}

/// Moves the idle end forward. A session that was ended in between is gone for this request too.
async fn seen(pool: &Pool, session: CliSession, now: Timestamp) -> Result<Option<CliSession>> {
    let idle_end = now + IDLE_LIFE;
    let alive: Option<String> = on_db!(write pool, db => sqlx::query_scalar(
        "UPDATE cli_sessions SET last_seen_ms = $2, idle_expires_ms = $3
         WHERE id = $1 AND revoked_ms IS NULL RETURNING id",
    )
    .bind(session.id.to_string())
    .bind(ms(now))
    .bind(ms(idle_end))
    .fetch_optional(db)
    .await)
    .map_err(translate)?;
    Ok(alive.map(|_| CliSession { last_seen_at: now, idle_expires_at: idle_end, ..session }))
}

pub(crate) async fn of_user(pool: &Pool, user: UserId, id: CliSessionId) -> Result<Option<CliSession>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, CliSessionRow>(select!("s.id = $1 AND s.user_id = $2"))
        .bind(id.to_string())
        .bind(user.to_string())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

pub(crate) async fn list(pool: &Pool, user: UserId, now: Timestamp, page: &PageRequest) -> Result<Vec<CliSession>> {
    let rows = on_db!(read pool, db => sqlx::query_as::<_, CliSessionRow>(select!(
        "s.user_id = $1 AND s.id > $2 AND s.revoked_ms IS NULL AND s.idle_expires_ms > $3
             AND s.absolute_expires_ms > $3 ORDER BY s.id LIMIT $4"
    ))
    .bind(user.to_string())
    .bind(ascending(page.after.as_deref()))
    .bind(ms(now))
    .bind(with_surplus(page.limit))
    .fetch_all(db)
    .await);
    all(rows.map_err(translate)?)
}

pub(crate) async fn revoke(pool: &Pool, id: CliSessionId, at: Timestamp, audit: &AuditEvent) -> Result<bool> {
    let revoked: Option<String> = change!(pool, audit, tx => sqlx::query_scalar(
        "UPDATE cli_sessions SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL RETURNING id",
    )
    .bind(id.to_string())
    .bind(ms(at))
    .fetch_optional(&mut *tx)
    .await)
    .map_err(translate)?;
    Ok(revoked.is_some())
}
