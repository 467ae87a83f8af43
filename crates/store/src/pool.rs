//! Two typed pools and the macros that run one body on either: `sqlx` types differ, the SQL text does not.
//! Macros, because a function generic over both engines would need a page of bounds for each query.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Postgres, Sqlite};

use crate::journal::Journal;
use crate::ready::Ready;

// The server's own limits (connect.rs) do not help when it cannot be heard any more. More than the 5 s for a connection,
// less than the 8 s in which exec-credential answers.
const POSTGRES_LIMIT: Duration = Duration::from_secs(6);

/// The open database with what every change needs.
#[derive(Clone)]
pub(crate) struct Pool {
    /// The connections.
    pub(crate) engine: Engine,
    /// Seals and announces audit rows.
    pub(crate) journal: Arc<Journal>,
}

/// The connections to the database.
#[derive(Clone)]
pub(crate) enum Engine {
    /// One file. SQLite has one writer at a time, so there is one writing connection and a queue before it; readers see
    /// the last commit and never wait (WAL).
    Sqlite {
        /// Connections that cannot write.
        read: Arc<Ready<Sqlite>>,
        /// The one connection that can.
        write: Arc<Ready<Sqlite>>,
    },
    /// A server.
    Postgres(Arc<Ready<Postgres>>),
}

impl Engine {
    /// The engine's name, for logs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }
}

/// Runs one statement on either engine, `read` on a reader, `write` on the writer and without an audit row (sessions,
/// passwords, bookkeeping), `on` on one of just these connections. `$db` is the connection, for one statement; gives the
/// body's `sqlx::Result`.
macro_rules! on_db {
    (read $pool:expr, $db:ident => $body:expr) => {
        match &$pool.engine {
            $crate::pool::Engine::Sqlite { read, .. } => $crate::pool::on_db!(on read, $db => $body),
            $crate::pool::Engine::Postgres(all) => {
                $crate::pool::limited(async { $crate::pool::on_db!(on all, $db => $body) }).await
            }
        }
    };
    (write $pool:expr, $db:ident => $body:expr) => {
        match &$pool.engine {
            $crate::pool::Engine::Sqlite { write, .. } => $crate::pool::on_db!(on write, $db => $body),
            $crate::pool::Engine::Postgres(all) => {
                $crate::pool::limited(async { $crate::pool::on_db!(on all, $db => $body) }).await
            }
        }
    };
    (on $ready:expr, $db:ident => $body:expr) => {
        match $ready.lend().await {
            Ok(mut lent) => {
                let done = {
                    let $db = lent.connection();
                    $body
                };
                if done.is_ok() {
                    lent.give_back();
                }
                done
            }
            Err(error) => Err(error),
        }
    };
}

/// Runs `$body` in a transaction; `$tx` is the connection. `Ok(Some(_))` commits it **with the audit row**, `Ok(None)`
/// (nothing to change) and any error roll it back (RULINGS 39); several rows are of one chain. They come last: the head
/// of the chain is the last lock every transaction takes, so no two can wait for each other.
macro_rules! change {
    ($pool:expr, $audit:expr, $tx:ident => $body:expr) => {
        match &$pool.engine {
            // IMMEDIATE: a transaction that reads first and writes after another writer fails at once with code 517, in
            // spite of the busy timeout.
            $crate::pool::Engine::Sqlite { write, .. } => {
                $crate::pool::change!(@run sqlite, write, "BEGIN IMMEDIATE", $pool, $audit, $tx => $body)
            }
            $crate::pool::Engine::Postgres(all) => {
                let work = async { $crate::pool::change!(@run postgres, all, "BEGIN", $pool, $audit, $tx => $body) };
                $crate::pool::limited(work).await
            }
        }
    };
    (@run $engine:ident, $ready:ident, $begin:literal, $pool:expr, $audit:expr, $tx:ident => $body:expr) => {
        $crate::pool::outcome(async {
            let mut lent = $ready.lend().await?;
            let mut transaction = lent.begin($begin).await?;
            let changed = {
                let $tx = &mut *transaction;
                $crate::pool::outcome(async { $body }).await?
            };
            if changed.is_some() {
                let mut rows = Vec::new();
                for event in $crate::audit::Events::events($audit) {
                    $crate::webhook::tell!(transaction, event);
                    rows.push($crate::audit::append!($engine, transaction, $pool.journal, event));
                }
                transaction.commit().await?;
                rows.into_iter().for_each(|row| $pool.journal.committed(row));
            } else {
                transaction.rollback().await?;
            }
            lent.give_back();
            Ok(changed)
        })
        .await
    };
}

/// How the engine reads a statement, for the tests of its plan. `$asked` has the `text`, and `$bind!` binds its values.
macro_rules! explained {
    ($pool:expr, $bind:ident, $asked:expr) => {{
        let lines = match &$pool.engine {
            $crate::pool::Engine::Sqlite { read, .. } => {
                let text = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", $asked.text));
                let query = sqlx::query_as::<_, (i64, i64, i64, String)>(text);
                let rows = $crate::pool::on_db!(on read, db => $bind!(query, $asked).fetch_all(db).await);
                rows.map(|rows| rows.into_iter().map(|(.., line)| line).collect::<Vec<_>>())
            }
            $crate::pool::Engine::Postgres(all) => {
                let text = sqlx::AssertSqlSafe(format!("EXPLAIN {}", $asked.text));
                let query = sqlx::query_scalar::<_, String>(text);
                $crate::pool::on_db!(on all, db => $bind!(query, $asked).fetch_all(db).await)
            }
        };
        lines.map(|lines| lines.join("\n"))
    }};
}

/// A value for a numbered place of a statement that is put together from what was asked.
pub(crate) enum Value {
    Text(String),
    Number(i64),
}

/// Binds all `values` of `$asked` in their order; safe, as its text holds conditions of ours and numbered places only.
macro_rules! asked {
    ($query:expr, $asked:expr) => {
        $asked.values.iter().fold($query, |query, value| match value {
            $crate::pool::Value::Text(text) => query.bind(text.clone()),
            $crate::pool::Value::Number(number) => query.bind(*number),
        })
    };
}

/// Like [`change!`] for ledgers that are their own record (usage): no audit row. Commits unless there is an error.
macro_rules! enter {
    ($pool:expr, $tx:ident => $body:expr) => {
        match &$pool.engine {
            $crate::pool::Engine::Sqlite { write, .. } => {
                $crate::pool::enter!(@run write, "BEGIN IMMEDIATE", $tx => $body)
            }
            $crate::pool::Engine::Postgres(all) => {
                $crate::pool::limited(async { $crate::pool::enter!(@run all, "BEGIN", $tx => $body) }).await
            }
        }
    };
    (@run $ready:ident, $begin:literal, $tx:ident => $body:expr) => {
        $crate::pool::outcome(async {
            let mut lent = $ready.lend().await?;
            let mut transaction = lent.begin($begin).await?;
            let changed = {
                let $tx = &mut *transaction;
                $crate::pool::outcome(async { $body }).await?
            };
            transaction.commit().await?;
            lent.give_back();
            Ok(changed)
        })
        .await
    };
}

/// Fixes the type of a block inside [`change!`], so that `?` works in it.
pub(crate) fn outcome<T, F: Future<Output = sqlx::Result<Option<T>>>>(body: F) -> F {
    body
}

/// Waits no longer than a request can: a server that went silent must not hold one for ever.
pub(crate) async fn limited<T>(work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(POSTGRES_LIMIT, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

pub(crate) use {asked, change, enter, explained, on_db};
