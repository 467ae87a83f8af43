//! Requests with an `Idempotency-Key` in SQL: one statement decides who goes on.

use async_trait::async_trait;
use backend::ports::Requests;
use domain::request::{Begun, KeptAnswer, RequestRecord};
use domain::{Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{Pool, on_db};
use crate::row::ms;

// Each new request clears some old ones away, so the table needs no loop.
const SWEEP: i64 = 20;

#[derive(sqlx::FromRow)]
struct RequestRow {
    body_hash: String,
    status: Option<i64>,
    location: Option<String>,
    body: Option<String>,
}

#[async_trait]
impl Requests for SqlStore {
    async fn begin_request(&self, request: &RequestRecord, now: Timestamp, running_until: Timestamp) -> Result<Begun> {
        sweep(&self.pool, now).await?;
        if take(&self.pool, request, now, running_until).await? {
            return Ok(Begun::New);
        }
        match find(&self.pool, &request.key_hash).await? {
            // Gone between the two statements: whoever had it is done with it, and may as well be still at it.
            None => Ok(Begun::Running),
            Some(row) if row.body_hash != request.body_hash => Ok(Begun::Other),
            Some(RequestRow { status: None, .. }) => Ok(Begun::Running),
            Some(RequestRow { status: Some(status), location, body, .. }) => {
                let status = u16::try_from(status).map_err(Error::internal)?;
                Ok(Begun::Done(KeptAnswer { status, location, body }))
            }
        }
    }

    async fn finish_request(&self, key_hash: &str, answer: &KeptAnswer, expires_at: Timestamp) -> Result<()> {
        on_db!(write &self.pool, db => sqlx::query(
            "UPDATE requests SET status = $2, location = $3, body = $4, expires_ms = $5 WHERE key_hash = $1",
        )
        .bind(key_hash)
        .bind(i64::from(answer.status))
        .bind(answer.location.as_deref())
        .bind(answer.body.as_deref())
        .bind(ms(expires_at))
        .execute(db)
        .await
        .map(drop))
        .map_err(translate)
    }

    async fn abandon_request(&self, key_hash: &str) -> Result<()> {
        on_db!(write &self.pool, db => sqlx::query("DELETE FROM requests WHERE key_hash = $1 AND status IS NULL")
            .bind(key_hash)
            .execute(db)
            .await
            .map(drop))
        .map_err(translate)
    }
}

/// True for the one who got the key: it was free, or its row is out of date.
async fn take(pool: &Pool, request: &RequestRecord, now: Timestamp, running_until: Timestamp) -> Result<bool> {
    let taken: Option<String> = on_db!(write pool, db => sqlx::query_scalar(
        "INSERT INTO requests (key_hash, body_hash, created_ms, expires_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT (key_hash) DO UPDATE
         SET body_hash = excluded.body_hash, status = NULL, location = NULL, body = NULL,
             created_ms = excluded.created_ms, expires_ms = excluded.expires_ms
         WHERE requests.expires_ms <= $3 RETURNING key_hash",
    )
    .bind(&request.key_hash)
    .bind(&request.body_hash)
    .bind(ms(now))
    .bind(ms(running_until))
    .fetch_optional(db)
    .await)
    .map_err(translate)?;
    Ok(taken.is_some())
}

async fn find(pool: &Pool, key_hash: &str) -> Result<Option<RequestRow>> {
    on_db!(read pool, db => sqlx::query_as(
        "SELECT body_hash, status, location, body FROM requests WHERE key_hash = $1",
    )
    .bind(key_hash)
    .fetch_optional(db)
    .await)
    .map_err(translate)
}

async fn sweep(pool: &Pool, now: Timestamp) -> Result<()> {
    on_db!(write pool, db => sqlx::query(
        "DELETE FROM requests WHERE key_hash IN (SELECT key_hash FROM requests WHERE expires_ms <= $1 LIMIT $2)",
    )
    .bind(ms(now))
    .bind(SWEEP)
    .execute(db)
    .await
    .map(drop))
    .map_err(translate)
}
