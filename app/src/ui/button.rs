//! Buttons and links that look like them.

use leptos::prelude::*;
use tailwind_fuse::*;

/// The look of a button.
#[derive(TwClass, Clone, Copy, PartialEq)]
#[tw(
    class = "inline-flex items-center justify-center gap-1.5 rounded border font-medium whitespace-nowrap cursor-pointer transition-colors duration-100 disabled:cursor-not-allowed disabled:opacity-50"
)]
pub struct ButtonClass {
    pub tone: ButtonTone,
    pub size: ButtonSize,
}

/// How much a button wants to be pressed.
#[derive(TwVariant, PartialEq)]
pub enum ButtonTone {
    #[tw(default, class = "border-line-strong bg-surface text-ink hover:border-faint hover:bg-sunken")]
    Secondary,
    #[tw(class = "border-accent bg-accent text-on-accent hover:border-accent-strong hover:bg-accent-strong")]
    Primary,
    #[tw(class = "border-transparent bg-transparent text-muted hover:bg-sunken hover:text-ink")]
    Quiet,
    #[tw(class = "border-fail bg-surface text-fail hover:bg-fail hover:text-on-accent")]
    Danger,
}

/// How tall a button is.
#[derive(TwVariant, PartialEq)]
pub enum ButtonSize {
    #[tw(default, class = "h-8 px-3 text-base")]
    Medium,
    #[tw(class = "h-7 px-2 text-sm")]
    Small,
}

fn class(tone: ButtonTone, size: ButtonSize) -> String {
    ButtonClass { tone, size }.to_class()
}

/// A button. While it cannot act it stays visible and says why.
#[component]
pub fn Button(
    #[prop(optional)] tone: ButtonTone,
    #[prop(optional)] size: ButtonSize,
    /// `submit` sends the form around it.
    #[prop(default = "submit")]
    kind: &'static str,
    /// Why it cannot act now.
    #[prop(optional, into)]
    blocked: Signal<Option<String>>,
    children: Children,
) -> impl IntoView {
    view! {
        <button
            type=kind
            class=class(tone, size)
            disabled=move || blocked.get().is_some()
            title=move || blocked.get()
        >
            {children()}
        </button>
    }
}

/// A link that looks like a button.
#[component]
pub fn ButtonLink(
    #[prop(into)] href: Signal<String>,
    #[prop(optional)] tone: ButtonTone,
    #[prop(optional)] size: ButtonSize,
    /// The browser saves the answer as a file; the router stays out of it.
    #[prop(optional)]
    download: bool,
    children: Children,
) -> impl IntoView {
    view! {
        <a href=move || href.get() class=class(tone, size) download=download.then_some("")>
            {children()}
        </a>
    }
}
