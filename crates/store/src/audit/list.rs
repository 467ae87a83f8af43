//! Pages of the audit log: one statement made from the filters that are set, so that each finds its index.

use domain::Result;
use domain::audit::{AuditFilter, AuditRecord, AuditScope, Outcome};
use domain::id::AuditId;
use domain::page::PageRequest;

use super::{AuditRow, select};
use crate::error::translate;
use crate::pool::{Pool, Value, asked, explained, on_db};
use crate::row::{all, ascending, descending, ms, one, with_surplus};

// An id's time and its row's time come from two looks at the same clock.
const SKEW_MS: i64 = 60_000;
// One look of the shared tail; whoever has more to read reads it as a page.
const LOOK_LIMIT: i64 = 500;

/// A statement and what goes into its numbered places.
struct Question {
    text: String,
    values: Vec<Value>,
}

impl Question {
    /// Rows between two places of one index: (account, one filter, id). As a range of rows and not as equal columns,
    /// because PostgreSQL would otherwise walk the primary key backwards through everybody's rows when it guesses that an
    /// account has many.
    fn new(scope: AuditScope, filter: &AuditFilter, newer_than: Option<AuditId>, page: &PageRequest) -> Self {
        let account = match scope {
            AuditScope::Account(id) => Some(("account_id", id.to_string())),
            AuditScope::Platform => None,
        };
        let action = filter.action.map(|action| action.as_str().to_owned());
        let fields = [("target", filter.target.clone()), ("actor", filter.actor.clone()), ("action", action)];
        let mut filters = fields.into_iter().filter_map(|(column, value)| Some((column, value?)));
        // Each filter has its index; the first one here is the rarest kind.
        let place: Vec<(&str, String)> = account.into_iter().chain(filters.next()).collect();
        let mut question = Self { text: select!("").to_owned(), values: Vec::new() };
        let since = filter.since.map(|at| first_id(ms(at) - SKEW_MS)).unwrap_or_default();
        let newer = newer_than.map(|id| id.to_string()).unwrap_or_default();
        let after = page.after.as_deref();
        let (low, high) =
            if filter.oldest_first { (ascending(after), descending(None)) } else { ("", descending(after)) };
        question.bound(&place, ">", since.max(newer).max(low.to_owned()));
        question.text.push_str(" AND ");
        let until = filter.until.map(|at| first_id(ms(at) + SKEW_MS));
        question.bound(&place, "<", until.map_or(high.to_owned(), |until| until.min(high.to_owned())));
        for (column, value) in filters {
            question.and(&format!("{column} ="), Value::Text(value));
        }
        question.details(filter);
        let down = if filter.oldest_first { "" } else { " DESC" };
        let order: Vec<String> = place.iter().map(|(column, _)| format!("{column}{down}, ")).collect();
        question.text.push_str(&format!(" ORDER BY {}id{down} LIMIT ", order.concat()));
        question.place(Value::Number(with_surplus(page.limit)));
        question
    }

    /// What no index begins with.
    fn details(&mut self, filter: &AuditFilter) {
        if let Some(outcome) = filter.outcome {
            self.and("outcome =", Value::Text(outcome.as_str().to_owned()));
            if outcome != Outcome::Success {
                // Written as in the partial index, or no database would use it.
                self.text.push_str(" AND outcome <> 'success'");
            }
        }
        // The ids found the place, these are exact.
        for (condition, at) in [("at_ms >=", filter.since), ("at_ms <", filter.until)] {
            if let Some(at) = at {
                self.and(condition, Value::Number(ms(at)));
            }
        }
    }

    /// `(account_id, action, id) < ($1, $2, $3)`
    fn bound(&mut self, place: &[(&str, String)], sign: &str, id: String) {
        let columns: Vec<String> = place.iter().map(|(column, _)| format!("{column}, ")).collect();
        self.text.push_str(&format!("({}id) {sign} (", columns.concat()));
        for (_, value) in place {
            self.place(Value::Text(value.clone()));
            self.text.push_str(", ");
        }
        self.place(Value::Text(id));
        self.text.push(')');
    }

    fn and(&mut self, condition: &str, value: Value) {
        self.text.push_str(&format!(" AND {condition} "));
        self.place(value);
    }

    fn place(&mut self, value: Value) {
        self.values.push(value);
        self.text.push_str(&format!("${}", self.values.len()));
    }
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
    explained!(pool, asked, question).map_err(translate)
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
