//! Figures of the database for the metrics: no tenant's data, only how much there is to do.

use std::time::{Duration, Instant};

use domain::Result;
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{Engine, on_db};
use crate::ready::Ready;
use crate::row::ms;

// A full pool must not hold up who asks how full it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// One pool of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolFigures {
    /// `read`, `write` or `all`.
    pub name: &'static str,
    /// At work.
    pub in_use: u32,
    /// Open.
    pub open: u32,
    /// The most there may be.
    pub limit: u32,
    /// How long it took just now to get one.
    pub wait: Duration,
}

impl SqlStore {
    /// The pools as they are now. Takes a connection of each for a moment.
    pub async fn pools(&self) -> Vec<PoolFigures> {
        match &self.pool.engine {
            Engine::Sqlite { read, write, .. } => vec![figures("read", read).await, figures("write", write).await],
            Engine::Postgres(all) => vec![figures("all", all).await],
        }
    }

    /// Sessions that have not ended.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn live_sessions(&self, now: Timestamp) -> Result<u64> {
        let text = "SELECT count(*) FROM sessions WHERE idle_expires_ms > $1 AND absolute_expires_ms > $1";
        let live: i64 = on_db!(read &self.pool, db => sqlx::query_scalar(text).bind(ms(now)).fetch_one(db).await)
            .map_err(translate)?;
        Ok(live.unsigned_abs())
    }
}

async fn figures<DB: sqlx::Database>(name: &'static str, ready: &Ready<DB>) -> PoolFigures {
    let (open, idle) = ready.open_and_idle();
    let asked = Instant::now();
    // The answer is how long it took, whether or not there was one in the end.
    if let Ok(Ok(lent)) = tokio::time::timeout(PATIENCE, ready.lend()).await {
        lent.give_back();
    }
    let wait = asked.elapsed();
    PoolFigures { name, in_use: open.saturating_sub(idle), open, limit: ready.limit(), wait }
}
