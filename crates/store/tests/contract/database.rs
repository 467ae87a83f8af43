//! A fresh database for one test, with a side door for what the ports do not show.

use std::io::Write;
use std::ops::Deref;
use std::sync::{Arc, Once};

use backend::AuditKeys;
use backend::ports::Sealer;
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection, SqliteConnection};
use store::SqlStore;
use tempfile::TempDir;
use uuid::Uuid;

/// The key that seals the audit log of every test.
pub fn sealer() -> Arc<dyn Sealer> {
    Arc::new(AuditKeys::from_hex_lines(&"a5".repeat(32)).unwrap())
}

static SKIPPED: Once = Once::new();

const NOTING: &str = "
    CREATE TABLE written (n BIGINT GENERATED ALWAYS AS IDENTITY, what TEXT NOT NULL);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO written (what) VALUES (TG_TABLE_NAME); RETURN NULL; END';
";

/// A store on a database of its own.
pub struct Database {
    store: SqlStore,
    url: String,
    home: Home,
}

/// A place for a database that nothing has opened yet.
pub struct Empty {
    url: String,
    home: Home,
}

enum Home {
    Directory(TempDir),
    Schema { server: String, name: String },
}

impl Database {
    /// In a file that goes with the value.
    pub async fn sqlite() -> Self {
        Empty::sqlite().open().await
    }

    /// In a fresh schema of the server that the environment names, if it names one.
    pub async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("REMOTEGPU_TEST_POSTGRES") else {
            SKIPPED.call_once(|| {
                // Not println!, which the test harness keeps to itself for tests that pass.
                let mut terminal = std::io::stderr();
                writeln!(terminal, "left out: the PostgreSQL half of the store: REMOTEGPU_TEST_POSTGRES is not set")
                    .unwrap();
            });
            return None;
        };
        Some(Empty::postgres(&server).await.open().await)
    }

    /// Another place of the same engine, for tests that look at the very first opening.
    pub async fn empty_beside(&self) -> Empty {
        match &self.home {
            Home::Directory(_) => Empty::sqlite(),
            Home::Schema { server, .. } => Empty::postgres(server).await,
        }
    }

    /// The URL to open it once more.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A second store on the same database, as another process would open it.
    pub async fn opened_again(&self) -> SqlStore {
        SqlStore::connect(&self.url, sealer()).await.unwrap()
    }

    /// Runs a statement behind the store's back.
    pub async fn run(&self, text: impl Into<String>) -> sqlx::Result<()> {
        run_at(&self.url, text.into()).await
    }

    /// Counts rows behind the store's back.
    pub async fn count(&self, from: &str) -> i64 {
        let text = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {from}"));
        match &self.home {
            Home::Directory(_) => {
                let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(text).fetch_one(&mut connection).await.unwrap()
            }
            Home::Schema { .. } => {
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(text).fetch_one(&mut connection).await.unwrap()
            }
        }
    }

    /// Notes the tables of rows that are changed from now on, in their order; PostgreSQL only.
    pub async fn note_writes(&self, tables: &[&str]) {
        let mut text = NOTING.to_owned();
        for table in tables {
            text += &format!("CREATE TRIGGER noted AFTER UPDATE OR DELETE ON {table} ");
            text += "FOR EACH ROW EXECUTE FUNCTION note();";
        }
        self.run(text).await.unwrap();
    }

    /// Whether just these rows were changed, by their tables.
    pub async fn wrote(&self, tables: &str) -> bool {
        let noted = "(SELECT string_agg(what, ' ' ORDER BY n) AS tables FROM written) w WHERE tables =";
        self.count(&format!("{noted} '{tables}'")).await == 1
    }

    /// The schema, on PostgreSQL.
    pub fn schema(&self) -> Option<&str> {
        match &self.home {
            Home::Directory(_) => None,
            Home::Schema { name, .. } => Some(name),
        }
    }

    /// The file, on SQLite.
    pub fn file(&self) -> Option<std::path::PathBuf> {
        match &self.home {
            Home::Directory(directory) => Some(directory.path().join("remotegpu.sqlite")),
            Home::Schema { .. } => None,
        }
    }

    /// Leaves the server as it was found.
    pub async fn drop_schema(&self) {
        self.store.close().await;
        if let Home::Schema { server, name } = &self.home {
            run_at(server, format!("DROP SCHEMA {name} CASCADE")).await.unwrap();
        }
    }
}

impl Empty {
    fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("remotegpu.sqlite").display());
        Self { url, home: Home::Directory(directory) }
    }

    async fn postgres(server: &str) -> Self {
        let name = format!("t_{}", Uuid::now_v7().simple());
        run_at(server, format!("CREATE SCHEMA {name}")).await.unwrap();
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-csearch_path%3D{name}");
        Self { url, home: Home::Schema { server: server.to_owned(), name } }
    }

    /// The URL to open it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Versions of the migrations there are, oldest first.
    pub fn versions(&self) -> Vec<i64> {
        self.migrator().iter().map(|migration| migration.version).collect()
    }

    /// Runs the migrations up to and including `version`, as a binary of that day would have.
    pub async fn migrate_to(&self, version: i64) {
        let all = self.migrator();
        let old = all.iter().filter(|migration| migration.version <= version).cloned().collect();
        let old = Migrator::with_migrations(old);
        match &self.home {
            Home::Directory(directory) => {
                let file = directory.path().join("remotegpu.sqlite");
                std::fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
                old.run(&mut SqliteConnection::connect(&self.url).await.unwrap()).await.unwrap();
            }
            Home::Schema { .. } => old.run(&mut PgConnection::connect(&self.url).await.unwrap()).await.unwrap(),
        }
    }

    /// Runs statements without any store.
    pub async fn run(&self, text: impl Into<String>) {
        run_at(&self.url, text.into()).await.unwrap();
    }

    /// Opens it with the store of today.
    pub async fn open(self) -> Database {
        Database { store: SqlStore::connect(&self.url, sealer()).await.unwrap(), url: self.url, home: self.home }
    }

    fn migrator(&self) -> Migrator {
        match &self.home {
            Home::Directory(_) => sqlx::migrate!("../../migrations/sqlite"),
            Home::Schema { .. } => sqlx::migrate!("../../migrations/postgres"),
        }
    }
}

impl Deref for Database {
    type Target = SqlStore;
    fn deref(&self) -> &SqlStore {
        &self.store
    }
}

/// Runs a statement on any database.
pub async fn run_at(url: &str, text: String) -> sqlx::Result<()> {
    let text = sqlx::AssertSqlSafe(text);
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await?;
        sqlx::raw_sql(text).execute(&mut connection).await?;
        connection.close().await
    } else {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::raw_sql(text).execute(&mut connection).await?;
        connection.close().await
    }
}
