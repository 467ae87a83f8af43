//! Buttons and links that look like them.

use leptos::prelude::*;
use tailwind_fuse::tw_join;

/// How much a button wants to be pressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ButtonTone {
    #[default]
    Secondary,
    Primary,
    Quiet,
    Danger,
}

/// How tall a button is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ButtonSize {
    #[default]
    Medium,
    Small,
}

const SHAPE: &str = "inline-flex items-center justify-center gap-1.5 rounded border font-medium whitespace-nowrap cursor-pointer transition-colors duration-100 blocked";

// Joined, not merged: the parts never set the same property, and merging at run time costs the browser 40 KB of tables.
fn class(tone: ButtonTone, size: ButtonSize) -> String {
    let tone = match tone {
        ButtonTone::Secondary => "border-line-strong bg-surface text-ink hover:border-faint hover:bg-sunken",
        ButtonTone::Primary => {
            "border-accent bg-accent text-on-accent hover:border-accent-strong hover:bg-accent-strong"
        }
        ButtonTone::Quiet => "border-transparent bg-transparent text-muted hover:bg-sunken hover:text-ink",
        ButtonTone::Danger => "border-fail bg-surface text-fail hover:bg-fail hover:text-on-accent",
    };
    let size = match size {
        ButtonSize::Medium => "h-8 px-3 text-base",
        ButtonSize::Small => "h-7 px-2 text-sm",
    };
    tw_join!(SHAPE, tone, size)
}

/// A button. While it cannot act it stays visible and says why: under the pointer, and to whoever comes to it by keyboard
/// or by touch, which a disabled button lets nobody do. It sends no form then, without JavaScript too; a handler of its own
/// must look itself. Enter in a field sends the form still: [`Fields`](super::field::Fields) close with the button.
#[component]
pub fn Button(
    #[prop(optional)] tone: ButtonTone,
    #[prop(optional)] size: ButtonSize,
    /// `submit` sends the form around it.
    #[prop(default = "submit")]
    kind: &'static str,
    /// Where the browser sends the form to without JavaScript, if not where the form says.
    #[prop(optional, into)]
    formaction: Option<String>,
    /// Why it cannot act now.
    #[prop(optional, into)]
    blocked: Signal<Option<String>>,
    children: Children,
) -> impl IntoView {
    // Safari gives the focus to a button that is touched or clicked only where it is asked for.
    view! {
        <button
            type=move || if blocked.with(Option::is_some) { "button" } else { kind }
            class=class(tone, size)
            formaction=formaction
            aria-disabled=move || blocked.with(Option::is_some).then_some("true")
            tabindex=move || blocked.with(Option::is_some).then_some("0")
            title=move || blocked.get()
        >
            {children()}
        </button>
    }
}

/// A link that looks like a button; while there is a reason against it, a button that says the reason.
#[component]
pub fn BlockableLink(
    #[prop(into)] href: Signal<String>,
    #[prop(optional)] tone: ButtonTone,
    #[prop(optional)] size: ButtonSize,
    /// Why it cannot be followed.
    #[prop(into)]
    blocked: Signal<Option<String>>,
    children: ChildrenFn,
) -> impl IntoView {
    move || {
        let children = children.clone();
        match blocked.get() {
            None => view! { <ButtonLink href=href tone=tone size=size>{children()}</ButtonLink> }.into_any(),
            why => view! { <Button kind="button" tone=tone size=size blocked=why>{children()}</Button> }.into_any(),
        }
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
