//! Keyset pagination: constant page time however long the list is.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Rows per page, 1 to 200.
    pub limit: u32,
    /// The id after which to go on; opaque to clients.
    pub after: Option<String>,
}

/// One page: `{"items":[…],"next_cursor":null}` (`console-api.md` §1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Pass as `cursor` for the next page; absent on the last.
    pub next_cursor: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: 50, after: None }
    }
}

impl PageRequest {
    /// Checks what came in a query string.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `limit` outside 1 to 200, or a `cursor` we never gave.
    pub fn new(limit: Option<u32>, cursor: Option<String>) -> Result<Self> {
        let limit = limit.unwrap_or(50);
        if !(1..=200).contains(&limit) {
            return Err(Error::field("limit", "range", "limit must be between 1 and 200"));
        }
        let legal =
            |c: &String| (1..=64).contains(&c.len()) && c.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        match cursor {
            Some(c) if !legal(&c) => Err(Error::field("cursor", "unknown", "Unknown cursor")),
            after => Ok(Self { limit, after }),
        }
    }
}

impl<T> Page<T> {
    /// Builds a page from `limit + 1` rows: the surplus row only proves that more follow.
    pub fn from_rows(mut rows: Vec<T>, limit: u32, key: impl Fn(&T) -> String) -> Self {
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next_cursor = if more { rows.last().map(&key) } else { None };
        Self { items: rows, next_cursor }
    }

    /// The same page in another shape.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next_cursor: self.next_cursor }
    }
}
