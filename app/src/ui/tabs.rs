//! Tabs that are routes: each has its own address, the present one is marked.

use leptos::prelude::*;
use leptos_router::components::A;

/// The row of tabs.
#[component]
pub fn Tabs(#[prop(into)] label: String, children: Children) -> impl IntoView {
    view! {
        <nav aria-label=label class="-mb-px flex gap-1 overflow-x-auto print:hidden">
            {children()}
        </nav>
    }
}

/// One tab.
#[component]
pub fn Tab(
    #[prop(into)] href: String,
    #[prop(into)] label: String,
    /// Only this very path is its own, not those below it.
    #[prop(optional)]
    exact: bool,
) -> impl IntoView {
    view! {
        <A
            href=href
            exact=exact
            attr:class="border-b-2 border-transparent px-3 py-2 font-medium whitespace-nowrap text-muted hover:text-ink aria-[current=page]:border-accent aria-[current=page]:text-ink"
        >
            {label}
        </A>
    }
}

/// A small switch between views of the same thing; each is a link, the present one is marked.
#[component]
pub fn Segment(
    #[prop(into)] href: String,
    #[prop(into)] label: String,
    #[prop(into)] current: Signal<bool>,
) -> impl IntoView {
    view! {
        <a
            href=href
            data-noscroll="true"
            aria-current=move || current.get().then_some("true")
            class="px-2.5 py-1 text-sm text-muted first:rounded-l last:rounded-r hover:text-ink aria-[current=true]:bg-accent-soft aria-[current=true]:font-medium aria-[current=true]:text-accent"
        >
            {label}
        </a>
    }
}
