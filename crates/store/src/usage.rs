//! Usage records in SQL. The rules of the table itself keep a pod from being charged twice, whoever writes and however
//! often; the sums by day are added to in the transaction that ends a record, so they can neither miss nor repeat one.

mod packed;
mod read;

use std::collections::BTreeMap;

use async_trait::async_trait;
use backend::ports::{Usage, UsageBatch, UsageFilter};
use domain::id::{AccountId, ApiKeyId, NamespaceId, UsageId, UserId};
use domain::money::{Currency, Money};
use domain::page::PageRequest;
use domain::usage::{BillingPlace, Day, Month, UsageDay, UsageKey, UsageRecord};
use domain::{Error, Result};
use jiff::Timestamp;

use crate::SqlStore;
use crate::error::translate;
use crate::pool::{Pool, enter, on_db};
use crate::row::{at, maybe_at, ms, stored};

// Records per transaction: it must end well within the statement's time limit.
const BATCH: usize = 200;

#[derive(sqlx::FromRow)]
struct UsageRow {
    id: String,
    account_id: String,
    namespace_id: String,
    namespace: String,
    kubernetes_name: String,
    member_id: String,
    member: String,
    pod_uid: String,
    pod: String,
    origin_pod: String,
    origin_namespace: String,
    sku: String,
    engine: String,
    runtime_class: String,
    price_micros: i64,
    currency: String,
    started_ms: i64,
    ended_ms: Option<i64>,
    key_id: String,
    key_name: String,
}

/// A SELECT of whole records; `$rest` begins behind WHERE.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, namespace_id, namespace, kubernetes_name, member_id, member, pod_uid, pod, origin_pod,
             origin_namespace, sku, engine, runtime_class, price_micros, currency, started_ms, ended_ms,
             key_id, key_name FROM usage_records WHERE ",
            $rest
        )
    };
}
use select;

impl TryFrom<UsageRow> for UsageRecord {
    type Error = Error;
    fn try_from(row: UsageRow) -> Result<Self> {
        Ok(Self {
            id: stored(UsageId::parse, &row.id)?,
            account_id: stored(AccountId::parse, &row.account_id)?,
            namespace_id: stored(NamespaceId::parse, &row.namespace_id)?,
            namespace: row.namespace,
            kubernetes_name: row.kubernetes_name,
            member_id: stored(UserId::parse, &row.member_id)?,
            member: row.member,
            key: key(&row.key_id, row.key_name)?,
            pod_uid: row.pod_uid,
            pod: row.pod,
            origin_pod: row.origin_pod,
            origin_namespace: row.origin_namespace,
            sku_code: row.sku,
            engine: row.engine,
            runtime_class: row.runtime_class,
            price: Money { micros: row.price_micros, currency: stored(Currency::new, &row.currency)? },
            started_at: at(row.started_ms)?,
            ended_at: maybe_at(row.ended_ms)?,
        })
    }
}

/// The key with an id; an empty one is none.
fn key(id: &str, name: String) -> Result<Option<UsageKey>> {
    if id.is_empty() {
        return Ok(None);
    }
    Ok(Some(UsageKey { id: stored(ApiKeyId::parse, id)?, name }))
}

#[async_trait]
impl Usage for SqlStore {
    async fn note_usage(&self, records: &[UsageRecord]) -> Result<()> {
        for batch in records.chunks(BATCH) {
            note(&self.pool, batch).await?;
        }
        Ok(())
    }

    async fn open_usage(&self, account: Option<AccountId>) -> Result<Vec<UsageRecord>> {
        read::open(&self.pool, account).await
    }

    async fn open_rates(&self, account: AccountId) -> Result<BTreeMap<NamespaceId, Vec<Money>>> {
        read::rates(&self.pool, account).await
    }

    async fn usage_ends(&self, pod_uids: &[String]) -> Result<BTreeMap<String, Timestamp>> {
        read::ends(&self.pool, pod_uids).await
    }

    async fn metered_until(&self) -> Result<Option<Timestamp>> {
        let text = "SELECT seen_ms FROM usage_meter WHERE one = 1";
        let seen: Option<i64> =
            on_db!(read &self.pool, db => sqlx::query_scalar(text).fetch_optional(db).await).map_err(translate)?;
        maybe_at(seen)
    }

    async fn set_metered_until(&self, at: Timestamp) -> Result<()> {
        let text = "INSERT INTO usage_meter (one, seen_ms) VALUES (1, $1)
             ON CONFLICT (one) DO UPDATE SET seen_ms = excluded.seen_ms WHERE usage_meter.seen_ms < excluded.seen_ms";
        on_db!(write &self.pool, db => sqlx::query(text).bind(ms(at)).execute(db).await.map(drop)).map_err(translate)
    }

    async fn usage_days(&self, account: AccountId, from: Day, until: Day) -> Result<Vec<UsageDay>> {
        read::days(&self.pool, account, from, until).await
    }

    async fn list_usage(
        &self,
        account: AccountId,
        month: Month,
        filter: &UsageFilter,
        page: &PageRequest,
    ) -> Result<Vec<UsageRecord>> {
        read::page(&self.pool, account, month, filter, page).await
    }

    async fn billed_batch(
        &self,
        account: AccountId,
        month: Month,
        after: Option<BillingPlace>,
        limit: u32,
    ) -> Result<UsageBatch> {
        read::billed(&self.pool, account, month, after, limit).await
    }
}

impl SqlStore {
    /// How the database reads a batch of an invoice, and a page of the month that is as long: for the test that neither
    /// sorts a month.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn explain_usage(
        &self,
        account: AccountId,
        month: Month,
        after: Option<BillingPlace>,
        limit: u32,
    ) -> Result<[String; 2]> {
        read::plans(&self.pool, account, month, after, limit).await
    }
}

/// Inside `enter!`: adds a day of a record to the sums, and to those of its key.
macro_rules! add_to_day {
    ($tx:ident, $record:expr, $day:expr) => {
        sqlx::query(ADD_TO_DAY)
            .bind($record.account_id.to_string())
            .bind($day.day.number())
            .bind($day.namespace_id.to_string())
            .bind($day.member_id.to_string())
            .bind(&$day.sku_code)
            .bind($day.currency.as_str())
            .bind(&$day.namespace)
            .bind(&$day.member)
            .bind($day.seconds)
            .bind($day.micros)
            .execute(&mut *$tx)
            .await?;
        if let Some(key) = &$day.key {
            sqlx::query(ADD_TO_KEY)
                .bind($record.account_id.to_string())
                .bind($day.day.number())
                .bind($day.namespace_id.to_string())
                .bind($day.member_id.to_string())
                .bind(&$day.sku_code)
                .bind($day.currency.as_str())
                .bind(key.id.to_string())
                .bind(&key.name)
                .bind($day.seconds)
                .bind($day.micros)
                .execute(&mut *$tx)
                .await?;
        }
    };
}

async fn note(pool: &Pool, records: &[UsageRecord]) -> Result<()> {
    enter!(pool, tx => {
        for record in records {
            let begun: Option<String> = sqlx::query_scalar(INSERT)
                .bind(record.id.to_string())
                .bind(record.account_id.to_string())
                .bind(record.namespace_id.to_string())
                .bind(&record.namespace)
                .bind(&record.kubernetes_name)
                .bind(record.member_id.to_string())
                .bind(&record.member)
                .bind(&record.pod_uid)
                .bind(&record.pod)
                .bind(&record.origin_pod)
                .bind(&record.origin_namespace)
                .bind(&record.sku_code)
                .bind(&record.engine)
                .bind(&record.runtime_class)
                .bind(record.price.micros)
                .bind(record.price.currency.as_str())
                .bind(record.month().number())
                .bind(ms(record.started_at))
                .bind(record.ended_at.map(ms))
                .bind(record.key.as_ref().map_or_else(String::new, |key| key.id.to_string()))
                .bind(record.key.as_ref().map_or("", |key| key.name.as_str()))
                .fetch_optional(&mut *tx)
                .await?;
            let Some(ended_at) = record.ended_at else { continue };
            let ended: Option<String> = match begun {
                Some(id) => Some(id),
                None => sqlx::query_scalar(
                    "UPDATE usage_records SET ended_ms = $3
                     WHERE pod_uid = $1 AND started_ms = $2 AND ended_ms IS NULL RETURNING id",
                )
                .bind(&record.pod_uid)
                .bind(ms(record.started_at))
                .bind(ms(ended_at))
                .fetch_optional(&mut *tx)
                .await?,
            };
            for day in ended.iter().flat_map(|_| record.days(ended_at)) {
                add_to_day!(tx, record, day);
            }
        }
        Ok(Some(()))
    })
    .map(drop)
    .map_err(translate)
}

/// Without a target, so that it also gives way to the pod's other open record; and never into a span that is charged.
const INSERT: &str = "INSERT INTO usage_records (id, account_id, namespace_id, namespace, kubernetes_name, member_id,
         member, pod_uid, pod, origin_pod, origin_namespace, sku, engine, runtime_class, price_micros, currency, month,
         started_ms, ended_ms, key_id, key_name)
     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21
     WHERE NOT EXISTS (SELECT 1 FROM usage_records WHERE pod_uid = $8 AND ended_ms > $18)
     ON CONFLICT DO NOTHING RETURNING id";

/// Stays at the most that fits, as [`Money`] does. Beyond that PostgreSQL would refuse the whole batch for ever, and
/// SQLite would keep a float that nobody can read back.
const ADD_TO_DAY: &str = "INSERT INTO usage_days (account_id, day, namespace_id, member_id, sku, currency, namespace,
         member, seconds, micros)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (account_id, day, namespace_id, member_id, sku, currency) DO UPDATE
     SET namespace = excluded.namespace, member = excluded.member, seconds = usage_days.seconds + excluded.seconds,
         micros = CASE WHEN usage_days.micros > 9223372036854775807 - excluded.micros THEN 9223372036854775807
             ELSE usage_days.micros + excluded.micros END";

/// The same for the part of a day that one key ordered.
const ADD_TO_KEY: &str = "INSERT INTO usage_key_days (account_id, day, namespace_id, member_id, sku, currency, key_id,
         key_name, seconds, micros)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (account_id, day, namespace_id, member_id, sku, currency, key_id) DO UPDATE
     SET key_name = excluded.key_name, seconds = usage_key_days.seconds + excluded.seconds,
         micros = CASE WHEN usage_key_days.micros > 9223372036854775807 - excluded.micros THEN 9223372036854775807
             ELSE usage_key_days.micros + excluded.micros END";
