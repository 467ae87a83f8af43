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

/// Namespaces number `from` to `to` of the account and owner of the first key.
pub async fn namespaces(engine: &Engine, from: u64, to: u64) {
    let rows = "INSERT INTO namespaces (id, account_id, name, kubernetes_name, status, created_by, created_ms)
         $counter SELECT '019c1b2e-7f00-7000-8000-' || CAST(100000000000 + i AS TEXT), a.id,
             'bench-' || CAST(i AS TEXT), 'bench-' || CAST(i AS TEXT), 'active', m.user_id, 1700000000000
         FROM n CROSS JOIN (SELECT id FROM accounts ORDER BY id LIMIT 1) a
             JOIN (SELECT account_id, user_id FROM members) m ON m.account_id = a.id";
    run(engine, rows, from, to).await;
}

/// Who pays for the usage records.
pub const PAYER: u128 = 0x019c_1b2e_7f00_7aaa_8def_0000_0000_0001;
/// Name of the account that pays, once [`payer`] made it.
pub const PAYER_NAME: &str = "bench-payer";
/// A month began then: 1 November 2026, UTC.
pub const MONTH_MS: i64 = 1_793_491_200_000;

/// Usage records number `from` to `to` of one month, an hour each, over 20 namespaces, 10 members and 5 SKUs, with their
/// sums by day.
pub async fn usage(engine: &Engine, from: u64, to: u64) {
    let payer = uuid::Uuid::from_u128(PAYER);
    let columns = format!(
        "'{payer}' AS account_id, '019c1b2e-7f00-7000-8000-' || CAST(200000000000 + i % 20 AS TEXT) AS namespace_id,
         'team-' || CAST(i % 20 AS TEXT) AS namespace,
         '019c1b2e-7f00-7000-8000-' || CAST(300000000000 + i % 10 AS TEXT) AS member_id,
         'member-' || CAST(i % 10 AS TEXT) AS member, 'sku-' || CAST(i % 5 AS TEXT) AS sku, 'EUR' AS currency,
         {MONTH_MS} + (i % 696) * CAST(3600000 AS BIGINT) AS started_ms"
    );
    let records = format!(
        "INSERT INTO usage_records (id, account_id, namespace_id, namespace, kubernetes_name, member_id, member, pod_uid,
             pod, origin_pod, origin_namespace, sku, engine, runtime_class, price_micros, currency, month, started_ms,
             ended_ms)
         $counter SELECT '019c1b2e-7f00-7000-8000-' || CAST(100000000000 + i AS TEXT), r.account_id, r.namespace_id,
             r.namespace, r.namespace, r.member_id, r.member, 'uid-' || CAST(i AS TEXT), 'pod', 'pod', 'pod', r.sku,
             'bench', '', 3290000, r.currency, {}, r.started_ms, r.started_ms + 3600000
         FROM (SELECT i, {columns} FROM n) r",
        2026 * 12 + 10
    );
    run(engine, &records, from, to).await;
    let days = format!(
        "INSERT INTO usage_days (account_id, day, namespace_id, member_id, sku, currency, namespace, member, seconds, micros)
         $counter SELECT r.account_id, r.started_ms / 86400000, r.namespace_id, r.member_id, r.sku, r.currency,
             max(r.namespace), max(r.member), 3600 * count(*), 3290000 * count(*)
         FROM (SELECT i, {columns} FROM n) r
         WHERE TRUE
         GROUP BY r.account_id, r.started_ms / 86400000, r.namespace_id, r.member_id, r.sku, r.currency
         ON CONFLICT (account_id, day, namespace_id, member_id, sku, currency) DO UPDATE
         SET seconds = usage_days.seconds + excluded.seconds, micros = usage_days.micros + excluded.micros"
    );
    run(engine, &days, from, to).await;
}

/// Makes the account of the usage records; the console gives ids of its own, so it cannot.
pub async fn payer(engine: &Engine) {
    let payer = uuid::Uuid::from_u128(PAYER);
    let row = format!(
        "INSERT INTO accounts (id, name, customer_number, created_ms)
         $counter SELECT '{payer}', '{PAYER_NAME}', 90000 + i, {MONTH_MS} FROM n"
    );
    run(engine, &row, 0, 1).await;
}

async fn run(engine: &Engine, rows: &str, from: u64, to: u64) {
    if from >= to {
        return;
    }
    let counter = COUNTER.replace("$from", &from.to_string()).replace("$to", &to.to_string());
    let text = AssertSqlSafe(rows.replace("$counter", &counter));
    if engine.url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(&engine.url).await.unwrap();
        // The console never runs ANALYZE on SQLite: without figures the planner takes the index, with those of an empty
        // table it would read whole tables.
        sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
    } else {
        let mut connection = PgConnection::connect(&engine.url).await.unwrap();
        sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
        sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
    }
}
