//! A row's menu: three dots that unfold into links. Native `<details>`: keyboard and no JavaScript come with it, and
//! inside a scrolling table nothing is cut off.

use leptos::prelude::*;

/// The menu; `items` are (link, words), `label` says whose actions they are.
#[component]
pub fn RowMenu(#[prop(into)] label: Signal<String>, items: Vec<(String, &'static str)>) -> impl IntoView {
    let item = |(href, words): (String, &'static str)| {
        view! {
            <li>
                <a href=href class="block rounded px-2 py-1 text-sm text-muted hover:bg-sunken hover:text-ink">
                    {words}
                </a>
            </li>
        }
    };
    view! {
        <details class="inline-block text-left">
            <summary
                class="ml-auto grid size-7 cursor-pointer list-none place-items-center rounded text-muted hover:bg-sunken hover:text-ink"
                aria-label=move || label.get()
            >
                <svg class="size-4" viewBox="0 0 16 16" fill="currentColor" aria-hidden="true">
                    <path d="M3 6.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3zm5 0a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3zm5 0a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3z" />
                </svg>
            </summary>
            <ul class="mt-1 border-t border-line pt-1">{items.into_iter().map(item).collect_view()}</ul>
        </details>
    }
}
