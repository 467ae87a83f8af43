//! Copying text: a button, a line, and a box for secrets.

use std::time::Duration;

use leptos::prelude::*;

use crate::ui::icon::{Glyph, Icon};

/// Copies `text`; says so for a moment, or why it could not. Hidden without JavaScript, where it could do nothing.
#[component]
pub fn CopyButton(
    #[prop(into)] text: Signal<String>,
    /// What is copied, for people who cannot see what it stands beside.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let copied = RwSignal::new(None::<bool>);
    let copy = move |_| {
        let done = write_clipboard(&text.get_untracked());
        copied.set(Some(done));
        let shown = if done { 1600 } else { 6000 };
        set_timeout(move || copied.set(None), Duration::from_millis(shown));
    };
    let said = move || match copied.get() {
        None => "",
        Some(true) => "Copied",
        Some(false) => "Not copied: browsers allow it over https only",
    };
    let icon = move || match copied.get() {
        None => Icon::Copy,
        Some(true) => Icon::Check,
        Some(false) => Icon::Cross,
    };
    view! {
        <button
            type="button"
            class="js-only inline-flex size-7 shrink-0 cursor-pointer items-center justify-center rounded text-faint transition-colors duration-100 hover:bg-sunken hover:text-ink"
            aria-label=format!("Copy {label}")
            title=move || if copied.get().is_some() { said() } else { "Copy" }
            on:click=copy
        >
            {move || view! { <Glyph icon=icon() /> }}
            <span class="sr-only" aria-live="polite">
                {said}
            </span>
        </button>
    }
}

/// A short machine-readable text with its copy button.
#[component]
pub fn CopyLine(#[prop(into)] text: Signal<String>, #[prop(into)] label: String) -> impl IntoView {
    view! {
        <span class="inline-flex max-w-full items-center gap-0.5">
            <code class="min-w-0 font-mono text-sm wrap-anywhere">{move || text.get()}</code>
            <CopyButton text=text label=label />
        </span>
    }
}

/// A text that is shown this once.
#[component]
pub fn SecretBox(#[prop(into)] text: String, #[prop(into)] label: String) -> impl IntoView {
    let shown = text.clone();
    view! {
        <div class="rounded border border-wait/50 bg-wait-soft">
            <p class="border-b border-wait/30 px-3 py-2 text-sm font-medium text-wait">
                "Shown once. Copy it now: it is stored nowhere and cannot be shown again."
            </p>
            <div class="flex items-center gap-2 px-3 py-2">
                <code class="min-w-0 flex-1 font-mono text-sm wrap-anywhere select-all" data-testid="secret">
                    {shown}
                </code>
                <CopyButton text=text label=label />
            </div>
        </div>
    }
}

/// False where the browser offers no clipboard (plain http beyond loopback).
fn write_clipboard(text: &str) -> bool {
    use leptos::wasm_bindgen::JsValue;
    let clipboard = window().navigator().clipboard();
    let offered = !AsRef::<JsValue>::as_ref(&clipboard).is_undefined();
    if offered {
        // The promise fails only when the person refused; then nothing was copied and nothing is lost.
        drop(clipboard.write_text(text));
    }
    offered
}
