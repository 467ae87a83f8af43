//! Figures of the access half as ratios within one run (DESIGN §9): never a test, so nothing here can fail for being slow.
//! Started by `cargo xtask bench`, which says where the control plane and PostgreSQL are.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measuring program talks to a person and may panic"
)]

mod bare;
mod browser;
mod console;
mod fill;
mod imported;
mod issue;
mod live;
mod load;
mod lookup;
mod tenant;
mod usage;

use backend::AuditKeys;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use store::SqlStore;
use testkit::{Scratch, unique};

/// The program that is measured.
const CONSOLE: &str = env!("CARGO_BIN_EXE_remotegpu");

/// A database to measure on.
pub struct Engine {
    /// For the report.
    pub name: &'static str,
    /// Where it is.
    pub url: String,
}

fn main() {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let arguments: Vec<String> = std::env::args().collect();
    let told = |what: &str| arguments.iter().position(|argument| argument == what);
    if let Some(at) = told(bare::NAME) {
        runtime.block_on(bare::serve(&arguments[at + 1..]));
    } else if let Some(at) = told(tenant::NAME) {
        runtime.block_on(tenant::serve(&arguments[at + 1..]));
    } else if told("usage").is_some() {
        runtime.block_on(only_usage());
    } else if told("tenant").is_some() {
        runtime.block_on(only_tenant());
    } else if told("engine").is_some() {
        runtime.block_on(only_engines());
    } else if told("live").is_some() {
        announced_sizes();
        runtime.block_on(live::measure());
    } else {
        runtime.block_on(everything());
    }
}

async fn only_usage() {
    let sizes = announced_sizes();
    let folder = Scratch::new();
    for engine in [sqlite(&folder), postgres().await] {
        usage::measure(&engine, &sizes).await;
    }
}

async fn only_tenant() {
    announce();
    let folder = Scratch::new();
    for engine in [sqlite(&folder), postgres().await] {
        tenant::measure(&engine).await;
    }
}

async fn only_engines() {
    announced_sizes();
    imported::measure().await;
}

fn announced_sizes() -> Vec<u64> {
    let sizes = sizes();
    announce();
    println!("sizes {sizes:?}");
    sizes
}

fn announce() {
    let profile =
        if cfg!(debug_assertions) { "dev (not optimised: absolute times are far too long)" } else { "release" };
    println!("profile {profile}, {} cores", std::thread::available_parallelism().unwrap());
}

async fn everything() {
    let sizes = announced_sizes();
    let folder = Scratch::new();
    console::measure().await;
    for engine in [sqlite(&folder), postgres().await] {
        load::measure(&engine).await;
        issue::measure(&engine).await;
        lookup::measure(&engine, &sizes).await;
    }
}

/// Rows in the big tables, ascending: `REMOTEGPU_TEST_BENCH_SIZES=1,10000,1000000`.
fn sizes() -> Vec<u64> {
    let given = std::env::var("REMOTEGPU_TEST_BENCH_SIZES").unwrap_or_else(|_| "1,10000,100000".to_owned());
    let mut sizes: Vec<u64> = given.split(',').filter_map(|size| size.trim().parse().ok()).collect();
    sizes.sort_unstable();
    sizes
}

fn sqlite(folder: &Scratch) -> Engine {
    Engine { name: "SQLite", url: format!("sqlite://{}", folder.path().join("bench.sqlite").display()) }
}

async fn postgres() -> Engine {
    let server = std::env::var("REMOTEGPU_TEST_POSTGRES").expect("use `cargo xtask bench`");
    let name = unique("bench").replace('-', "_");
    let mut connection = PgConnection::connect(&server).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
    let (address, _) = server.rsplit_once('/').unwrap();
    Engine { name: "PostgreSQL", url: format!("{address}/{name}") }
}

/// The store of a database, with the key of the consoles that testkit starts.
pub async fn store(url: &str) -> SqlStore {
    let sealer = AuditKeys::from_hex_lines(testkit::AUDIT_KEY).unwrap();
    SqlStore::connect(url, std::sync::Arc::new(sealer)).await.unwrap()
}

/// The middle of some durations, in milliseconds.
pub fn p50(mut times: Vec<std::time::Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

/// In milliseconds, how long so many percent of some durations took at most; the shortest come first.
pub fn quantile(sorted: &[std::time::Duration], percent: usize) -> f64 {
    sorted[sorted.len().saturating_sub(1) * percent / 100].as_secs_f64() * 1000.0
}
