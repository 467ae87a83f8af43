//! Reading usage: what is open, sums by day, pages of a month.

use std::collections::BTreeMap;

use backend::ports::{UsageBatch, UsageFilter};
use domain::id::{AccountId, NamespaceId, UserId};
use domain::money::{Currency, Money};
use domain::page::PageRequest;
use domain::usage::{BillingPlace, Day, Month, UsageDay, UsageRecord};
use domain::{Error, Result};
use jiff::Timestamp;

use super::{UsageRow, key, packed, select};
use crate::error::translate;
use crate::pool::{Pool, Value, asked, explained, on_db};
use crate::row::{all, ascending, at, descending, ms, places, stored, with_surplus};

// Numbered places per statement; both engines take many more.
const PLACES: usize = 100;

#[derive(sqlx::FromRow)]
struct DayRow {
    day: i64,
    namespace_id: String,
    namespace: String,
    member_id: String,
    member: String,
    key_id: String,
    key_name: String,
    sku: String,
    currency: String,
    seconds: i64,
    micros: i64,
}

impl TryFrom<DayRow> for UsageDay {
    type Error = Error;
    fn try_from(row: DayRow) -> Result<Self> {
        Ok(Self {
            day: Day::from_number(row.day),
            namespace_id: stored(NamespaceId::parse, &row.namespace_id)?,
            namespace: row.namespace,
            member_id: stored(UserId::parse, &row.member_id)?,
            member: row.member,
            key: key(&row.key_id, row.key_name)?,
            sku_code: row.sku,
            currency: stored(Currency::new, &row.currency)?,
            seconds: row.seconds,
            micros: row.micros,
        })
    }
}

/// The condition reads like those of the partial indexes, or no database would use them.
pub(super) async fn open(pool: &Pool, account: Option<AccountId>) -> Result<Vec<UsageRecord>> {
    let rows = match account {
        Some(account) => on_db!(read pool, db => {
            sqlx::query_as::<_, UsageRow>(select!("account_id = $1 AND ended_ms IS NULL"))
                .bind(account.to_string())
                .fetch_all(db)
                .await
        }),
        None => on_db!(read pool, db => {
            sqlx::query_as::<_, UsageRow>(select!("ended_ms IS NULL")).fetch_all(db).await
        }),
    };
    all(rows.map_err(translate)?)
}

/// Counted and not summed by the database: a sum beyond what fits would be its error, not the most that fits.
pub(super) async fn rates(pool: &Pool, account: AccountId) -> Result<BTreeMap<NamespaceId, Vec<Money>>> {
    let text = "SELECT namespace_id, currency, price_micros, count(*) FROM usage_records
         WHERE account_id = $1 AND ended_ms IS NULL GROUP BY namespace_id, currency, price_micros
         ORDER BY namespace_id, currency, price_micros";
    let rows: Vec<(String, String, i64, i64)> =
        on_db!(read pool, db => sqlx::query_as(text).bind(account.to_string()).fetch_all(db).await)
            .map_err(translate)?;
    let mut rates: BTreeMap<NamespaceId, Vec<Money>> = BTreeMap::new();
    for (namespace, currency, micros, pods) in rows {
        let rate = Money { micros: micros.saturating_mul(pods), currency: stored(Currency::new, &currency)? };
        rates.entry(stored(NamespaceId::parse, &namespace)?).or_default().push(rate);
    }
    Ok(rates)
}

pub(super) async fn ends(pool: &Pool, pod_uids: &[String]) -> Result<BTreeMap<String, Timestamp>> {
    let mut ends = BTreeMap::new();
    for uids in pod_uids.chunks(PLACES) {
        let text = format!(
            "SELECT pod_uid, max(ended_ms) FROM usage_records WHERE ended_ms IS NOT NULL AND pod_uid IN ({})
             GROUP BY pod_uid",
            places(1, uids.len())
        );
        let rows: Vec<(String, i64)> = on_db!(read pool, db => {
            // Safe: the text holds nothing but numbered places.
            let query = sqlx::query_as(sqlx::AssertSqlSafe(text));
            uids.iter().fold(query, |query, uid| query.bind(uid.clone())).fetch_all(db).await
        })
        .map_err(translate)?;
        for (uid, end) in rows {
            ends.insert(uid, at(end)?);
        }
    }
    Ok(ends)
}

/// In one statement, so of one moment: each sum, and behind it the parts of it that keys ordered.
pub(super) async fn days(pool: &Pool, account: AccountId, from: Day, until: Day) -> Result<Vec<UsageDay>> {
    let text = "SELECT day, namespace_id, namespace, member_id, member, '' AS key_id, '' AS key_name, sku, currency,
             seconds, micros
         FROM usage_days WHERE account_id = $1 AND day >= $2 AND day <= $3
         UNION ALL SELECT day, namespace_id, '', member_id, '', key_id, key_name, sku, currency, seconds, micros
         FROM usage_key_days WHERE account_id = $1 AND day >= $2 AND day <= $3
         ORDER BY day, namespace_id, member_id, sku, currency, key_id";
    let rows = on_db!(read pool, db => sqlx::query_as::<_, DayRow>(text)
        .bind(account.to_string())
        .bind(from.number())
        .bind(until.number())
        .fetch_all(db)
        .await);
    Ok(by_key(all(rows.map_err(translate)?)?))
}

/// Takes the parts that keys ordered out of the sums before them; a sum of which nothing is left goes.
fn by_key(rows: Vec<UsageDay>) -> Vec<UsageDay> {
    let (mut days, mut whole) = (Vec::<UsageDay>::with_capacity(rows.len()), 0);
    for part in rows {
        if part.key.is_none() {
            whole = days.len();
            days.push(part);
        } else if let Some(sum) = days.get_mut(whole) {
            sum.seconds -= part.seconds;
            // A sum may have stayed at the most that fits.
            sum.micros = sum.micros.saturating_sub(part.micros).max(0);
            let (namespace, member) = (sum.namespace.clone(), sum.member.clone());
            days.push(UsageDay { namespace, member, ..part });
        }
    }
    days.retain(|day| day.key.is_some() || day.seconds > 0);
    days
}

/// Which records of a month are wanted: the statement, what stands behind its WHERE, and what goes into its places.
struct Question {
    text: String,
    rest: String,
    values: Vec<Value>,
}

impl Question {
    /// Only the conditions that are asked for: with `OR … IS NULL` a database would use no index.
    fn page(account: AccountId, month: Month, filter: &UsageFilter, page: &PageRequest) -> Self {
        let (after, sign, down) = if filter.oldest_first {
            (ascending(page.after.as_deref()), '>', "")
        } else {
            (descending(page.after.as_deref()), '<', " DESC")
        };
        let mut values = vec![
            Value::Text(account.to_string()),
            Value::Number(month.number()),
            Value::Text(after.to_owned()),
            Value::Number(with_surplus(page.limit)),
        ];
        let mut rest = format!("account_id = $1 AND month = $2 AND id {sign} $3");
        let conditions =
            [("namespace_id", filter.namespace.map(|id| id.to_string())), ("sku", filter.sku_code.clone())];
        for (column, value) in conditions {
            if let Some(value) = value {
                values.push(Value::Text(value));
                rest.push_str(&format!(" AND {column} = ${}", values.len()));
            }
        }
        rest.push_str(&format!(" ORDER BY id{down} LIMIT $4"));
        Self::new(rest, values)
    }

    /// In the order of an index, so that no batch sorts what is left of the month.
    fn billed(account: AccountId, month: Month, after: Option<BillingPlace>, limit: u32) -> Self {
        let (namespace, started, id) = match after {
            Some(place) => (place.namespace_id.to_string(), ms(place.started_at), place.id.to_string()),
            None => (String::new(), i64::MIN, String::new()),
        };
        let values = vec![
            Value::Text(account.to_string()),
            Value::Number(month.number()),
            Value::Text(namespace),
            Value::Number(started),
            Value::Text(id),
            Value::Number(i64::from(limit)),
        ];
        let rest = "account_id = $1 AND month = $2 AND (namespace_id, started_ms, id) > ($3, $4, $5)
             ORDER BY namespace_id, started_ms, id LIMIT $6";
        Self::new(rest.to_owned(), values)
    }

    fn new(rest: String, values: Vec<Value>) -> Self {
        Self { text: packed::select(&rest), rest, values }
    }
}

pub(super) async fn page(
    pool: &Pool,
    account: AccountId,
    month: Month,
    filter: &UsageFilter,
    page: &PageRequest,
) -> Result<Vec<UsageRecord>> {
    batch(pool, account, &Question::page(account, month, filter, page)).await?.records()
}

pub(super) async fn billed(
    pool: &Pool,
    account: AccountId,
    month: Month,
    after: Option<BillingPlace>,
    limit: u32,
) -> Result<UsageBatch> {
    batch(pool, account, &Question::billed(account, month, after, limit)).await
}

/// As one value, or row by row where a name holds one of its signs.
async fn batch(pool: &Pool, account: AccountId, question: &Question) -> Result<UsageBatch> {
    // Safe, as below: the text holds nothing but columns and numbered places.
    let text = sqlx::AssertSqlSafe(question.text.clone());
    let found = on_db!(read pool, db => {
        asked!(sqlx::query_as::<_, (i64, Option<String>)>(text), question).fetch_one(db).await
    });
    let (count, text) = found.map_err(translate)?;
    let text = text.unwrap_or_default();
    if packed::is_whole(count, &text) {
        let last = packed::last(&text)?;
        let len = usize::try_from(count).map_err(Error::internal)?;
        let odd = || Error::internal("a batch of usage records has a sign too many");
        return Ok(UsageBatch::new(len, last, move || packed::records(account, count, &text)?.ok_or_else(odd)));
    }
    let text = sqlx::AssertSqlSafe(format!("{}{}", select!(""), question.rest));
    let rows = on_db!(read pool, db => asked!(sqlx::query_as::<_, UsageRow>(text), question).fetch_all(db).await);
    let records: Vec<UsageRecord> = all(rows.map_err(translate)?)?;
    Ok(UsageBatch::new(records.len(), records.last().map(UsageRecord::place), move || Ok(records)))
}

/// How the database reads a batch of an invoice, and a page of the month that is as long.
pub(super) async fn plans(
    pool: &Pool,
    account: AccountId,
    month: Month,
    after: Option<BillingPlace>,
    limit: u32,
) -> Result<[String; 2]> {
    let page = PageRequest { limit, after: after.map(|place| place.id.to_string()) };
    let page = Question::page(account, month, &UsageFilter::default(), &page);
    let billed = Question::billed(account, month, after, limit);
    Ok([plan(pool, &billed).await?, plan(pool, &page).await?])
}

async fn plan(pool: &Pool, question: &Question) -> Result<String> {
    explained!(pool, asked, question).map_err(translate)
}
