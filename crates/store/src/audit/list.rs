//! Pages of the audit log: one statement made from the filters that are set, so that each finds its index.

use domain::Result;
use domain::audit::{AuditFilter, AuditRecord, AuditScope, Outcome};
use domain::id::AuditId;
use domain::page::PageRequest;

use super::{AuditRow, select};
use crate::error::translate;
use crate::pool::{Engine, Pool, on_db};
use crate::row::{all, descending, ms, one, with_surplus};

// An id's time and its row's time come from two looks at the same clock.
const SKEW_MS: i64 = 60_000;
// One look of the shared tail; whoever has more to read reads it as a page.
const LOOK_LIMIT: i64 = 500;

/// A statement and what goes into its numbered places.
struct Question {
    text: String,
    values: Vec<Value>,
}

enum Value {
    Text(String),
    Number(i64),
}

impl Question {
    fn new(scope: AuditScope, filter: &AuditFilter, newer_than: Option<AuditId>, page: &PageRequest) -> Self {
        let mut question = Self { text: select!("TRUE").to_owned(), values: Vec::new() };
        if let AuditScope::Account(id) = scope {
            question.and("account_id =", id.to_string());
        }
        let fields = [
            ("action =", filter.action.map(|action| action.as_str().to_owned())),
            ("actor =", filter.actor.clone()),
            ("target =", filter.target.clone()),
            ("outcome =", filter.outcome.map(|outcome| outcome.as_str().to_owned())),
            ("id >", newer_than.map(|id| id.to_string())),
            // The range of ids finds the place in the index, the times are exact.
            ("id >=", filter.since.map(|at| first_id(ms(at) - SKEW_MS))),
        ];
        for (condition, value) in fields {
            if let Some(value) = value {
                question.and(condition, value);
            }
        }
        if filter.outcome.is_some_and(|outcome| outcome != Outcome::Success) {
            // Written as in the partial index, or no database would use it.
            question.text.push_str(" AND outcome <> 'success'");
        }
        let until = filter.until.map(|at| first_id(ms(at) + SKEW_MS));
        let cursor = descending(page.after.as_deref()).to_owned();
        question.and("id <", until.map_or(cursor.clone(), |until| until.min(cursor)));
        for (condition, at) in [("at_ms >=", filter.since), ("at_ms <", filter.until)] {
            if let Some(at) = at {
                question.and_number(condition, ms(at));
            }
        }
        question.text.push_str(" ORDER BY id DESC LIMIT ");
        question.place(Value::Number(with_surplus(page.limit)));
        question
    }

    fn and(&mut self, condition: &str, value: String) {
        self.text.push_str(&format!(" AND {condition} "));
        self.place(Value::Text(value));
    }

    fn and_number(&mut self, condition: &str, value: i64) {
        self.text.push_str(&format!(" AND {condition} "));
        self.place(Value::Number(value));
    }

    fn place(&mut self, value: Value) {
        self.values.push(value);
        self.text.push_str(&format!("${}", self.values.len()));
    }
}

/// Binds every value; safe, as the text holds conditions of ours and numbered places only.
macro_rules! asked {
    ($query:expr, $question:expr) => {
        $question.values.iter().fold($query, |query, value| match value {
            Value::Text(text) => query.bind(text.clone()),
            Value::Number(number) => query.bind(*number),
        })
    };
}

pub(super) async fn page(
    pool: &Pool,
    scope: AuditScope,
    filter: &AuditFilter,
    newer_than: Option<AuditId>,
    page: &PageRequest,
) -> Result<Vec<AuditRecord>> {
    let question = Question::new(scope, filter, newer_than, page);
    let text = sqlx::AssertSqlSafe(question.text.clone());
    let rows = on_db!(read pool, db => asked!(sqlx::query_as::<_, AuditRow>(text), question).fetch_all(db).await);
    all(rows.map_err(translate)?)
}

pub(super) async fn one_row(pool: &Pool, scope: AuditScope, id: AuditId) -> Result<Option<AuditRecord>> {
    let row = on_db!(read pool, db => sqlx::query_as::<_, AuditRow>(select!("id = $1"))
        .bind(id.to_string())
        .fetch_optional(db)
        .await);
    let row: Option<AuditRecord> = one(row.map_err(translate)?)?;
    Ok(row.filter(|row| AuditFilter::default().wants(scope, row)))
}

/// The newest rows made after `ms`, oldest first; without a time none, only where "now" is.
pub(crate) async fn since(pool: &Pool, since_ms: Option<i64>) -> Result<Vec<AuditRecord>> {
    let (from, limit) = (since_ms.map(first_id).unwrap_or_default(), since_ms.map_or(1, |_| LOOK_LIMIT));
    let text = select!("id >= $1 ORDER BY id DESC LIMIT $2");
    let rows = on_db!(read pool, db => sqlx::query_as::<_, AuditRow>(text).bind(from).bind(limit).fetch_all(db).await);
    let mut rows: Vec<AuditRecord> = all(rows.map_err(translate)?)?;
    rows.reverse();
    Ok(rows)
}

pub(super) async fn plan(pool: &Pool, scope: AuditScope, filter: &AuditFilter, page: &PageRequest) -> Result<String> {
    let question = Question::new(scope, filter, None, page);
    let lines: Vec<String> = match &pool.engine {
        Engine::Sqlite { read, .. } => {
            let text = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", question.text));
            let rows: Vec<(i64, i64, i64, String)> =
                asked!(sqlx::query_as(text), question).fetch_all(read).await.map_err(translate)?;
            rows.into_iter().map(|(.., line)| line).collect()
        }
        Engine::Postgres(db) => {
            let text = sqlx::AssertSqlSafe(format!("EXPLAIN {}", question.text));
            asked!(sqlx::query_scalar(text), question).fetch_all(db).await.map_err(translate)?
        }
    };
    Ok(lines.join("\n"))
}

/// The first id that could have been made in a millisecond (UUIDv7 begins with the time).
fn first_id(ms: i64) -> String {
    let ms = u64::try_from(ms).unwrap_or_default() & 0xffff_ffff_ffff;
    format!("{:08x}-{:04x}-0000-0000-000000000000", ms >> 16, ms & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_time_lie_between_its_first_id_and_the_next() {
        let id = "019c1b2e-7f00-7abc-8def-0123456789ab";
        let ms = 0x019c_1b2e_7f00;
        assert!(first_id(ms).as_str() <= id && id < first_id(ms + 1).as_str());
        assert!(first_id(-5).as_str() < id);
    }
}
