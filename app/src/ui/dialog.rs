//! A dialog that is a state of the URL: open when the page is asked so, closed by a link.
//!
//! Works without JavaScript as a box over the page; with it, the browser's own modal takes over (focus, Escape).

use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};

use crate::ui::icon::{Glyph, Icon};

/// A modal with its title; `close` is where the page is without it.
#[component]
pub fn Dialog(#[prop(into)] title: String, #[prop(into)] close: String, children: Children) -> impl IntoView {
    let node = NodeRef::<html::Dialog>::new();
    Effect::new(move || {
        if let Some(dialog) = node.get() {
            dialog.close();
            // It fails only when the element has left the page again.
            let _ = dialog.show_modal();
            focus_first_field(&dialog);
        }
    });
    leave_focus(node);
    let leave = {
        let (navigate, close) = (use_navigate(), close.clone());
        move |event: leptos::ev::Event| {
            event.prevent_default();
            navigate(&close, NavigateOptions { scroll: false, ..NavigateOptions::default() });
        }
    };
    view! {
        <dialog
            node_ref=node
            open=true
            aria-labelledby="dialog-title"
            class="fixed inset-0 z-30 m-auto max-h-[calc(100dvh-32px)] w-[min(560px,calc(100vw-32px))] overflow-auto rounded-md border border-line-strong bg-surface p-0 text-ink shadow-overlay backdrop:bg-scrim"
            on:cancel=leave
        >
            <header class="flex items-center justify-between gap-4 border-b border-line px-4 py-3">
                <h2 id="dialog-title" class="min-w-0 text-lg font-semibold wrap-anywhere">
                    {title}
                </h2>
                <a href=close class="rounded p-1 text-muted hover:bg-sunken hover:text-ink" aria-label="Close">
                    <Glyph icon=Icon::Cross />
                </a>
            </header>
            <div class="p-4">{children()}</div>
        </dialog>
    }
}

/// Whoever opens a form wants to type; the browser's own choice is the first element there is, which closes it.
fn focus_first_field(dialog: &leptos::web_sys::HtmlDialogElement) {
    let first = |of: &str| dialog.query_selector(of).ok().flatten();
    let field = first("[autofocus]").or_else(|| first("input:not([type=hidden]), select, textarea"));
    let field = field.and_then(|field| field.dyn_into::<leptos::web_sys::HtmlElement>().ok());
    // It fails only when the element has left the page again.
    let _ = field.map(|field| field.focus());
}

/// Whoever leaves the dialog is where it was opened; where that led to another page, at its content. An element that is
/// only taken out of the page leaves the focus nowhere.
fn leave_focus(node: NodeRef<html::Dialog>) {
    let path = use_location().pathname;
    let here = path.get_untracked();
    on_cleanup(move || {
        let Some(dialog) = node.try_get_untracked().flatten() else { return };
        // The browser gives the focus back to what had it before the dialog.
        dialog.close();
        // A page that is read again under its dialog keeps the element, for a dialog that is open as before.
        request_animation_frame(move || {
            if dialog.is_connected() && !dialog.open() {
                let _ = dialog.show_modal();
            }
        });
        if path.try_get_untracked().is_some_and(|now| now != here) {
            let main = document().query_selector("main").ok().flatten();
            let main = main.and_then(|main| main.dyn_into::<leptos::web_sys::HtmlElement>().ok());
            // It fails only when the element has left the page again.
            let _ = main.map(|main| main.focus());
        }
    });
}
