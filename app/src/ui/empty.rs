//! What a list shows before there is anything in it: one sentence, one action, one link to more.

use leptos::prelude::*;

/// An empty list that teaches.
#[component]
pub fn EmptyState(
    #[prop(into)] title: String,
    #[prop(into)] text: String,
    /// Where the API document says how a program does it; served outside the pages.
    #[prop(optional)]
    learn: Option<&'static str>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="grid justify-items-center gap-3 rounded-md border border-dashed border-line-strong px-6 py-12 text-center">
            <svg class="w-24 text-line-strong" viewBox="0 0 96 24" fill="none" stroke="currentColor" aria-hidden="true">
                <path d="M4 20v-6M12 20v-6M20 20V8M28 20v-6M36 20v-6M44 20V8M52 20v-6M60 20v-6M68 20V8M76 20v-6M84 20v-6M92 20V8" />
                <path d="M4 4h88" stroke-dasharray="2 4" />
            </svg>
            <h2 class="text-lg font-semibold">{title}</h2>
            <p class="max-w-prose text-muted">{text}</p>
            {children.map(|children| view! { <div class="mt-1 flex flex-wrap justify-center gap-2">{children()}</div> })}
            {learn
                .map(|href| {
                    view! {
                        <a rel="external" href=href class="link text-sm">
                            "Learn how in the API reference"
                        </a>
                    }
                })}
        </div>
    }
}
