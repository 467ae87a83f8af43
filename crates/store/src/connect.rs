//! Opens the pools with the settings each engine needs, and runs the migrations first.
//! Every number here has its reason beside it; see also `migrations/README.md`.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use domain::{Error, Result};
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, PgPool};

use crate::error::translate;
use crate::pool::Pool;

// security.md §9: a request waits 2 s for a connection; then it is 503 and may come again.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(2);
// Longer than the 5 s that SQLite itself waits for another process: its error says more than an empty pool.
const WRITER_LIMIT: Duration = Duration::from_secs(10);
// PostgreSQL allows 100 connections by default: room for several replicas.
const POSTGRES_CONNECTIONS: u32 = 16;
// A connection that rested this long is asked first: the server may have been restarted meanwhile.
const RESTED: Duration = Duration::from_secs(5);

/// Opens and migrates what `url` names.
pub(crate) async fn open(url: &str) -> Result<Pool> {
    let memory = url.contains(":memory:") || url.contains("mode=memory");
    if url.starts_with("sqlite:") && !memory {
        open_sqlite(SqliteConnectOptions::from_str(url).map_err(|_| unreadable())?).await
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        open_postgres(PgConnectOptions::from_str(url).map_err(|_| unreadable())?).await
    } else {
        Err(unreadable())
    }
}

/// Without the URL and without its parser's words: both may hold a password.
fn unreadable() -> Error {
    Error::internal("the database URL must read sqlite:///path, sqlite:path or postgres://user@host/name")
}

async fn open_sqlite(options: SqliteConnectOptions) -> Result<Pool> {
    make_private(options.get_filename()).map_err(|e| Error::database(format!("opening the database file: {e}")))?;
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // With WAL a power cut may lose the last commits and never the file.
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5));
    let write = sqlite_pool(1, WRITER_LIMIT).connect_with(options.clone()).await.map_err(translate)?;
    migrate_sqlite(&write).await?;
    let readers = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8));
    let readers = u32::try_from(readers).unwrap_or(2);
    let options = options.pragma("query_only", "ON");
    let read = sqlite_pool(readers, ACQUIRE_LIMIT).connect_with(options).await.map_err(translate)?;
    Ok(Pool::Sqlite { read, write })
}

/// Connections to a file do not age and need no ping.
fn sqlite_pool(connections: u32, limit: Duration) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(limit)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// The file holds password hashes: made for its owner only. SQLite gives its `-wal` and `-shm` the same mode.
fn make_private(file: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// In one transaction, because SQLite has no lock for migrators: two processes that start together must not meet half a
/// schema.
async fn migrate_sqlite(pool: &SqlitePool) -> Result<()> {
    let mut migrator = sqlx::migrate!("../../migrations/sqlite");
    // An older binary starts on the expanded schema of a newer one (migrations/README.md).
    migrator.set_ignore_missing(true);
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(translate)?;
    migrator.run(&mut *transaction).await.map_err(not_migrated)?;
    transaction.commit().await.map_err(translate)
}

async fn open_postgres(options: PgConnectOptions) -> Result<Pool> {
    let options = options.application_name("remotegpu");
    migrate_postgres(&options).await?;
    // After the migrations, which may take longer: a statement that hangs must not hold a connection for ever.
    let options = options.options([("statement_timeout", "5s"), ("lock_timeout", "4s")]);
    let pool: PgPool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(ACQUIRE_LIMIT)
        // The default asks before every use, which doubles the round trips of a one-statement call.
        .test_before_acquire(false)
        .before_acquire(|connection, seen| {
            Box::pin(async move {
                if seen.idle_for > RESTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await
        .map_err(translate)?;
    Ok(Pool::Postgres(pool))
}

async fn migrate_postgres(options: &PgConnectOptions) -> Result<()> {
    let mut migrator = sqlx::migrate!("../../migrations/postgres");
    migrator.set_ignore_missing(true);
    let mut connection = PgConnection::connect_with(options).await.map_err(translate)?;
    migrator.run(&mut connection).await.map_err(not_migrated)?;
    connection.close().await.map_err(translate)
}

fn not_migrated(error: MigrateError) -> Error {
    match error {
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => translate(cause),
        other => Error::internal(other),
    }
}
