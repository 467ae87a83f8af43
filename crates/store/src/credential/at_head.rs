//! The short way to write down a credential of a key: key, credential, audit row and head of the chain at once, by one
//! statement that is its own transaction on PostgreSQL, by one hand-over within a transaction on SQLite. The row must
//! be sealed before it is sent, so this process guesses where its chain ends; nothing is added where another one went
//! on with it, nor for a key that lives no more.

use domain::audit::record::chain_of;
use domain::audit::{AuditEvent, AuditRecord, Head};
use domain::credential::Credential;
use domain::webhook::Topic;
use sqlx::Sqlite;

use super::{bound, insert, lives, use_key};
use crate::audit::write_row;
use crate::clock::{postgres_ms, sqlite_ms};
use crate::pool::{Engine, Pool, limited, on_db};
use crate::ready::Ready;

/// Moves the head of the chain from where it was guessed to the new row.
macro_rules! go_on {
    ($from:literal) => {
        concat!(
            "UPDATE audit_heads SET sequence = $27, hash = $28, key_id = $30, seal = $31",
            $from,
            " WHERE chain = $26 AND sequence = $27 - 1 AND hash = $32"
        )
    };
}

/// Adds the audit row.
macro_rules! add_row {
    ($from:literal) => {
        concat!(
            "INSERT INTO audit (id, at_ms, account_id, actor, actor_name, action, target, target_name, outcome, code,
                 detail, address, user_agent, request_id, jti, chain, sequence, hash, key_id)
             SELECT $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29",
            $from
        )
    };
}

/// Locks in the order of the long way: the key, what the credential points at, the head of the chain.
const POSTGRES: &str = concat!(
    "WITH used AS (",
    use_key!(lives!(postgres_ms!())),
    " AND EXISTS (SELECT 1 FROM namespaces WHERE id = $6 AND account_id = $5)
         AND EXISTS (SELECT 1 FROM audit_heads WHERE chain = $26 AND sequence = $27 - 1 AND hash = $32)
     RETURNING id
     ), place AS (
         SELECT n.id FROM used, accounts a JOIN namespaces n ON n.account_id = a.id
         WHERE n.id = $6 AND a.id = $5 FOR KEY SHARE OF a, n
     ), head AS (",
    go_on!(" FROM place"),
    " RETURNING chain), added AS (",
    insert!(" FROM head"),
    ") ",
    add_row!(" FROM head")
);

/// One row each, or the transaction is undone.
const SQLITE: &str = concat!(
    go_on!(""),
    "; ",
    insert!(" FROM api_keys WHERE ", lives!(sqlite_ms!())),
    "; ",
    use_key!("id = $1"),
    "; ",
    add_row!(" WHERE EXISTS (SELECT 1 FROM audit_heads WHERE chain = $26 AND sequence = $27 AND hash = $28)")
);
const SQLITE_ROWS: u64 = 4;

/// What is written together.
struct Whole<'a> {
    credential: &'a Credential,
    key: String,
    row: AuditRecord,
    head: Head,
    previous: String,
}

/// Binds `$1` to `$32`.
macro_rules! bound_whole {
    ($text:expr, $whole:expr) => {{
        let (row, head) = (&$whole.row, &$whole.head);
        let query = bound!(sqlx::query($text), $whole.credential, Some($whole.key.as_str()));
        write_row!(@bind query, row, head).bind(&head.key_id).bind(&head.seal).bind(&$whole.previous)
    }};
}

/// False when the credential was not written, whatever the reason: the long way finds it.
pub(super) async fn record(pool: &Pool, credential: &Credential, audit: &AuditEvent) -> sqlx::Result<bool> {
    let Some(key) = credential.api_key_id.map(|id| id.to_string()) else { return Ok(false) };
    // Neither what webhooks are told nor how many connectors there are is looked at here.
    if credential.renews() || Topic::of_row(audit).is_some() {
        return Ok(false);
    }
    let chain = chain_of(audit.account_id);
    let Some((last, previous)) = pool.journal.take_end(&chain) else { return Ok(false) };
    let row = pool.journal.row(audit, last.saturating_add(1), &previous);
    let head = pool.journal.head(chain, row.sequence, row.hash.clone());
    let whole = Whole { credential, key, row, head, previous };
    let written = match &pool.engine {
        Engine::Sqlite { write, .. } => on_sqlite(write, &whole).await?,
        Engine::Postgres(all) => {
            let work = async { on_db!(on all, db => bound_whole!(POSTGRES, whole).execute(db).await) };
            limited(work).await?.rows_affected() > 0
        }
    };
    if written {
        pool.journal.committed(whole.row);
    }
    Ok(written)
}

async fn on_sqlite(write: &Ready<Sqlite>, whole: &Whole<'_>) -> sqlx::Result<bool> {
    let mut lent = write.lend().await?;
    let mut transaction = lent.begin("BEGIN IMMEDIATE").await?;
    let done = bound_whole!(SQLITE, whole).execute(&mut *transaction).await?;
    let written = done.rows_affected() == SQLITE_ROWS;
    if written {
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    lent.give_back();
    Ok(written)
}
