//! A page of a list in its order: one statement of the conditions that are needed, so that each order has an index.
//!
//! Names are compared by the database's `lower()`, in the statement as in the index: SQLite knows the case of ASCII
//! alone, PostgreSQL that of its locale, and neither would agree with ours. A cursor's name goes through it too.

use domain::Result;
use domain::id::{AccountId, UserId};
use domain::order::{Direction, OrderedRequest, SortBy};

use crate::error::translate;
use crate::pool::{Pool, explained};
use crate::row::with_surplus;
use crate::{SqlStore, api_key, platform_account, tenant};

/// A statement and what goes into its numbered places; the limit comes last.
pub(crate) struct Listing {
    pub(crate) text: String,
    pub(crate) values: Vec<String>,
    pub(crate) limit: i64,
}

/// What a list is sorted by, in SQL.
pub(crate) struct Columns {
    /// The id, which is the time of making too.
    pub(crate) id: &'static str,
    /// The name as it is compared: the expression of an index.
    pub(crate) name: &'static str,
}

impl Listing {
    /// The rows of `select` whose columns have these values, the page that `request` asks for.
    pub(crate) fn new(select: &str, equal: &[(&str, String)], columns: &Columns, request: &OrderedRequest) -> Self {
        let mut values = Vec::new();
        let mut place = |value: &str| {
            values.push(value.to_owned());
            format!("${}", values.len())
        };
        let mut conditions: Vec<String> =
            equal.iter().map(|(column, value)| format!("{column} = {}", place(value))).collect();
        let (sign, down) = match request.order.direction {
            Direction::Asc => (">", ""),
            Direction::Desc => ("<", " DESC"),
        };
        let Columns { id, name } = columns;
        if let Some(after) = &request.after {
            conditions.push(match request.order.by {
                SortBy::Created => format!("{id} {sign} {}", place(&after.id)),
                SortBy::Name => format!("({name}, {id}) {sign} (lower({}), {})", place(&after.name), place(&after.id)),
            });
        }
        let begin = if conditions.is_empty() { "" } else { " WHERE " };
        let order = match request.order.by {
            SortBy::Created => format!("{id}{down}"),
            SortBy::Name => format!("{name}{down}, {id}{down}"),
        };
        let limit = values.len() + 1;
        let text = format!("{select}{begin}{} ORDER BY {order} LIMIT ${limit}", conditions.join(" AND "));
        Self { text, values, limit: with_surplus(request.limit) }
    }
}

/// Binds what a [`Listing`] holds; safe, as its text holds columns of ours and numbered places only.
macro_rules! bound {
    ($query:expr, $listing:expr) => {
        $listing.values.iter().fold($query, |query, value| query.bind(value.clone())).bind($listing.limit)
    };
}
pub(crate) use bound;

/// Runs a [`Listing`].
macro_rules! list_rows {
    ($pool:expr, $row:ty, $listing:expr) => {{
        let text = sqlx::AssertSqlSafe($listing.text.clone());
        $crate::pool::on_db!(read $pool, db => {
            $crate::order::bound!(sqlx::query_as::<_, $row>(text), $listing).fetch_all(db).await
        })
    }};
}
pub(crate) use list_rows;

impl SqlStore {
    /// How the database reads one page of an account's keys, of one member's, of all accounts and of all tenants: for
    /// the test that none needs a whole table.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn explain_lists(&self, account: AccountId, owner: UserId, page: &OrderedRequest) -> Result<[String; 4]> {
        Ok([
            plan(&self.pool, &api_key::listing(account, None, page)).await?,
            plan(&self.pool, &api_key::listing(account, Some(owner), page)).await?,
            plan(&self.pool, &platform_account::listing(page)).await?,
            plan(&self.pool, &tenant::listing(page)).await?,
        ])
    }
}

async fn plan(pool: &Pool, listing: &Listing) -> Result<String> {
    explained!(pool, bound, listing).map_err(translate)
}

#[cfg(test)]
mod tests {
    use domain::order::{Order, Place};

    use super::*;

    const COLUMNS: Columns = Columns { id: "k.id", name: "lower(k.name)" };

    fn text(order: &str, after: bool) -> String {
        let place = Place { name: "Ada".into(), id: "1".into() };
        let request = OrderedRequest { limit: 2, order: Order::in_address(order), after: after.then_some(place) };
        let listing = Listing::new("SELECT", &[("k.account_id", "7".into())], &COLUMNS, &request);
        let last = if after { listing.values.last().map(String::as_str) } else { None };
        assert_eq!((listing.limit, last), (3, after.then_some("1")));
        listing.text
    }

    #[test]
    fn a_page_asks_for_what_lies_behind_the_last_row_in_its_own_order() {
        let begin = "SELECT WHERE k.account_id = $1";
        assert_eq!(text("", false), format!("{begin} ORDER BY k.id LIMIT $2"));
        assert_eq!(text("-created", true), format!("{begin} AND k.id < $2 ORDER BY k.id DESC LIMIT $3"));
        let by_name = "ORDER BY lower(k.name), k.id LIMIT $4";
        assert_eq!(text("name", true), format!("{begin} AND (lower(k.name), k.id) > (lower($2), $3) {by_name}"));
        let by_name = "ORDER BY lower(k.name) DESC, k.id DESC LIMIT $2";
        assert_eq!(text("-name", false), format!("{begin} {by_name}"));
    }
}
