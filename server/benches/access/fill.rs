//! Many rows quickly: one INSERT … SELECT that both engines understand.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::Engine;

const COUNTER: &str = "WITH RECURSIVE n(i) AS (SELECT $from UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $to)";

/// API keys number `from` to `to` of the account and owner of the first key.
pub async fn keys(engine: &Engine, from: u64, to: u64) {
    let rows = "INSERT INTO api_keys (id, account_id, owner_id, name, public_id, generation, digest, pepper_id, scope,
             access, expires_ms, disabled, revoked_ms, created_ms)
         $counter SELECT '019c1b2e-7f00-7000-8000-' || CAST(100000000000 + i AS TEXT), a.id, m.user_id, 'bench',
             CAST(10000000 + i AS TEXT), 1, 'd', 'p', '{\"all\":true}', 'edit', NULL, FALSE, NULL, 1700000000000
         FROM n CROSS JOIN (SELECT id FROM accounts ORDER BY id LIMIT 1) a
             JOIN (SELECT account_id, user_id FROM members) m ON m.account_id = a.id";
    run(engine, rows, from, to).await;
}

/// Audit rows number `from` to `to` of the first account.
pub async fn audit(engine: &Engine, from: u64, to: u64) {
    let rows = "INSERT INTO audit (id, at_ms, account_id, actor, action, target, detail, address, request_id)
         $counter SELECT '019c1b2e-7f00-7000-8000-' || CAST(100000000000 + i AS TEXT), 1700000000000 + i, a.id,
             'user:bench', 'credential.reused', 'namespace:bench', 'kubectl/v1.36.3', '192.0.2.1', 'r'
         FROM n CROSS JOIN (SELECT id FROM accounts ORDER BY id LIMIT 1) a";
    run(engine, rows, from, to).await;
}

async fn run(engine: &Engine, rows: &str, from: u64, to: u64) {
    if from >= to {
        return;
    }
    let counter = COUNTER.replace("$from", &from.to_string()).replace("$to", &to.to_string());
    let text = AssertSqlSafe(rows.replace("$counter", &counter));
    if engine.url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(&engine.url).await.unwrap();
        sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
        sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
    } else {
        let mut connection = PgConnection::connect(&engine.url).await.unwrap();
        sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
        sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
    }
}
