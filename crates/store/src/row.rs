//! Conversions between columns and domain types: ids as text, times as milliseconds.
//! A stored value that cannot be read is a fault of ours, never the caller's.

use domain::{Error, Result};
use jiff::Timestamp;

/// A time as stored; below a millisecond it is cut.
pub(crate) fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A stored time.
pub(crate) fn at(ms: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(ms).map_err(Error::internal)
}

/// A stored time that may be missing.
pub(crate) fn maybe_at(ms: Option<i64>) -> Result<Option<Timestamp>> {
    ms.map(at).transpose()
}

/// A stored value read by a checking constructor, for example `stored(AccountId::parse, &row.id)`.
pub(crate) fn stored<T>(parse: fn(&str) -> Result<T>, text: &str) -> Result<T> {
    parse(text).map_err(Error::internal)
}

/// Each row by its conversion.
pub(crate) fn all<R, T: TryFrom<R, Error = Error>>(rows: Vec<R>) -> Result<Vec<T>> {
    rows.into_iter().map(T::try_from).collect()
}

/// At most one row by its conversion.
pub(crate) fn one<R, T: TryFrom<R, Error = Error>>(row: Option<R>) -> Result<Option<T>> {
    row.map(T::try_from).transpose()
}

/// The statement's LIMIT: the surplus row proves that more follow.
pub(crate) fn with_surplus(limit: u32) -> i64 {
    i64::from(limit) + 1
}

/// The numbered places of an `IN (…)` list of `count`, from `$first` on.
pub(crate) fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}

/// Where an ascending keyset page begins: every id is greater than "".
pub(crate) fn ascending(after: Option<&str>) -> &str {
    after.unwrap_or("")
}

/// Where a descending keyset page begins: every id is less than "~", as cursors hold letters, digits and `-` only.
pub(crate) fn descending(after: Option<&str>) -> &str {
    after.unwrap_or("~")
}
