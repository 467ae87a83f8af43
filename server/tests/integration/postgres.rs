//! A PostgreSQL database of one's own on the server of the test run, and a side door into it.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use testkit::{FaultProxy, unique};

/// A new, empty database. It goes with the server of the run.
pub struct Postgres {
    url: String,
}

impl Postgres {
    pub async fn new() -> Self {
        let server = std::env::var("REMOTEGPU_TEST_POSTGRES")
            .expect("this test needs the PostgreSQL of a test run: use `cargo xtask test`");
        let name = unique("test").replace('-', "_");
        let mut connection = PgConnection::connect(&server).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
        let (address, _) = server.rsplit_once('/').unwrap();
        Self { url: format!("{address}/{name}") }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// A proxy in front of the server, and the URL that leads through it.
    pub async fn behind_a_proxy(&self) -> (FaultProxy, String) {
        let (_, rest) = self.url.rsplit_once('@').unwrap();
        let (address, _) = rest.split_once('/').unwrap();
        let proxy = FaultProxy::to(address).await;
        let url = self.url.replace(address, &proxy.address());
        (proxy, url)
    }

    /// Runs a statement behind the console's back.
    pub async fn run(&self, text: String) {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
    }

    /// Counts rows.
    pub async fn count(&self, from: &str) -> i64 {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let text = AssertSqlSafe(format!("SELECT count(*) FROM {from}"));
        sqlx::query_scalar(text).fetch_one(&mut connection).await.unwrap()
    }
}
