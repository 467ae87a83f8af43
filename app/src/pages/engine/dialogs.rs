//! New credentials for an engine, and its end.

use domain::engine::{EngineKind, EngineStatus, EngineView};
use domain::engine_manifest::NewEngineManifest;
use leptos::prelude::*;

use super::auth::Authentication;
use super::fields::{Filled, Line, SHOWN, area, line};
use crate::api::engine::{DeleteEngine, RotateEngine};
use crate::features::form_dialog::FormDialog;
use crate::features::post_form::Sending;
use crate::features::words::count;
use crate::paths;
use crate::ui::button::ButtonTone;
use crate::ui::code::CodeBlock;

/// New credentials are tried before they take the place of the old ones.
#[component]
pub fn RotateDialog(engine: EngineView) -> impl IntoView {
    let sending = Sending::to::<RotateEngine>();
    let close = paths::engine(&engine.id.to_string());
    let fresh = || RwSignal::new(String::new());
    let fields = match engine.kind {
        EngineKind::OnPremise => {
            let auth = RwSignal::new("token".to_owned());
            let (api_url, ca_data, token, username, password) = (fresh(), fresh(), fresh(), fresh(), fresh());
            let filled = Filled { api_url, ca_data, auth, token, username, password };
            let address = Line("api_url", "API Hostname", "Another one of the same cluster; empty = it stays.");
            view! {
                <Authentication sending=sending filled=filled />
                {line(sending, address, "text", api_url)}
            }
            .into_any()
        }
        EngineKind::Docker => view! {
            {area(sending, Line("client_certificate", "Client certificate", "PEM."), fresh())}
            {area(sending, Line("client_key", "Client key", "PEM. It is sealed and never shown again."), fresh())}
        }
        .into_any(),
        EngineKind::Runpod => line(sending, Line("api_key", "API key", "Of the same account."), "password", fresh()),
    };
    view! {
        <FormDialog
            title=format!("Rotate the credentials of {}", engine.name)
            sending=sending
            shown=SHOWN
            close=close
            tone=ButtonTone::Primary
            button="Rotate"
            busy="Checking"
        >
            <p>"The new credentials are tried first and must lead to the same place. Until they work the old ones stay."</p>
            <input type="hidden" name="id" value=engine.id.to_string() />
            <input type="hidden" name="form[kind]" value=engine.kind.as_str() />
            {fields}
        </FormDialog>
    }
}

/// Ends the engine, or forgets one that is on its way out; the name must be typed.
#[component]
pub fn DeleteDialog(engine: EngineView) -> impl IntoView {
    let sending = Sending::to::<DeleteEngine>();
    let pods: u32 = engine.nodes.iter().map(|node| node.pods).sum();
    let (ending, moved) = (engine.status == EngineStatus::Deleting, engine.status == EngineStatus::Mismatch);
    let (words, button) = end_of(engine.status, pods);
    let forgets = moved || (ending && pods == 0);
    let abandon = forgets.then(|| view! { <input type="hidden" name="abandon" value="true" /> });
    let instead = (ending && pods > 0).then(|| {
        view! {
            <label class="flex items-center gap-2">
                <input type="checkbox" class="size-4 accent-accent" name="abandon" value="true" />
                "Forget the engine now and leave what runs there"
            </label>
        }
    });
    let force = (pods > 0 && !moved).then(|| {
        view! {
            <label class="flex items-center gap-2">
                <input type="checkbox" class="size-4 accent-accent" name="force" value="true" />
                {format!("End what runs on it too: {}", count(pods, "pod"))}
            </label>
        }
    });
    let (close, name) = (paths::engine(&engine.id.to_string()), engine.name);
    let command = (engine.kind == EngineKind::OnPremise).then(|| {
        let command = NewEngineManifest::for_engine(&name).commands("").delete;
        view! { <CodeBlock code=command label="Takes the rights back on the other side, with the generated file" /> }
    });
    view! {
        <FormDialog
            title=format!("Delete {name}")
            sending=sending
            confirm=name
            close=close
            button=button
            busy="Deleting"
        >
            <p>{words}</p>
            {command}
            <input type="hidden" name="id" value=engine.id.to_string() />
            {force}
            {abandon}
            {instead}
        </FormDialog>
    }
}

/// What the end of an engine in this state means, and its button.
fn end_of(status: EngineStatus, pods: u32) -> (&'static str, &'static str) {
    match status {
        EngineStatus::Deleting if pods > 0 => (
            "It waits until its pods have ended. End what it was not yet to end, or, if that cluster is gone for good, forget the engine now; whatever still runs there is left to whoever has it.",
            "Delete engine",
        ),
        EngineStatus::Deleting => (
            "It waits until its pods have ended over there. If that cluster is gone for good, forget the engine now; whatever still runs there is left to whoever has it.",
            "Forget engine",
        ),
        EngineStatus::Mismatch => (
            "Another cluster is behind its address, so nothing can be ended there. Rotate its credentials to its own cluster, or forget the engine now; whatever still runs over there is left to whoever has it.",
            "Forget engine",
        ),
        _ => (
            "Its nodes go, and its credentials are forgotten. While a SKU is placed on it, or pods run on it, this is refused.",
            "Delete engine",
        ),
    }
}
