//! When a list behind dialogs must be loaded anew.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::features::notice::times_done;

/// Grows each time something was done, and each time a dialog closes, which is open while the query has one of
/// `dialogs`: then the list may be another. Opening one must not load anew under its form. The key of the list is
/// `cursor visits`.
pub fn list_key(dialogs: &'static [&'static str]) -> Memo<String> {
    let (query, done) = (use_query_map(), times_done());
    let open = Memo::new(move |_| dialogs.iter().any(|dialog| query.read().get(dialog).is_some()));
    let counted = Memo::new(move |last: Option<&(bool, u32)>| match (open.get(), last) {
        (open, Some((was_open, visits))) => (open, visits + u32::from(*was_open && !open)),
        (open, None) => (open, 0),
    });
    Memo::new(move |_| format!("{} {}", query.read().get("cursor").unwrap_or_default(), counted.get().1 + done.get()))
}

/// As [`list_key`], of a list that the server sorts: `cursor visits sort`. While a dialog is open, whose address may
/// say nothing of the order, the list behind it stays as it was.
pub fn sorted_list_key(dialogs: &'static [&'static str]) -> Memo<String> {
    let (key, query) = (list_key(dialogs), use_query_map());
    let sort = Memo::new(move |last: Option<&String>| match last {
        Some(last) if dialogs.iter().any(|dialog| query.read().get(dialog).is_some()) => last.clone(),
        _ => query.read().get("sort").unwrap_or_default(),
    });
    Memo::new(move |_| format!("{} {}", key.get(), sort.get()))
}

/// The order of a [`sorted_list_key`].
pub fn sort_of(key: &str) -> String {
    key.splitn(3, ' ').nth(2).unwrap_or_default().to_owned()
}

/// The cursor of a [`list_key`] or a [`sorted_list_key`].
pub fn cursor_of(key: &str) -> String {
    key.split_once(' ').unwrap_or_default().0.to_owned()
}
