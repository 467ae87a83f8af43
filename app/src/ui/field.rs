//! A form field: label, control, hint, error at the control.
//!
//! Controls stay plain HTML with the class constants below, so a form reads as a form.

use leptos::prelude::*;

/// Class of text inputs, selects and the like.
pub const INPUT: &str = "h-8 w-full rounded border border-control bg-surface px-2.5 text-ink placeholder:text-faint hover:border-faint disabled:bg-sunken disabled:text-muted aria-invalid:border-fail";
/// Class of selects in a row of switches.
pub const SMALL_SELECT: &str = "h-7 rounded border border-control bg-surface px-1.5 text-sm max-w-60";
/// Class of multi-line inputs.
pub const TEXTAREA: &str = "w-full rounded border border-control bg-surface px-2.5 py-1.5 font-mono text-sm text-ink placeholder:text-faint hover:border-faint disabled:bg-sunken disabled:text-muted aria-invalid:border-fail";

/// Label above, hint or error below. `id` is the control's; its note has the id `{id}-note`.
#[component]
pub fn Field(
    /// Id of the control inside.
    id: &'static str,
    #[prop(into)] label: String,
    /// What is wrong with it.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
    /// Shown while nothing is wrong.
    #[prop(optional)]
    hint: &'static str,
    /// Why it cannot be filled in now, instead of the hint.
    #[prop(optional, into)]
    closed: Signal<Option<String>>,
    children: Children,
) -> impl IntoView {
    let note = format!("{id}-note");
    view! {
        <div class="grid gap-1">
            <label for=id class="text-sm font-medium wrap-anywhere text-ink">
                {label}
            </label>
            {children()}
            <p id=note class="text-sm text-muted empty:hidden has-[span]:text-fail" aria-live="polite">
                {move || match (closed.get(), error.get()) {
                    (Some(why), _) => Some(why.into_any()),
                    (None, Some(error)) => Some(view! { <span>{error}</span> }.into_any()),
                    (None, None) => (!hint.is_empty()).then(|| hint.into_any()),
                }}
            </p>
        </div>
    }
}

/// Fields of a form, one below the other. Closed ones cannot be reached: Enter in a form's only field sends it, though its
/// button is no submit button while it is blocked.
#[component]
pub fn Fields(
    /// While the button is blocked.
    closed: bool,
    children: Children,
) -> impl IntoView {
    view! {
        <fieldset class="grid min-w-0 gap-3" disabled=closed>
            {children()}
        </fieldset>
    }
}

/// `autocomplete` of what is of another place. Browsers fill a password field in with what they keep of this site, unless
/// it is said to be a new one.
pub fn unsaved(kind: &str) -> &'static str {
    if kind == "password" { "new-password" } else { "off" }
}

/// `aria-invalid` of a control with this error.
pub fn invalid(error: Signal<Option<String>>) -> impl Fn() -> Option<&'static str> + Copy + Send + Sync + 'static {
    move || error.with(|error| error.as_ref().map(|_| "true"))
}
