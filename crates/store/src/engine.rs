//! Engines in SQL. A row is written over the revision it was read with: a check takes up to 30 s, and what somebody
//! decided meanwhile must stand.

mod check;

use async_trait::async_trait;
use backend::ports::Engines;
use domain::audit::AuditEvent;
use domain::engine::{Check, Engine, EngineStatus, MOST};
use domain::id::{AccountId, EngineId};
use domain::page::PageRequest;
use domain::{Code, Error, Result};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::SqlStore;
use crate::account::hold_account;
use crate::error::translate;
use crate::pool::{Pool, change, on_db};
use crate::row::{all, ascending, at, maybe_at, ms, one, stored, with_surplus};

#[derive(sqlx::FromRow)]
struct EngineRow {
    id: String,
    account_id: Option<String>,
    name: String,
    ecosystem: String,
    settings: String,
    auth: String,
    status: String,
    status_reason: String,
    failures: i64,
    facts: String,
    last_check_ms: Option<i64>,
    last_full_ms: Option<i64>,
    next_check_ms: i64,
    created_ms: i64,
    revision: i64,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, name, ecosystem, settings, auth, status, status_reason, failures, facts,
                 last_check_ms, last_full_ms, next_check_ms, created_ms, revision
             FROM engines WHERE ",
            $rest
        )
    };
}

/// One statement for what people change and what a check finds.
macro_rules! update {
    () => {
        "UPDATE engines SET name = $3, ecosystem = $4, settings = $5, auth = $6, status = $7, status_reason = $8,
             failures = $9, facts = $10, cluster_uid = $11, last_check_ms = $12, last_full_ms = $13,
             next_check_ms = $14, credentials = coalesce($15, credentials), revision = revision + 1
         WHERE id = $1 AND revision = $2
             AND NOT EXISTS (SELECT 1 FROM engines e WHERE e.owner = engines.owner AND e.name = $3 AND e.id <> $1)
         RETURNING id"
    };
}

macro_rules! bound {
    ($query:expr, $engine:expr, $texts:expr, $credentials:expr) => {
        $query
            .bind($engine.id.to_string())
            .bind($engine.revision)
            .bind(&$engine.name)
            .bind(&$engine.ecosystem)
            .bind(&$texts.settings)
            .bind(&$texts.auth)
            .bind($engine.status.as_str())
            .bind(&$engine.status_reason)
            .bind(i64::from($engine.failures))
            .bind(&$texts.facts)
            .bind(&$engine.facts.cluster_uid)
            .bind($engine.last_check_at.map(ms))
            .bind($engine.last_full_at.map(ms))
            .bind(ms($engine.next_check_at))
            .bind($credentials)
    };
}

use {bound, update};

/// The parts that are stored as JSON.
struct Texts {
    settings: String,
    auth: String,
    facts: String,
}

fn texts(engine: &Engine) -> Result<Texts> {
    Ok(Texts { settings: json(&engine.settings)?, auth: json(&engine.auth)?, facts: json(&engine.facts)? })
}

fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(Error::internal)
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(Error::internal)
}

impl TryFrom<EngineRow> for Engine {
    type Error = Error;
    fn try_from(row: EngineRow) -> Result<Self> {
        Ok(Self {
            id: stored(EngineId::parse, &row.id)?,
            account_id: row.account_id.map(|id| stored(AccountId::parse, &id)).transpose()?,
            name: row.name,
            ecosystem: row.ecosystem,
            settings: from_json(&row.settings)?,
            auth: from_json(&row.auth)?,
            status: stored(EngineStatus::parse, &row.status)?,
            status_reason: row.status_reason,
            failures: u32::try_from(row.failures).map_err(Error::internal)?,
            facts: from_json(&row.facts)?,
            last_check_at: maybe_at(row.last_check_ms)?,
            last_full_at: maybe_at(row.last_full_ms)?,
            next_check_at: at(row.next_check_ms)?,
            created_at: at(row.created_ms)?,
            revision: row.revision,
        })
    }
}

#[async_trait]
impl Engines for SqlStore {
    async fn create_engine(&self, engine: &Engine, credentials: &str, audit: &AuditEvent) -> Result<()> {
        create(&self.pool, engine, credentials, audit).await
    }

    async fn engine(&self, id: EngineId) -> Result<Option<Engine>> {
        by_id(&self.pool, id).await
    }

    async fn engine_credentials(&self, id: EngineId) -> Result<Option<String>> {
        let row = on_db!(read &self.pool, db => sqlx::query_scalar("SELECT credentials FROM engines WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(db)
            .await);
        row.map_err(translate)
    }

    async fn list_engines(&self, account: AccountId, platform: bool, page: &PageRequest) -> Result<Vec<Engine>> {
        list(&self.pool, account, platform, page).await
    }

    async fn every_engine(&self) -> Result<Vec<Engine>> {
        let text = select!("TRUE ORDER BY id");
        let rows = on_db!(read &self.pool, db => sqlx::query_as::<_, EngineRow>(text).fetch_all(db).await);
        all(rows.map_err(translate)?)
    }

    async fn every_engine_credentials(&self) -> Result<Vec<(EngineId, String)>> {
        let text = "SELECT id, credentials FROM engines ORDER BY id";
        let rows = on_db!(read &self.pool, db => sqlx::query_as::<_, (String, String)>(text).fetch_all(db).await);
        let read = |(id, sealed): (String, String)| stored(EngineId::parse, &id).map(|id| (id, sealed));
        rows.map_err(translate)?.into_iter().map(read).collect()
    }

    async fn engine_of_cluster(&self, account: Option<AccountId>, cluster_uid: &str) -> Result<Option<Engine>> {
        let text = select!("owner = $1 AND cluster_uid = $2 AND cluster_uid <> '' ORDER BY id LIMIT 1");
        let row = on_db!(read &self.pool, db => sqlx::query_as::<_, EngineRow>(text)
            .bind(owner(account))
            .bind(cluster_uid)
            .fetch_optional(db)
            .await);
        one(row.map_err(translate)?)
    }

    async fn due_engines(&self, now: Timestamp, limit: u32) -> Result<Vec<Engine>> {
        let text = select!(
            "next_check_ms <= $1 AND status NOT IN ('disabled', 'deleting')
             ORDER BY next_check_ms, id LIMIT $2"
        );
        let rows = on_db!(read &self.pool, db => sqlx::query_as::<_, EngineRow>(text)
            .bind(ms(now))
            .bind(i64::from(limit))
            .fetch_all(db)
            .await);
        all(rows.map_err(translate)?)
    }

    async fn check_engine_soon(&self, id: EngineId, now: Timestamp, calm: Timestamp) -> Result<bool> {
        // A check that runs at this moment may write over it: it sees what was refused just as well.
        let text = "UPDATE engines SET next_check_ms = $2, last_full_ms = NULL
             WHERE id = $1 AND next_check_ms > $2 AND last_full_ms <= $3";
        on_db!(write &self.pool, db => {
            let query = sqlx::query(text).bind(id.to_string()).bind(ms(now)).bind(ms(calm));
            query.execute(db).await.map(|done| done.rows_affected() > 0)
        })
        .map_err(translate)
    }

    async fn change_engine(&self, engine: &Engine, credentials: Option<&str>, audit: &AuditEvent) -> Result<bool> {
        set(&self.pool, engine, credentials, audit).await
    }

    async fn record_check(&self, engine: &Engine, check: &Check, audit: Option<&AuditEvent>) -> Result<bool> {
        check::record(&self.pool, engine, check, audit).await
    }

    async fn engine_checks(&self, id: EngineId, limit: u32) -> Result<Vec<Check>> {
        check::list(&self.pool, id, limit).await
    }

    async fn hold_engine(&self, id: EngineId) -> Result<bool> {
        // Whoever forgets it at this moment looks at the row anew, or this finds none.
        let text = "UPDATE engines SET held = TRUE WHERE id = $1";
        on_db!(write &self.pool, db => {
            sqlx::query(text).bind(id.to_string()).execute(db).await.map(|done| done.rows_affected() > 0)
        })
        .map_err(translate)
    }

    async fn release_engine(&self, id: EngineId) -> Result<()> {
        let text = "UPDATE engines SET held = FALSE WHERE id = $1 AND status = 'deleting'";
        on_db!(write &self.pool, db => sqlx::query(text).bind(id.to_string()).execute(db).await.map(drop))
            .map_err(translate)
    }

    async fn engine_is_held(&self, id: EngineId) -> Result<bool> {
        let text = "SELECT EXISTS (SELECT 1 FROM engines WHERE id = $1 AND held = TRUE)";
        on_db!(read &self.pool, db => sqlx::query_scalar(text).bind(id.to_string()).fetch_one(db).await)
            .map_err(translate)
    }

    async fn forget_engine(&self, id: EngineId, audit: &AuditEvent) -> Result<bool> {
        let gone: Option<String> = change!(&self.pool, audit, tx => {
            sqlx::query_scalar("DELETE FROM engines WHERE id = $1 AND held = FALSE RETURNING id")
                .bind(id.to_string())
                .fetch_optional(&mut *tx)
                .await
        })
        .map_err(translate)?;
        Ok(gone.is_some())
    }

    async fn delete_engine(&self, id: EngineId, audit: &AuditEvent) -> Result<bool> {
        let gone: Option<String> = change!(&self.pool, audit, tx => {
            sqlx::query_scalar("DELETE FROM engines WHERE id = $1 RETURNING id")
                .bind(id.to_string())
                .fetch_optional(&mut *tx)
                .await
        })
        .map_err(translate)?;
        Ok(gone.is_some())
    }
}

fn owner(account: Option<AccountId>) -> String {
    account.map(|id| id.to_string()).unwrap_or_default()
}

fn taken() -> Error {
    Error::conflict(Code::NameTaken, "An engine with this name exists")
}

async fn create(pool: &Pool, engine: &Engine, credentials: &str, audit: &AuditEvent) -> Result<()> {
    let (texts, mut full) = (texts(engine)?, false);
    let added: Option<String> = change!(pool, audit, tx => {
        // The platform's are not counted, and it has no account to hold.
        hold_account!(tx, owner(engine.account_id));
        let there: i64 = sqlx::query_scalar("SELECT count(*) FROM engines WHERE owner = $1 AND owner <> ''")
            .bind(owner(engine.account_id))
            .fetch_one(&mut *tx)
            .await?;
        full = there >= MOST;
        if full {
            return Ok(None);
        }
        let text = "INSERT INTO engines (id, revision, name, ecosystem, settings, auth, status, status_reason, failures,
                 facts, cluster_uid, last_check_ms, last_full_ms, next_check_ms, credentials, account_id, owner,
                 created_ms, held)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, FALSE)
             ON CONFLICT DO NOTHING RETURNING id";
        bound!(sqlx::query_scalar(text), engine, texts, credentials)
            .bind(engine.account_id.map(|id| id.to_string()))
            .bind(owner(engine.account_id))
            .bind(ms(engine.created_at))
            .fetch_optional(&mut *tx)
            .await
    })
    .map_err(translate)?;
    if full {
        return Err(Error::conflict(Code::QuotaExceeded, format!("The account has {MOST} of {MOST} engines")));
    }
    added.map(drop).ok_or_else(taken)
}

async fn by_id(pool: &Pool, id: EngineId) -> Result<Option<Engine>> {
    let text = select!("id = $1");
    let row = on_db!(read pool, db => sqlx::query_as::<_, EngineRow>(text)
        .bind(id.to_string())
        .fetch_optional(db)
        .await);
    one(row.map_err(translate)?)
}

async fn list(pool: &Pool, account: AccountId, platform: bool, page: &PageRequest) -> Result<Vec<Engine>> {
    let text = select!("(account_id = $1 OR ($2 AND account_id IS NULL)) AND id > $3 ORDER BY id LIMIT $4");
    let rows = on_db!(read pool, db => sqlx::query_as::<_, EngineRow>(text)
        .bind(account.to_string())
        .bind(platform)
        .bind(ascending(page.after.as_deref()))
        .bind(with_surplus(page.limit))
        .fetch_all(db)
        .await);
    all(rows.map_err(translate)?)
}

async fn set(pool: &Pool, engine: &Engine, credentials: Option<&str>, audit: &AuditEvent) -> Result<bool> {
    let texts = texts(engine)?;
    let changed: Option<String> = change!(pool, audit, tx => {
        bound!(sqlx::query_scalar(update!()), engine, texts, credentials).fetch_optional(&mut *tx).await
    })
    .map_err(translate)?;
    if changed.is_some() {
        return Ok(true);
    }
    // Either another name is in the way or another revision is there.
    match by_id(pool, engine.id).await? {
        Some(now) if now.revision == engine.revision => Err(taken()),
        _ => Ok(false),
    }
}
