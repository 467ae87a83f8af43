//! A name typed by hand, before what cannot be undone.

use leptos::prelude::*;

use crate::ui::field::{Field, INPUT, invalid};

/// Why the button of a form waits: until what was `typed` is `name`. Without JavaScript nothing is held up here: the
/// server refuses another name.
pub fn untyped(name: String, typed: RwSignal<String>) -> Signal<Option<String>> {
    let lives = RwSignal::new(false);
    Effect::new(move || lives.set(true));
    Signal::derive(move || {
        let missing = lives.get() && typed.with(|typed| typed.trim() != name);
        missing.then(|| format!("Type {name} to confirm"))
    })
}

/// The field, sent as `confirm`. What was typed stays when the refusal is shown.
#[component]
pub fn ConfirmName(
    /// Another id where one page has two of these.
    #[prop(default = "confirm")]
    id: &'static str,
    #[prop(into)] name: String,
    error: Signal<Option<String>>,
    /// The one field of a dialog.
    #[prop(optional)]
    autofocus: bool,
    /// What was typed, where a button waits for it.
    #[prop(default = RwSignal::new(String::new()))]
    typed: RwSignal<String>,
) -> impl IntoView {
    view! {
        <Field id=id label=format!("Type {name} to confirm") error=error>
            <input
                id=id
                name="confirm"
                class=INPUT
                required
                autofocus=autofocus
                autocomplete="off"
                spellcheck="false"
                aria-describedby=format!("{id}-note")
                aria-invalid=invalid(error)
                prop:value=move || typed.get()
                on:input:target=move |event| typed.set(event.target().value())
            />
        </Field>
    }
}
