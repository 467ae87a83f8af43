//! Connections between two statements. The driver's pool asks a connection whether it lives each time one comes back
//! to it: a round trip to the server, or to SQLite's thread, as long as a short statement itself. Here a connection
//! whose work ended well waits for the next caller as it is. Any other, and one whose caller went away, goes back to the
//! pool, which rolls back and looks.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Database, Pool};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// A connection that rested this long is asked first: the server may have been restarted meanwhile.
pub(crate) const RESTED: Duration = Duration::from_secs(5);
const PING_LIMIT: Duration = Duration::from_secs(1);
// So often the pool sees each connection and may end it by its age.
const KEPT: Duration = Duration::from_secs(60);

/// A pool with the connections that wait before it. The one that worked last works next: few of them stay warm, here and
/// in the server, where each is a process.
pub(crate) struct Ready<DB: Database> {
    pool: Pool<DB>,
    // As many as the pool has connections: a caller with a turn finds one here, or room in the pool.
    turns: Semaphore,
    // The longest rested first.
    waiting: Mutex<VecDeque<Rested<DB>>>,
    patience: Duration,
}

struct Rested<DB: Database> {
    connection: PoolConnection<DB>,
    left_pool: Instant,
    since: Instant,
}

/// A connection at work.
pub(crate) struct Lent<'r, DB: Database> {
    // Before the turn: dropped, it is on its way to the pool when the next caller asks there.
    connection: PoolConnection<DB>,
    ready: &'r Ready<DB>,
    left_pool: Instant,
    turn: SemaphorePermit<'r>,
}

// === impl Ready ===

impl<DB: Database> Ready<DB> {
    /// Nobody waits longer than `patience` for a connection.
    pub(crate) fn new(pool: Pool<DB>, patience: Duration) -> Self {
        let turns = usize::try_from(pool.options().get_max_connections()).unwrap_or(1);
        Self { pool, turns: Semaphore::new(turns), waiting: Mutex::default(), patience }
    }

    /// A connection, in the order of asking.
    pub(crate) async fn lend(&self) -> sqlx::Result<Lent<'_, DB>> {
        timeout(self.patience, self.next()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn next(&self) -> sqlx::Result<Lent<'_, DB>> {
        let turn = self.turns.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let rested = self.waiting().pop_back();
        if let Some(Rested { mut connection, left_pool, since }) = rested {
            if since.elapsed() <= RESTED || matches!(timeout(PING_LIMIT, connection.ping()).await, Ok(Ok(()))) {
                return Ok(Lent { connection, ready: self, left_pool, turn });
            }
            // The pool would wait for an answer that may never come, and keep its place until then.
            drop(connection.detach());
        }
        let connection = self.pool.acquire().await?;
        Ok(Lent { connection, ready: self, left_pool: Instant::now(), turn })
    }

    /// Waits until running work ended, then closes every connection.
    pub(crate) async fn close(&self) {
        // Closed first: from now on nothing is kept.
        let closing = self.pool.close();
        self.waiting().clear();
        closing.await;
    }

    /// How many connections are open, and how many of them rest.
    pub(crate) fn open_and_idle(&self) -> (u32, u32) {
        let waiting = u32::try_from(self.waiting().len()).unwrap_or(u32::MAX);
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        (self.pool.size(), idle.saturating_add(waiting))
    }

    /// The most connections there may be.
    pub(crate) fn limit(&self) -> u32 {
        self.pool.options().get_max_connections()
    }

    fn keep(&self, rested: Rested<DB>) {
        let mut waiting = self.waiting();
        // Asked under the lock: whoever closes takes out afterwards what is here.
        if !self.pool.is_closed() {
            waiting.push_back(rested);
        }
        // What many callers at once needed once: the pool ends it.
        let surplus = waiting.front().is_some_and(|first| first.since.elapsed() > KEPT).then(|| waiting.pop_front());
        drop(waiting);
        drop(surplus);
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Rested<DB>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<DB: Database> Drop for Ready<DB> {
    /// Not by way of the pool: it takes connections back in a task, and there may be no runtime any more.
    fn drop(&mut self) {
        let waiting = self.waiting.get_mut().unwrap_or_else(PoisonError::into_inner);
        for rested in waiting.drain(..) {
            drop(rested.connection.detach());
        }
    }
}

// === impl Lent ===

impl<DB: Database> Lent<'_, DB> {
    /// The connection itself.
    pub(crate) fn connection(&mut self) -> &mut DB::Connection {
        &mut self.connection
    }

    /// The work ended well: nothing runs on the connection and no transaction is open.
    pub(crate) fn give_back(self) {
        let Self { connection, ready, left_pool, turn } = self;
        if left_pool.elapsed() < KEPT {
            ready.keep(Rested { connection, left_pool, since: Instant::now() });
        } else {
            drop(connection);
        }
        drop(turn);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::future::join_all;
    use sqlx::Sqlite;
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    async fn ready() -> Ready<Sqlite> {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        let ready = Ready::new(pool, Duration::from_secs(60));
        ready.lend().await.unwrap().give_back();
        ready
    }

    async fn works(ready: &Ready<Sqlite>) {
        let mut lent = ready.lend().await.unwrap();
        let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(lent.connection()).await.unwrap();
        assert_eq!(one, 1);
        lent.give_back();
    }

    #[tokio::test]
    async fn a_connection_whose_work_ended_well_is_lent_again_without_the_pool() {
        let ready = ready().await;
        assert_eq!((ready.pool.num_idle(), ready.open_and_idle()), (0, (1, 1)), "it waits here");
        let lent = ready.lend().await.unwrap();
        assert_eq!(ready.open_and_idle(), (1, 0));
        lent.give_back();
        works(&ready).await;
    }

    #[tokio::test]
    async fn the_connection_that_worked_last_works_next() {
        // Each has a database of its own.
        let pool = SqlitePoolOptions::new().max_connections(2).connect("sqlite::memory:").await.unwrap();
        let ready = Ready::new(pool, Duration::from_secs(60));
        let (first, mut second) = futures::join!(ready.lend(), ready.lend());
        let mark = sqlx::query("CREATE TABLE mark (a INTEGER)");
        mark.execute(second.as_mut().unwrap().connection()).await.unwrap();
        first.unwrap().give_back();
        second.unwrap().give_back();
        let mut next = ready.lend().await.unwrap();
        sqlx::query("INSERT INTO mark VALUES (1)").execute(next.connection()).await.unwrap();
    }

    #[tokio::test]
    async fn one_whose_caller_went_away_is_looked_at_by_the_pool_and_its_transaction_undone() {
        let ready = ready().await;
        let mut lent = ready.lend().await.unwrap();
        sqlx::query("CREATE TABLE t (a INTEGER)").execute(lent.connection()).await.unwrap();
        let mut transaction = lent.connection().begin().await.unwrap();
        sqlx::query("INSERT INTO t VALUES (1)").execute(&mut *transaction).await.unwrap();
        drop(transaction);
        drop(lent);
        assert!(ready.waiting().is_empty());
        let mut lent = ready.lend().await.unwrap();
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(lent.connection()).await.unwrap();
        assert_eq!(rows, 0);
    }

    #[tokio::test]
    async fn many_callers_share_one_connection_and_the_next_one_is_woken() {
        let ready = ready().await;
        let lent = ready.lend().await.unwrap();
        assert!(ready.lend().now_or_never().is_none(), "it is at work");
        lent.give_back();
        join_all((0..50).map(|_| works(&ready))).await;
    }

    #[tokio::test]
    async fn a_connection_at_work_ends_with_the_pool_that_was_closed_meanwhile() {
        let ready = ready().await;
        let lent = ready.lend().await.unwrap();
        let ((), ()) = futures::join!(ready.close(), async { lent.give_back() });
        assert_eq!(ready.open_and_idle(), (0, 0));
        assert!(matches!(ready.lend().await, Err(sqlx::Error::PoolClosed)));
    }
}
