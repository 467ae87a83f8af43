//! Framed parts of a page.

use leptos::prelude::*;

/// A framed part with a title line; `actions` stand at its right end.
#[component]
pub fn Panel(
    #[prop(into)] title: String,
    #[prop(optional, into)] actions: ViewFn,
    children: Children,
) -> impl IntoView {
    view! {
        <section class="min-w-0 rounded-md border border-line bg-surface">
            <header class="flex min-h-11 flex-wrap items-center justify-between gap-2 border-b border-line px-4 py-1.5">
                <h2 class="font-semibold">{title}</h2>
                <div class="flex flex-wrap items-center gap-2 empty:hidden">{actions.run()}</div>
            </header>
            {children()}
        </section>
    }
}

/// A framed part that is one step of several.
#[component]
pub fn Step(number: u32, #[prop(into)] title: String, children: Children) -> impl IntoView {
    view! {
        <section class="min-w-0 rounded-md border border-line bg-surface">
            <header class="flex items-center gap-3 border-b border-line px-4 py-2.5">
                <span class="grid size-5 place-items-center rounded-full border border-accent font-mono text-xs text-accent" aria-hidden="true">
                    {number}
                </span>
                <h2 class="font-semibold">{title}</h2>
            </header>
            <div class="grid gap-3 p-4">{children()}</div>
        </section>
    }
}
