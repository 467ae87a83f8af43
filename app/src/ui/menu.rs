//! A row's menu: three dots that unfold into links. Native `<details>`: keyboard and no JavaScript come with it, and
//! inside a scrolling table nothing is cut off.

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;

use super::button::{BlockableLink, ButtonSize, ButtonTone};

/// One line of a menu.
#[derive(Debug, Clone)]
pub struct MenuItem {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub words: &'static str,
    /// Why it cannot be followed.
    pub blocked: Signal<Option<String>>,
}

// === impl MenuItem ===

impl MenuItem {
    /// One that everybody may follow who sees the menu.
    pub fn open(href: String, words: &'static str) -> Self {
        Self { href, words, blocked: Signal::stored(None) }
    }
}

/// The menu; `label` says whose actions they are. Escape closes it, as it closes a dialog.
#[component]
pub fn RowMenu(#[prop(into)] label: Signal<String>, items: Vec<MenuItem>) -> impl IntoView {
    let (menu, button) = (NodeRef::<html::Details>::new(), NodeRef::<html::Summary>::new());
    let leave = move |event: KeyboardEvent| {
        let Some(menu) = menu.get_untracked().filter(|menu| menu.open() && event.key() == "Escape") else { return };
        menu.set_open(false);
        // It fails only when the element has left the page again.
        let _ = button.get_untracked().map(|button| button.focus());
    };
    let line = |MenuItem { href, words, blocked }: MenuItem| {
        view! {
            <li>
                <BlockableLink href=href tone=ButtonTone::Quiet size=ButtonSize::Small blocked=blocked>
                    {words}
                </BlockableLink>
            </li>
        }
    };
    view! {
        <details node_ref=menu class="inline-block text-left" on:keydown=leave>
            <summary
                node_ref=button
                class="ml-auto grid size-7 cursor-pointer list-none place-items-center rounded text-muted hover:bg-sunken hover:text-ink"
                aria-label=move || label.get()
            >
                <svg class="size-4" viewBox="0 0 16 16" fill="currentColor" aria-hidden="true">
                    <path d="M3 6.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3zm5 0a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3zm5 0a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3z" />
                </svg>
            </summary>
            <ul class="mt-1 border-t border-line pt-1">{items.into_iter().map(line).collect_view()}</ul>
        </details>
    }
}
