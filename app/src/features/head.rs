//! The head of every page: where one is, name, state, one line of facts, the primary action.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;

/// A page's head. `trail` are links to what contains it.
#[component]
pub fn PageHead(
    #[prop(into)] title: String,
    /// What contains this: (link, word).
    #[prop(optional)]
    trail: Vec<(String, String)>,
    /// What the part of it at a path is called, for the name of the window.
    #[prop(optional)]
    part: Option<fn(&str) -> &'static str>,
    /// Beside the name.
    #[prop(optional, into)]
    badge: ViewFn,
    /// At the right end.
    #[prop(optional, into)]
    actions: ViewFn,
    /// Facts below the name.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let crumb = |(href, word): (String, String)| {
        view! {
            <a href=href class="text-muted hover:text-ink hover:underline">
                {word}
            </a>
            <span class="px-1.5 text-faint" aria-hidden="true">
                "/"
            </span>
        }
    };
    let (window, path) = (title.clone(), use_location().pathname);
    let in_window = move || match part.and_then(|part| path.try_with(|path| part(path))).unwrap_or_default() {
        "" => window.clone(),
        part => format!("{part} · {window}"),
    };
    let has_trail = !trail.is_empty();
    view! {
        <Title text=in_window />
        <header class="grid gap-1">
            {has_trail.then(|| view! { <nav aria-label="Breadcrumb" class="text-sm wrap-anywhere print:hidden">{trail.into_iter().map(crumb).collect_view()}</nav> })}
            <div class="flex flex-wrap items-center gap-x-3 gap-y-2">
                <h1 class="text-xl font-semibold tracking-tight wrap-anywhere">{title}</h1>
                {badge.run()}
                <div class="ml-auto flex flex-wrap items-center gap-2 empty:hidden print:hidden">{actions.run()}</div>
            </div>
            {children.map(|children| view! { <div class="flex flex-wrap items-center gap-x-4 gap-y-1 text-muted">{children()}</div> })}
        </header>
    }
}
