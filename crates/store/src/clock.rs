//! The database's clock, by which keys end whatever the clocks of the consoles say. The engines' words for it are the
//! one thing in which their texts differ.

use domain::Result;
use jiff::Timestamp;

use crate::error::translate;
use crate::pool::{Engine, Pool, on_db};
use crate::row::at;

/// Milliseconds now. SQLite runs in this process: its clock is the console's.
macro_rules! sqlite_ms {
    () => {
        "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)"
    };
}
pub(crate) use sqlite_ms;

/// Milliseconds now, as the server has them.
macro_rules! postgres_ms {
    () => {
        "CAST(floor(extract(epoch FROM statement_timestamp()) * 1000) AS BIGINT)"
    };
}
pub(crate) use postgres_ms;

const SQLITE: &str = concat!("SELECT ", sqlite_ms!());
const POSTGRES: &str = concat!("SELECT ", postgres_ms!());

pub(crate) async fn now(pool: &Pool) -> Result<Timestamp> {
    let text = match &pool.engine {
        Engine::Sqlite { .. } => SQLITE,
        Engine::Postgres(_) => POSTGRES,
    };
    let ms: i64 = on_db!(read pool, db => sqlx::query_scalar(text).fetch_one(db).await).map_err(translate)?;
    at(ms)
}
