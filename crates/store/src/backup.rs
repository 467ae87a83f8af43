//! Copies of a SQLite database while it is in use. PostgreSQL has its own tools for that.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use domain::{Error, Result};
use sqlx::sqlite::SqliteConnectOptions;

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{Engine, on_db};

/// The file behind a database URL; none for a server.
pub fn file_of(url: &str) -> Option<PathBuf> {
    let options = url.starts_with("sqlite:").then(|| SqliteConnectOptions::from_str(url).ok()).flatten()?;
    Some(options.get_filename().to_owned())
}

impl SqlStore {
    /// Writes one consistent state into `file`, which must be empty; others read and write on meanwhile.
    ///
    /// # Errors
    /// `Internal` for PostgreSQL, and when the file cannot be written.
    pub async fn copy_to(&self, file: &Path) -> Result<()> {
        let Engine::Sqlite { write, .. } = &self.pool.engine else {
            return Err(Error::internal("a PostgreSQL database is copied with pg_dump"));
        };
        let name = file.to_str().ok_or_else(|| Error::internal("the name of the copy is not text"))?;
        on_db!(on write, db => sqlx::query("VACUUM INTO $1").bind(name).execute(db).await.map(drop)).map_err(translate)
    }
}
