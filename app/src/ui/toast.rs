//! A quiet note that something was done.

use leptos::prelude::*;

use crate::ui::icon::{Glyph, Icon};

/// A note in the corner; `dismiss` is the page without it, `children` are what can be done about it. It fades by itself
/// unless motion is reduced. It stands in a live region that was there before it: else screen readers stay silent.
#[component]
pub fn Toast(#[prop(into)] text: String, #[prop(into)] dismiss: String, children: Children) -> impl IntoView {
    view! {
        <div class="toast fixed right-4 bottom-4 z-20 flex max-w-[calc(100vw-32px)] items-center gap-2.5 rounded-md border border-line-strong bg-surface py-2 pr-2 pl-3 shadow-overlay print:hidden">
            <span class="text-ok">
                <Glyph icon=Icon::Check />
            </span>
            <p class="line-clamp-4 min-w-0 wrap-anywhere">{text}</p>
            {children()}
            <a href=dismiss data-noscroll="true" class="rounded p-1 text-muted hover:bg-sunken hover:text-ink" aria-label="Dismiss">
                <Glyph icon=Icon::Cross />
            </a>
        </div>
    }
}
