//! Items of a list that come and go while the rest stays in place.

use std::sync::Arc;

use leptos::prelude::*;

/// Draws one item from its key and its text.
pub type DrawItem = Arc<dyn Fn(String, String) -> AnyView + Send + Sync>;

/// Items as (key, text): each is drawn once and kept as long as its key is there.
#[component]
pub fn Keyed(#[prop(into)] items: Signal<Vec<(String, String)>>, draw: DrawItem) -> impl IntoView {
    view! { <For each=move || items.get() key=|item| item.0.clone() children=move |(key, text)| draw(key, text) /> }
}
