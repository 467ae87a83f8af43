//! New credentials for an engine, and its end.

use domain::engine::{EngineKind, EngineView};
use domain::engine_manifest::NewEngineManifest;
use leptos::prelude::*;

use super::auth::Authentication;
use super::fields::{Filled, Line, SHOWN, area, line};
use crate::api::engine::{DeleteEngine, RotateEngine};
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::paths;
use crate::ui::button::{Button, ButtonLink, ButtonTone};
use crate::ui::code::CodeBlock;
use crate::ui::dialog::Dialog;
use crate::ui::field::{Field, INPUT, invalid};

/// New credentials are tried before they take the place of the old ones.
#[component]
pub fn RotateDialog(engine: EngineView) -> impl IntoView {
    let sending = Sending::to::<RotateEngine>();
    let elsewhere = sending.elsewhere(SHOWN);
    let close = paths::engine(&engine.id.to_string());
    let fresh = || RwSignal::new(String::new());
    let fields = match engine.kind {
        EngineKind::OnPremise => {
            let auth = RwSignal::new("token".to_owned());
            let (api_url, ca_data, token, username, password) = (fresh(), fresh(), fresh(), fresh(), fresh());
            let filled = Filled { api_url, ca_data, auth, token, username, password };
            view! { <Authentication sending=sending filled=filled /> }.into_any()
        }
        EngineKind::Docker => view! {
            {area(sending, Line("client_certificate", "Client certificate", "PEM."), fresh())}
            {area(sending, Line("client_key", "Client key", "PEM. It is sealed and never shown again."), fresh())}
        }
        .into_any(),
        EngineKind::Runpod => line(sending, Line("api_key", "API key", "Of the same account."), "password", fresh()),
    };
    view! {
        <Dialog title=format!("Rotate the credentials of {}", engine.name) close=close.clone()>
            <PostForm sending=sending>
                <div class="grid gap-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <p>"The new credentials are tried first and must lead to the same place. Until they work the old ones stay."</p>
                    <input type="hidden" name="id" value=engine.id.to_string() />
                    <input type="hidden" name="form[kind]" value=engine.kind.as_str() />
                    {fields}
                    <div class="flex justify-end gap-2">
                        <ButtonLink href=close>"Cancel"</ButtonLink>
                        <Button tone=ButtonTone::Primary blocked=sending.blocked("Checking")>
                            "Rotate"
                        </Button>
                    </div>
                </div>
            </PostForm>
        </Dialog>
    }
}

/// Forgets the engine; the name must be typed.
#[component]
pub fn DeleteDialog(engine: EngineView) -> impl IntoView {
    let sending = Sending::to::<DeleteEngine>();
    let (error, elsewhere) = (sending.field("confirm"), sending.elsewhere(&["confirm"]));
    let (close, name) = (paths::engine(&engine.id.to_string()), engine.name);
    let command = (engine.kind == EngineKind::OnPremise).then(|| {
        let command = NewEngineManifest::for_engine(&name).commands("").delete;
        view! { <CodeBlock code=command label="Takes the rights back on the other side, with the generated file" /> }
    });
    view! {
        <Dialog title=format!("Delete {name}") close=close.clone()>
            <PostForm sending=sending>
                <div class="grid gap-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <p>"Its nodes go, and its credentials are forgotten; what runs there is not touched. While a SKU is placed on it this is refused."</p>
                    {command}
                    <input type="hidden" name="id" value=engine.id.to_string() />
                    <Field id="confirm" label=format!("Type {name} to confirm") error=error>
                        <input
                            id="confirm"
                            name="confirm"
                            class=INPUT
                            required
                            autofocus
                            autocomplete="off"
                            spellcheck="false"
                            aria-describedby="confirm-note"
                            aria-invalid=invalid(error)
                        />
                    </Field>
                    <div class="flex justify-end gap-2">
                        <ButtonLink href=close>"Cancel"</ButtonLink>
                        <Button tone=ButtonTone::Danger blocked=sending.blocked("Deleting")>
                            "Delete engine"
                        </Button>
                    </div>
                </div>
            </PostForm>
        </Dialog>
    }
}
