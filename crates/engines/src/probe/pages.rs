//! Lists of the other side, page by page: a page stays below the limit of one answer however long the list is.

use serde_json::Value;

use super::http::Api;

const MOST_PAGES: usize = 50;

/// Why a list was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It may not be.
    Refused,
    /// No answer, or one that is no list; it may work the next time.
    Broken,
}

/// What `read` finds in each item of the list at `path`, which has a query already; of a list that does not end, the
/// first pages.
pub(super) async fn all<T>(api: &Api, path: &str, read: impl Fn(&Value) -> T) -> Result<Vec<T>, Unread> {
    first(api, path, read).await.map(|(found, _)| found)
}

/// The same; none of a list that goes on behind the last page that is read.
pub(super) async fn whole<T>(api: &Api, path: &str, read: impl Fn(&Value) -> T) -> Result<Option<Vec<T>>, Unread> {
    first(api, path, read).await.map(|(found, ended)| ended.then_some(found))
}

/// What is on the first pages, and whether these are all.
async fn first<T>(api: &Api, path: &str, read: impl Fn(&Value) -> T) -> Result<(Vec<T>, bool), Unread> {
    let (mut found, mut at) = (Vec::new(), path.to_owned());
    for _ in 0..MOST_PAGES {
        let page = api.get(&at).await.map_err(|_| Unread::Broken)?;
        match page.status {
            401 | 403 => return Err(Unread::Refused),
            _ if !page.ok() => return Err(Unread::Broken),
            _ => {}
        }
        found.extend(page.items().iter().map(&read));
        let next = page.body.pointer("/metadata/continue").and_then(Value::as_str).unwrap_or_default();
        if next.is_empty() {
            return Ok((found, true));
        }
        // The mark comes from the other side and becomes part of a path.
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'=' | b'.');
        if !next.bytes().all(legal) {
            break;
        }
        at = format!("{path}&continue={next}");
    }
    Ok((found, false))
}
