//! Connections between two statements. The driver's pool asks a connection whether it lives each time one comes back
//! to it: a round trip to the server, or to SQLite's thread, as long as a short statement itself. Here a connection
//! whose work ended well waits for the next caller as it is. Any other, and one whose caller went away, goes back to the
//! pool, which rolls back and looks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Database, Pool, Postgres, SqlSafeStr as _, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// A connection that rested this long is asked first: the server may have been restarted meanwhile.
pub(crate) const RESTED: Duration = Duration::from_secs(5);
const PING_LIMIT: Duration = Duration::from_secs(1);
// So often the pool sees each connection and may end it by its age.
const KEPT: Duration = Duration::from_secs(60);
// On its way to the pool a connection waits for what its caller did not: longer than the server's own limits, and not
// until a server that is gone for good is given up by TCP, which takes a quarter of an hour.
const LOST: Duration = Duration::from_secs(10);

/// A pool with the connections that wait before it. The one that worked last works next: few of them stay warm, here and
/// in the server, where each is a process.
pub(crate) struct Ready<DB: Database> {
    pool: Pool<DB>,
    // As many as the pool has connections: a caller with a turn finds one here, or room in the pool.
    turns: Arc<Semaphore>,
    // The longest rested first.
    waiting: Mutex<VecDeque<Rested<DB>>>,
    patience: Duration,
    lost_after: Duration,
}

struct Rested<DB: Database> {
    held: Held<DB>,
    since: Instant,
}

/// A connection at work.
pub(crate) struct Lent<'r, DB: Database> {
    held: Held<DB>,
    ready: &'r Ready<DB>,
}

/// A connection out of the pool. Dropped with its turn it goes back there, without one it is closed.
struct Held<DB: Database> {
    connection: PoolConnection<DB>,
    left_pool: Instant,
    lost_after: Duration,
    // The server was asked to begin a transaction, and the driver knows nothing of it yet.
    begins: bool,
    turn: Option<OwnedSemaphorePermit>,
}

// === impl Ready ===

impl<DB: Database> Ready<DB> {
    /// Nobody waits longer than `patience` for a connection.
    pub(crate) fn new(pool: Pool<DB>, patience: Duration) -> Self {
        let turns = usize::try_from(pool.options().get_max_connections()).unwrap_or(1);
        let turns = Arc::new(Semaphore::new(turns));
        Self { pool, turns, waiting: Mutex::default(), patience, lost_after: LOST }
    }

    /// A connection, in the order of asking.
    pub(crate) async fn lend(&self) -> sqlx::Result<Lent<'_, DB>> {
        timeout(self.patience, self.next()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn next(&self) -> sqlx::Result<Lent<'_, DB>> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let rested = self.waiting().pop_back();
        if let Some(Rested { mut held, since }) = rested {
            if since.elapsed() <= RESTED || matches!(timeout(PING_LIMIT, held.connection.ping()).await, Ok(Ok(()))) {
                held.turn = Some(turn);
                return Ok(Lent { held, ready: self });
            }
            // Closed, as it has no turn: the pool would wait for an answer that may never come.
            drop(held);
        }
        let connection = self.pool.acquire().await?;
        let (left_pool, lost_after) = (Instant::now(), self.lost_after);
        Ok(Lent { held: Held { connection, left_pool, lost_after, begins: false, turn: Some(turn) }, ready: self })
    }

    /// Waits until running work ended, then closes every connection.
    pub(crate) async fn close(&self) {
        // Closed first: from now on nothing is kept.
        let closing = self.pool.close();
        let waiting = std::mem::take(&mut *self.waiting());
        for mut rested in waiting {
            rested.held.connection.return_to_pool().await;
        }
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

    fn keep(&self, mut held: Held<DB>) {
        let mut waiting = self.waiting();
        // Asked under the lock: whoever closes takes out afterwards what is here.
        if self.pool.is_closed() {
            return;
        }
        let turn = held.turn.take();
        waiting.push_back(Rested { held, since: Instant::now() });
        // What many callers at once needed once is closed.
        let surplus = waiting.front().is_some_and(|first| first.since.elapsed() > KEPT).then(|| waiting.pop_front());
        // It lies there when the next caller has the turn.
        drop(waiting);
        drop((turn, surplus));
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Rested<DB>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Lent ===

impl<DB: Database> Lent<'_, DB> {
    /// The connection itself.
    pub(crate) fn connection(&mut self) -> &mut DB::Connection {
        &mut self.held.connection
    }

    /// Begins a transaction by `statement`. PostgreSQL's driver knows of it once the server has answered (sqlx 0.9.0,
    /// issue 4393): when the caller goes away before, nobody rolls it back, and what others write on that connection
    /// later is never committed. So such a connection is closed. SQLite's thread undoes what nobody waited for.
    pub(crate) fn begin(
        &mut self,
        statement: &'static str,
    ) -> impl Future<Output = sqlx::Result<Transaction<'_, DB>>> + Send {
        let statement = statement.into_sql_str();
        async move {
            self.held.begins = DB::NAME == Postgres::NAME;
            let transaction = self.held.connection.begin_with(statement).await?;
            self.held.begins = false;
            Ok(transaction)
        }
    }

    /// The work ended well: nothing runs on the connection and no transaction is open.
    pub(crate) fn give_back(self) {
        let Self { held, ready } = self;
        if held.left_pool.elapsed() < KEPT {
            ready.keep(held);
        }
    }
}

// === impl Held ===

impl<DB: Database> Drop for Held<DB> {
    /// The turn ends when the connection is back: else the next caller would wait for just this one, whatever came free
    /// meanwhile. Without a turn it is closed here and now: a task needs a runtime, and there may be none any more.
    fn drop(&mut self) {
        let turn = self.turn.take();
        // Closes the connection unless it is waited for.
        let back = self.connection.return_to_pool();
        if turn.is_some() && !self.begins {
            let lost_after = self.lost_after;
            tokio::spawn(async move {
                // Back or closed; the pool has its place again either way.
                let _in_time = timeout(lost_after, back).await;
                drop(turn);
            });
        }
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

    /// No connection that goes back to this pool ever arrives.
    fn stuck(connections: u32) -> Ready<Sqlite> {
        let pool = SqlitePoolOptions::new()
            .max_connections(connections)
            .after_release(|_, _| Box::pin(std::future::pending()))
            .connect_lazy("sqlite::memory:")
            .unwrap();
        Ready::new(pool, Duration::from_secs(60))
    }

    #[tokio::test]
    async fn nobody_waits_for_a_connection_on_its_way_to_the_pool_when_another_one_comes_free() {
        let ready = stuck(2);
        let (gone, used) = (ready.lend().await.unwrap(), ready.lend().await.unwrap());
        drop(gone);
        let mut next = std::pin::pin!(ready.lend());
        assert!(futures::poll!(next.as_mut()).is_pending(), "both are away");
        used.give_back();
        assert!(futures::poll!(next).is_ready());
    }

    #[tokio::test]
    async fn a_connection_that_never_arrives_at_the_pool_is_replaced() {
        let ready = Ready { lost_after: Duration::ZERO, ..stuck(1) };
        drop(ready.lend().await.unwrap());
        works(&ready).await;
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
