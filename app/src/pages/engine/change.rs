//! What of an engine may be changed in place; another address needs its credentials anew.

use domain::engine::{EngineKind, EngineView};
use leptos::prelude::*;

use super::fields::{Authority, Line, line};
use crate::api::engine::ChangeEngine;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::ui::button::Button;
use crate::ui::panel::Panel;

/// An authority that is replaced signs old and new certificates for a while.
const OTHER_CA: &str = "PEM, for a while the old and the new one together. It is tried first; empty = it stays.";

/// The form.
#[component]
pub fn Change(engine: EngineView) -> impl IntoView {
    let sending = Sending::to::<ChangeEngine>();
    let elsewhere = sending.elsewhere(&["ecosystem", "load_balancer_ip", "ca_data"]);
    let balancer = (engine.kind == EngineKind::OnPremise).then(|| {
        let field = Line("load_balancer_ip", "Load Balancer IP", "External IP address of the ingress controller.");
        line(sending, field, "text", RwSignal::new(engine.load_balancer_ip))
    });
    let authority = engine.ca.is_some().then(|| {
        let value = RwSignal::new(String::new());
        view! { <Authority sending=sending value=value hint=OTHER_CA /> }
    });
    let tag = RwSignal::new(engine.ecosystem);
    view! {
        <Panel title="Change">
            <PostForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="id" value=engine.id.to_string() />
                    // Its nodes carry its name.
                    <input type="hidden" name="form[name]" value=engine.name />
                    {line(sending, Line("ecosystem", "Ecosystem", ""), "text", tag)}
                    {balancer}
                    {authority}
                    <div>
                        <Button blocked=sending.blocked("Saving")>"Save changes"</Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}
