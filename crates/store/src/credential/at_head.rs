//! The short way to write down a credential of a key, on PostgreSQL: key, credential, audit row and head of the chain
//! by one statement that is its own transaction, where the long way makes five round trips. The row must be sealed before
//! it is sent, so this process guesses where its chain ends; nothing is added where another one went on with it.

use domain::audit::AuditEvent;
use domain::audit::record::chain_of;
use domain::credential::Credential;
use domain::webhook::Topic;

use super::{bound, insert, lives, use_key};
use crate::audit::write_row;
use crate::clock::postgres_ms;
use crate::pool::{Engine, Pool, limited, on_db};

/// Locks in the order of the long way: the key, what the credential points at, the head of the chain.
const RECORD: &str = concat!(
    "WITH used AS (",
    use_key!(lives!(postgres_ms!())),
    " AND EXISTS (SELECT 1 FROM namespaces WHERE id = $6 AND account_id = $5)
         AND EXISTS (SELECT 1 FROM audit_heads WHERE chain = $26 AND sequence = $27 - 1 AND hash = $32)
     RETURNING id
     ), place AS (
         SELECT n.id FROM used, accounts a JOIN namespaces n ON n.account_id = a.id
         WHERE n.id = $6 AND a.id = $5 FOR KEY SHARE OF a, n
     ), head AS (
         UPDATE audit_heads SET sequence = $27, hash = $28, key_id = $30, seal = $31 FROM place
         WHERE chain = $26 AND sequence = $27 - 1 AND hash = $32 RETURNING chain
     ), added AS (",
    insert!(" FROM head"),
    ")
     INSERT INTO audit (id, at_ms, account_id, actor, actor_name, action, target, target_name, outcome, code,
         detail, address, user_agent, request_id, jti, chain, sequence, hash, key_id)
     SELECT $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29 FROM head"
);

/// False when the credential was not written, whatever the reason: the long way finds it.
pub(super) async fn record(pool: &Pool, credential: &Credential, audit: &AuditEvent) -> sqlx::Result<bool> {
    let Engine::Postgres(all) = &pool.engine else { return Ok(false) };
    let Some(key) = credential.api_key_id.map(|id| id.to_string()) else { return Ok(false) };
    // What webhooks are told is not in the statement.
    if Topic::of_row(audit).is_some() {
        return Ok(false);
    }
    let chain = chain_of(audit.account_id);
    let Some((last, previous)) = pool.journal.take_end(&chain) else { return Ok(false) };
    let row = pool.journal.row(audit, last.saturating_add(1), &previous);
    let head = pool.journal.head(chain, row.sequence, row.hash.clone());
    let written = limited(async {
        on_db!(on all, db => {
            let query = bound!(sqlx::query(RECORD), credential, Some(key.as_str()));
            write_row!(@bind query, row, head)
                .bind(&head.key_id)
                .bind(&head.seal)
                .bind(&previous)
                .execute(db)
                .await
        })
    })
    .await?;
    if written.rows_affected() == 0 {
        return Ok(false);
    }
    pool.journal.committed(row);
    Ok(true)
}
