//! A kubeconfig pasted whole: read in the browser, its parts put into the fields, the text itself sent nowhere.

use domain::engine::certificate;
use domain::engine_paste::{PastedKubeconfig, parse};
use leptos::prelude::*;

use super::fields::Filled;
use crate::ui::button::{Button, ButtonSize};
use crate::ui::field::{Field, TEXTAREA, invalid};

/// The box. It has no name, so no form sends it; without JavaScript it could do nothing and is hidden.
#[component]
pub fn Paste(filled: Filled) -> impl IntoView {
    let text = RwSignal::new(String::new());
    let said = RwSignal::new(None::<Result<(), String>>);
    let error = Signal::derive(move || said.get().and_then(Result::err));
    let read = move |_| {
        let read = text.with_untracked(|text| parse(text));
        said.set(Some(read.map(|pasted| fill(filled, pasted)).map_err(|error| error.to_string())));
        if said.with_untracked(|said| matches!(said, Some(Ok(())))) {
            text.set(String::new());
        }
    };
    view! {
        <details class="js-only rounded-md border border-line bg-surface p-4">
            <summary class="cursor-pointer font-medium">"Paste a kubeconfig instead"</summary>
            <div class="mt-3 grid gap-3">
                <Field
                    id="kubeconfig"
                    label="Kubeconfig"
                    error=error
                    hint="Read in this browser: server, CA and token go into the fields below, the rest nowhere. Nothing in it is run."
                >
                    <textarea
                        id="kubeconfig"
                        class=TEXTAREA
                        rows="6"
                        autocomplete="off"
                        spellcheck="false"
                        prop:value=text
                        aria-describedby="kubeconfig-note"
                        aria-invalid=invalid(error)
                        on:input=move |event| text.set(event_target_value(&event))
                    ></textarea>
                </Field>
                <div class="flex flex-wrap items-center gap-3">
                    <span on:click=read>
                        <Button kind="button" size=ButtonSize::Small>
                            "Take over"
                        </Button>
                    </span>
                    <span role="status" class="text-sm text-muted">
                        {move || matches!(said.get(), Some(Ok(()))).then_some("Taken over into the fields below.")}
                    </span>
                </div>
            </div>
        </details>
    }
}

fn fill(filled: Filled, pasted: PastedKubeconfig) {
    let basic = pasted.bearer_token.is_empty() && !pasted.basic_username.is_empty();
    filled.api_url.set(pasted.api_url);
    filled.ca_data.set(certificate::decoded(&pasted.ca_base64).unwrap_or(pasted.ca_base64));
    filled.auth.set(if basic { "basic" } else { "token" }.to_owned());
    filled.token.set(pasted.bearer_token);
    filled.username.set(pasted.basic_username);
    filled.password.set(pasted.basic_password);
}
