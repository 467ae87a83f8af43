//! A name typed by hand, before what cannot be undone.

use leptos::prelude::*;

use crate::ui::field::{Field, INPUT, invalid};

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
) -> impl IntoView {
    let typed = RwSignal::new(String::new());
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
