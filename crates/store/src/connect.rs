//! Opens the pools with the settings each engine needs, and runs the migrations first.
//! Every number here has its reason beside it; see also `migrations/README.md`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use domain::{Error, Result};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, PgPool};

use crate::error::translate;
use crate::pool::{Engine, on_db};
use crate::ready::{RESTED, Ready};

// security.md §9: a request waits 2 s for a connection; then it is 503 and may come again.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(2);
// Longer than the 5 s that SQLite itself waits for another process: its error says more than an empty pool.
const WRITER_LIMIT: Duration = Duration::from_secs(10);
// PostgreSQL allows 100 connections by default: room for several replicas.
const POSTGRES_CONNECTIONS: u32 = 16;

/// What a URL names.
enum Place {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
}

/// Runs the migrations that the database lacks.
pub(crate) async fn migrate(url: &str) -> Result<()> {
    match place(url)? {
        Place::Sqlite(options) => migrate_sqlite(options).await,
        Place::Postgres(options) => migrate_postgres(&options).await,
    }
}

/// Opens what `url` names; its migrations must have run.
pub(crate) async fn open(url: &str) -> Result<Engine> {
    let engine = match place(url)? {
        Place::Sqlite(options) => open_sqlite(options).await?,
        Place::Postgres(options) => open_postgres(options).await?,
    };
    is_migrated(&engine).await?;
    Ok(engine)
}

/// Where the server of `url` is, if it is one that is reached over a network.
pub(crate) fn server(url: &str) -> Result<Option<(String, u16)>> {
    let Place::Postgres(options) = place(url)? else { return Ok(None) };
    let socket = options.get_socket().is_some() || options.get_host().starts_with('/');
    Ok((!socket).then(|| (options.get_host().to_owned(), options.get_port())))
}

fn place(url: &str) -> Result<Place> {
    let memory = url.contains(":memory:") || url.contains("mode=memory");
    if url.starts_with("sqlite:") && !memory {
        SqliteConnectOptions::from_str(url).map(settled).map(Place::Sqlite).map_err(|_| unreadable())
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let options = PgConnectOptions::from_str(url).map_err(|_| unreadable())?;
        private(&options)?;
        Ok(Place::Postgres(options.application_name("remotegpu")))
    } else {
        Err(unreadable())
    }
}

/// Over a network only with a certificate that was checked (`security.md` §9). The driver's own default takes clear text
/// from a server that offers no TLS, and any certificate from one that does.
fn private(options: &PgConnectOptions) -> Result<()> {
    let host = options.get_host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if here || matches!(options.get_ssl_mode(), PgSslMode::VerifyFull) {
        return Ok(());
    }
    Err(Error::internal(format!(
        "the database {host} is not on this machine: add sslmode=verify-full to its URL, and sslrootcert=FILE where its \
         certificate is of a CA of your own"
    )))
}

/// An older binary runs on a newer schema, never the other way round.
async fn is_migrated(engine: &Engine) -> Result<()> {
    let text = "SELECT count(*) FROM _sqlx_migrations WHERE success = TRUE AND version <= $1";
    let newest = sqlite_migrations().iter().map(|migration| migration.version).max().unwrap_or_default();
    let run: i64 = match engine {
        Engine::Sqlite { read, .. } => on_db!(on read, db => sqlx::query_scalar(text).bind(newest).fetch_one(db).await),
        Engine::Postgres(all) => on_db!(on all, db => sqlx::query_scalar(text).bind(newest).fetch_one(db).await),
    }
    .map_err(translate)?;
    let ours = sqlite_migrations().iter().count();
    if usize::try_from(run).is_ok_and(|run| run >= ours) {
        return Ok(());
    }
    Err(Error::internal("the database lacks migrations of this version: run `remotegpu migrate` first"))
}

fn sqlite_migrations() -> Migrator {
    sqlx::migrate!("../../migrations/sqlite")
}

/// Without the URL and without its parser's words: both may hold a password.
fn unreadable() -> Error {
    Error::internal("the database URL must read sqlite:///path, sqlite:path or postgres://user@host/name")
}

fn settled(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // With WAL a power cut may lose the last commits and never the file.
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
}

async fn open_sqlite(options: SqliteConnectOptions) -> Result<Engine> {
    make_private(options.get_filename())?;
    let write = sqlite_pool(1, WRITER_LIMIT).connect_with(options.clone()).await.map_err(translate)?;
    let readers = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8));
    let readers = u32::try_from(readers).unwrap_or(2);
    let options = options.pragma("query_only", "ON");
    let read = sqlite_pool(readers, ACQUIRE_LIMIT).connect_with(options).await.map_err(translate)?;
    let (read, write) = (Ready::new(read, ACQUIRE_LIMIT), Ready::new(write, WRITER_LIMIT));
    Ok(Engine::Sqlite { read: Arc::new(read), write: Arc::new(write) })
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
fn make_private(file: &Path) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(Error::database(format!("opening the database file: {error}")))
        }
        _ => Ok(()),
    }
}

/// In one transaction, because SQLite has no lock for migrators: two processes that start together must not meet half a
/// schema.
async fn migrate_sqlite(options: SqliteConnectOptions) -> Result<()> {
    make_private(options.get_filename())?;
    let _alone = alone(options.get_filename()).await?;
    let pool = sqlite_pool(1, WRITER_LIMIT).connect_with(options).await.map_err(translate)?;
    let mut migrator = sqlite_migrations();
    // An older binary starts on the expanded schema of a newer one (migrations/README.md).
    migrator.set_ignore_missing(true);
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(translate)?;
    migrator.run(&mut *transaction).await.map_err(not_migrated)?;
    transaction.commit().await.map_err(translate)?;
    pool.close().await;
    Ok(())
}

/// Waits until no other process migrates the file, and keeps others waiting until the answer is dropped or the process ends.
/// SQLite waits 5 s for another's migrations, and not at all when two turn a new file to WAL at the same moment: its busy
/// handler is not asked where a reader becomes the writer (`sqlite3_busy_handler`, "would result in a deadlock").
async fn alone(file: &Path) -> Result<std::fs::File> {
    let mut lock = file.as_os_str().to_owned();
    lock.push(".migrating");
    let lock = PathBuf::from(lock);
    let locked = move || -> Result<std::fs::File> {
        make_private(&lock)?;
        let locked = std::fs::OpenOptions::new().write(true).open(&lock).map_err(not_locked)?;
        locked.lock().map_err(not_locked)?;
        Ok(locked)
    };
    tokio::task::spawn_blocking(locked).await.map_err(Error::internal)?
}

fn not_locked(error: std::io::Error) -> Error {
    Error::database(format!("locking the database file for its migrations: {error}"))
}

async fn open_postgres(options: PgConnectOptions) -> Result<Engine> {
    // Migrations may take longer; here a statement that hangs must not hold a connection for ever.
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
    Ok(Engine::Postgres(Arc::new(Ready::new(pool, ACQUIRE_LIMIT))))
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
