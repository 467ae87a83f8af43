//! When a list behind dialogs must be loaded anew.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

/// Grows each time a dialog closes, which is open while the query has one of `dialogs`: then the list may be another.
/// Opening one must not load anew under its form. The key of the list is `cursor visits`.
pub fn list_key(dialogs: &'static [&'static str]) -> Memo<String> {
    let query = use_query_map();
    let open = Memo::new(move |_| dialogs.iter().any(|dialog| query.read().get(dialog).is_some()));
    let counted = Memo::new(move |last: Option<&(bool, u32)>| match (open.get(), last) {
        (open, Some((was_open, visits))) => (open, visits + u32::from(*was_open && !open)),
        (open, None) => (open, 0),
    });
    Memo::new(move |_| format!("{} {}", query.read().get("cursor").unwrap_or_default(), counted.get().1))
}

/// The cursor of a [`list_key`].
pub fn cursor_of(key: &str) -> String {
    key.split_once(' ').unwrap_or_default().0.to_owned()
}
