//! The order of a list's rows, in the URL: `?sort=price` upwards, `?sort=-price` downwards, neither as the list came. Heads
//! are links, so that it works by keyboard, without JavaScript, and for whom the address is sent to.
//!
//! [`use_sort`] is for lists that are on the page as a whole: a part of one in order would pass for the first of all.
//! Where the server gives pages in order, [`use_server_sort`] makes the heads.

use domain::order::{Direction, SortBy};
use domain::quantity::parse_milli;
use domain::sku::PriceView;
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};

use crate::paths;
use crate::ui::money::amount;
use crate::ui::table::{SortHead, SortHeads};

/// What the cells of a column are compared by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey {
    /// A figure.
    Number(i128),
    /// Words, or a time as RFC 3339.
    Text(String),
    /// Nothing: the last in both directions.
    Absent,
}

/// The columns that sort, by the words of their heads.
pub type SortColumns<T> = &'static [(&'static str, fn(&T) -> SortKey)];

/// The columns that the server sorts by, with what it calls them.
pub type ServerColumns = &'static [(&'static str, SortBy)];

/// The order of a list of `T`.
pub struct Sort<T: 'static> {
    columns: SortColumns<T>,
    place: Place,
}

/// Where the order is read from, and where heads lead.
#[derive(Clone, Copy)]
struct Place {
    path: Memo<String>,
    search: Memo<String>,
    /// Which column, and whether downwards.
    chosen: Memo<Option<(usize, bool)>>,
}

/// The order that the present URL asks for.
pub fn use_sort<T: 'static>(columns: SortColumns<T>) -> Sort<T> {
    Sort { columns, place: use_place(columns.iter().map(|(head, _)| *head).collect()) }
}

/// The heads of a list whose pages the server gives in the order that the present URL asks for. Another order begins at
/// its first page.
pub fn use_server_sort(columns: ServerColumns) -> SortHeads {
    let place = use_place(columns.iter().map(|(_, by)| by.as_str()).collect());
    columns.iter().enumerate().map(|(column, (head, by))| (*head, place.head(column, by.as_str()))).collect()
}

/// The address of a list's next page, in the order of the present one.
pub fn next_page(list: &str, cursor: &str) -> String {
    let sort = use_query_map().read_untracked().get("sort").unwrap_or_default();
    let pairs = [("sort", sort.as_str()), ("cursor", cursor)];
    paths::with_query(list, &pairs[usize::from(sort.is_empty())..])
}

/// Whether a list of what happened, whose head of time sorts, has the oldest row first; `query` is its query string.
pub fn oldest_first(query: &str) -> bool {
    wanted(query).map(Direction::in_address) == Some(Direction::Asc)
}

fn use_place(heads: Vec<&'static str>) -> Place {
    let location = use_location();
    let (path, search) = (location.pathname, location.search);
    let chosen = Memo::new(move |_| search.with(|search| asked(search, &heads)));
    Place { path, search, chosen }
}

/// The order of a query string as it stands there.
fn wanted(search: &str) -> Option<&str> {
    search.trim_start_matches('?').split('&').find_map(|pair| pair.strip_prefix("sort="))
}

/// The column of a query string and whether downwards; nothing for what is no column.
fn asked(search: &str, heads: &[&str]) -> Option<(usize, bool)> {
    let wanted = wanted(search)?;
    let (down, name) = wanted.strip_prefix('-').map_or((false, wanted), |name| (true, name));
    Some((heads.iter().position(|head| word(head) == name)?, down))
}

/// A column's head as it stands in a URL.
fn word(head: &str) -> String {
    head.to_lowercase().replace(' ', "-")
}

// === impl SortKey ===

impl SortKey {
    /// Words, however they are spelt.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_lowercase())
    }

    /// A time as RFC 3339, UTC. Without its last letter, which comes after the digits of a longer fraction.
    pub fn time(at: &str) -> Self {
        Self::Text(at.trim_end_matches('Z').to_owned())
    }

    /// A quantity of Kubernetes; what is none comes last.
    pub fn quantity(text: &str) -> Self {
        parse_milli(text).map_or(Self::Absent, Self::Number)
    }

    /// A price; what has none comes last.
    pub fn price(price: Option<&PriceView>) -> Self {
        let micros = price.and_then(|price| amount(&price.amount, &price.currency)).map(|amount| amount.micros);
        micros.map_or(Self::Absent, |micros| Self::Number(micros.into()))
    }
}

// === impl Sort ===

impl<T: 'static> Clone for Sort<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static> Copy for Sort<T> {}

impl<T: 'static> Sort<T> {
    /// No order to choose where the page holds only a part: when another page follows, or one went before.
    pub fn if_whole(self, last: bool) -> Self {
        let first = self.place.search.with_untracked(|search| !search.contains("cursor="));
        if first && last { self } else { Self { columns: &[], ..self } }
    }

    /// The rows in the order asked for; those alike stay as they came.
    pub fn rows(self, rows: Vec<T>) -> Vec<T> {
        let chosen = self.place.chosen.get();
        let Some((key, down)) = chosen.and_then(|(column, down)| Some((self.columns.get(column)?.1, down))) else {
            return rows;
        };
        let keys: Vec<SortKey> = rows.iter().map(key).collect();
        let mut rows: Vec<Option<T>> = rows.into_iter().map(Some).collect();
        order(&keys, down).into_iter().filter_map(|place| rows.get_mut(place)?.take()).collect()
    }

    /// The heads of the columns that sort.
    pub fn heads(self) -> SortHeads {
        self.columns.iter().enumerate().map(|(column, (head, _))| (*head, self.place.head(column, head))).collect()
    }
}

/// Places in the order of `keys`: one sort for all nouns, which keeps the browser's download small.
fn order(keys: &[SortKey], down: bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..keys.len()).collect();
    places.sort_by(|a, b| {
        let (a, b) = (&keys[*a], &keys[*b]);
        let there = (*a == SortKey::Absent).cmp(&(*b == SortKey::Absent));
        there.then(if down { b.cmp(a) } else { a.cmp(b) })
    });
    places
}

// === impl Place ===

impl Place {
    /// One more turn: upwards, downwards, as the list came.
    fn head(self, column: usize, head: &'static str) -> SortHead {
        let Self { path, search, chosen } = self;
        let order = Signal::derive(move || {
            let (_, down) = chosen.get().filter(|(at, _)| *at == column)?;
            Some(if down { "descending" } else { "ascending" })
        });
        let href = Signal::derive(move || {
            let next = match order.get() {
                None => Some(word(head)),
                Some("ascending") => Some(format!("-{}", word(head))),
                Some(_) => None,
            };
            paths::sorted(&path.get(), &search.get(), next.as_deref())
        });
        SortHead { href, order }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_column_and_a_direction() {
        let heads = ["SKU", "Free now"];
        assert_eq!(asked("?kind=gpu&sort=free-now", &heads), Some((1, false)));
        assert_eq!(asked("sort=-sku", &heads), Some((0, true)));
        assert_eq!((asked("?sort=price", &heads), asked("", &heads)), (None, None));
    }

    #[test]
    fn what_happened_is_read_from_its_beginning_where_the_url_asks_for_it() {
        assert!(oldest_first("action=x&sort=created"));
        for newest in ["", "sort=-created", "sort=name"] {
            assert!(!oldest_first(newest), "{newest}");
        }
    }

    #[test]
    fn times_of_one_second_follow_by_their_fractions() {
        let at = |fraction: &str| SortKey::time(&format!("2026-11-21T09:00:00{fraction}Z"));
        assert_eq!(order(&[at(".12"), at(".1"), at(""), at(".119")], false), [2, 1, 3, 0]);
    }

    #[test]
    fn rows_alike_stay_as_they_came_in_both_directions() {
        let keys = ["b", "a", "B", "c"].map(SortKey::text);
        assert_eq!(order(&keys, false), [1, 0, 2, 3]);
        assert_eq!(order(&keys, true), [3, 0, 2, 1]);
        let sizes = ["8Gi", "500m", "many"].map(SortKey::quantity);
        assert_eq!((order(&sizes, false), order(&sizes, true)), (vec![1, 0, 2], vec![0, 1, 2]));
    }
}
