//! The database behind the ports `Store` and `Sessions`: SQLite or PostgreSQL, one SQL text for both.
//!
//! Knows SQL and nothing of HTTP or Kubernetes. Every change commits together with its audit row; errors of the
//! database become [`domain::Error`] here and go no further. Depends on `backend` for its ports only.
//! Start reading at [`SqlStore`], then `pool.rs` (the two engines) and one noun, for example `namespace.rs`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod account;
mod api_key;
mod audit;
mod backup;
mod budget;
mod cli_session;
mod clock;
mod connect;
mod credential;
mod default_sku;
mod engine;
mod engine_manifest;
mod envelope;
mod error;
mod figures;
mod identity;
mod idle_gpu;
mod invitation;
mod journal;
mod key_access;
mod login;
mod member;
mod namespace;
mod order;
mod password;
mod platform_account;
mod pool;
mod ready;
mod request;
mod revocation;
mod row;
mod session;
mod share;
mod skypilot;
mod tenant;
mod usage;
mod user;
mod webhook;

use std::sync::Arc;

use async_trait::async_trait;
use backend::ports::{Sealer, Store};
use domain::Result;

pub use backup::file_of;
pub use figures::PoolFigures;

use error::translate;
use journal::Journal;
use pool::{Engine, Pool, on_db};

/// The database, open and migrated. Cheap to clone.
#[derive(Clone)]
pub struct SqlStore {
    pool: Pool,
}

impl SqlStore {
    /// Opens a database and runs the migrations it lacks; `sealer` seals every audit row.
    ///
    /// `url` is `sqlite:///absolute/path`, `sqlite:relative/path` or `postgres://…`. A SQLite file that does not exist is
    /// made, readable by its owner only; its directory must exist.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be reached or opened, `Internal` for a URL of another form (never quoted:
    /// it may hold a password) and for a migration that fails.
    pub async fn connect(url: &str, sealer: Arc<dyn Sealer>) -> Result<Self> {
        Self::migrate(url).await?;
        Self::connect_migrated(url, sealer).await
    }

    /// Runs the migrations that a database lacks, with a role that may (`docs/OPERATIONS.md`, Database roles).
    ///
    /// # Errors
    /// As [`SqlStore::connect`].
    pub async fn migrate(url: &str) -> Result<()> {
        connect::migrate(url).await
    }

    /// Host and port of the server that a URL names; none for a file and for a socket of this machine.
    ///
    /// # Errors
    /// As [`SqlStore::connect`], for the form of the URL.
    pub fn server(url: &str) -> Result<Option<(String, u16)>> {
        connect::server(url)
    }

    /// Opens a database whose migrations somebody else ran.
    ///
    /// # Errors
    /// As [`SqlStore::connect`], and `Internal` when a migration of this version has not run.
    pub async fn connect_migrated(url: &str, sealer: Arc<dyn Sealer>) -> Result<Self> {
        let pool = Pool { engine: connect::open(url).await?, journal: Arc::new(Journal::new(sealer)) };
        audit::seal_rows_from_before(&pool).await?;
        Ok(Self { pool })
    }

    /// Also appends each committed audit row to `file`, one JSON object a line.
    pub fn log_audit_to(&self, file: std::fs::File) {
        self.pool.journal.log_to(file);
    }

    /// Waits until running statements ended, then closes every connection. Later calls answer `Unavailable`.
    pub async fn close(&self) {
        match &self.pool.engine {
            Engine::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Engine::Postgres(all) => all.close().await,
        }
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn ping(&self) -> Result<()> {
        on_db!(read &self.pool, db => sqlx::query("SELECT 1").execute(db).await.map(drop)).map_err(translate)
    }
}

impl std::fmt::Debug for SqlStore {
    /// The engine only: a URL may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SqlStore").field(&self.pool.engine.name()).finish()
    }
}
