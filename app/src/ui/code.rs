//! A block of code or YAML to read and to copy.

use leptos::prelude::*;

use crate::ui::copy::CopyButton;

/// A block with its name and a copy button. Scrolls sideways inside itself.
#[component]
pub fn CodeBlock(#[prop(into)] code: Signal<String>, #[prop(into)] label: String) -> impl IntoView {
    let name = label.clone();
    view! {
        <figure class="min-w-0 overflow-hidden rounded border border-line bg-sunken">
            <figcaption class="flex h-8 items-center justify-between gap-2 border-b border-line pr-1 pl-3 text-sm text-muted">
                {label}
                <CopyButton text=code label=name />
            </figcaption>
            <pre class="max-h-112 overflow-auto whitespace-pre-wrap wrap-anywhere px-3 py-2.5 font-mono text-sm leading-5 text-ink" tabindex="0">
                <code>{move || code.get()}</code>
            </pre>
        </figure>
    }
}
