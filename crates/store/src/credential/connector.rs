//! Connectors: which of them are being made, and which live.

use domain::id::NamespaceId;
use domain::{Error, Result};

use crate::clock::{postgres_ms, sqlite_ms};
use crate::error::{is_dangling, translate};
use crate::pool::{Engine, Pool, on_db};
use crate::row::places;

macro_rules! begin {
    ($($now_ms:tt)+) => {
        concat!(
            "INSERT INTO connector_drafts (service_account, namespace_id, begun_ms) VALUES ($1, $2, ",
            $($now_ms)+,
            ")"
        )
    };
}

/// Until a minute before it is ordered away: whoever was held up for longer, with the whole machine perhaps, must not write
/// down what goes at that moment.
macro_rules! finish {
    ($($now_ms:tt)+) => {
        concat!("DELETE FROM connector_drafts WHERE service_account = $1 AND begun_ms > ", $($now_ms)+, " - 540000")
    };
}

/// Nobody holds one for ten minutes, whose calls take seconds each: its maker ended in between.
macro_rules! to_remove {
    ($($now_ms:tt)+) => {
        concat!(
            "SELECT service_account, namespace_id FROM credential_removals
             UNION SELECT service_account, namespace_id FROM connector_drafts WHERE begun_ms <= ",
            $($now_ms)+,
            " - 600000 LIMIT $1"
        )
    };
}

pub(crate) async fn begin(pool: &Pool, service_account: &str, namespace: NamespaceId) -> Result<()> {
    let text = match &pool.engine {
        Engine::Sqlite { .. } => begin!(sqlite_ms!()),
        Engine::Postgres(_) => begin!(postgres_ms!()),
    };
    on_db!(write pool, db => sqlx::query(text)
        .bind(service_account)
        .bind(namespace.to_string())
        .execute(db)
        .await
        .map(drop))
    .map_err(|error| if is_dangling(&error) { Error::NotFound } else { translate(error) })
}

/// Takes the draft `$1` away, unless it is so old that the connector may be taken away meanwhile.
pub(super) fn finish(engine: &Engine) -> &'static str {
    match engine {
        Engine::Sqlite { .. } => finish!(sqlite_ms!()),
        Engine::Postgres(_) => finish!(postgres_ms!()),
    }
}

/// What takes accounts that were ordered away, and those that nobody recorded in time.
pub(super) fn to_remove(engine: &Engine) -> &'static str {
    match engine {
        Engine::Sqlite { .. } => to_remove!(sqlite_ms!()),
        Engine::Postgres(_) => to_remove!(postgres_ms!()),
    }
}

pub(crate) async fn of_namespace(pool: &Pool, namespace: NamespaceId) -> Result<Vec<String>> {
    on_db!(read pool, db => sqlx::query_scalar(
        "SELECT service_account FROM credentials
         WHERE namespace_id = $1 AND revoked_ms IS NULL AND service_account LIKE 'connector-%'",
    )
    .bind(namespace.to_string())
    .fetch_all(db)
    .await)
    .map_err(translate)
}

pub(crate) async fn living(pool: &Pool, service_accounts: &[String]) -> Result<Vec<String>> {
    if service_accounts.is_empty() {
        return Ok(Vec::new());
    }
    let places = places(1, service_accounts.len());
    let text = format!(
        "SELECT service_account FROM credentials WHERE revoked_ms IS NULL AND service_account IN ({places})
         UNION SELECT service_account FROM connector_drafts WHERE service_account IN ({places})"
    );
    let living: Vec<String> = on_db!(read pool, db => {
        // Safe: the text holds nothing but numbered places.
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(text));
        let query = service_accounts.iter().fold(query, |query, name| query.bind(name.as_str()));
        query.persistent(false).fetch_all(db).await
    })
    .map_err(translate)?;
    Ok(living)
}
