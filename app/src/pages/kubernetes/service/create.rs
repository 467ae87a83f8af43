//! Exposing a port of a deployment, and taking the address away again.

use leptos::prelude::*;

use crate::api::service::{CreateService, DeleteService};
use crate::features::form_dialog::{FormDialog, FormEnd};
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::service_form;
use crate::paths;
use crate::ui::button::{ButtonLink, ButtonTone};
use crate::ui::code::CodeBlock;
use crate::ui::dialog::Dialog;
use crate::ui::field::{Field, INPUT, invalid};

const FIELDS: &[&str] = &["name", "deployment", "port", "target_port"];

/// What `kubectl expose` asks for.
#[component]
pub fn NewServiceDialog(namespace_id: String, deployments: Vec<String>) -> impl IntoView {
    let close = paths::network(&namespace_id);
    if deployments.is_empty() {
        return view! {
            <Dialog title="Expose a port" close=close>
                <div class="grid gap-4">
                    <p>"There is no deployment to expose yet."</p>
                    <div>
                        <ButtonLink href=paths::deploy(&namespace_id) tone=ButtonTone::Primary>
                            "Deploy"
                        </ButtonLink>
                    </div>
                </div>
            </Dialog>
        }
        .into_any();
    }
    view! {
        <Dialog title="Expose a port" close=close>
            <ServiceForm namespace_id=namespace_id deployments=deployments />
        </Dialog>
    }
    .into_any()
}

#[component]
fn ServiceForm(namespace_id: String, deployments: Vec<String>) -> impl IntoView {
    let sending = Sending::to::<CreateService>();
    let elsewhere = sending.elsewhere(FIELDS);
    let signal = |text: &str| RwSignal::new(text.to_owned());
    let chosen = RwSignal::new(deployments.first().cloned().unwrap_or_default());
    let (name, port, target) = (signal(""), signal("80"), signal(""));
    let outside = RwSignal::new(false);
    let read = move || service_form::read(&name.get(), &chosen.get(), &port.get(), &target.get(), outside.get());
    let command = Signal::derive(move || read().map(|new| new.kubectl()).unwrap_or_default());
    let option = |name: String| view! { <option value=name.clone()>{name.clone()}</option> };
    let deployment = sending.field("deployment");
    view! {
        <PostForm sending=sending>
            <div class="grid gap-4">
                {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                <input type="hidden" name="namespace" value=namespace_id.clone() />
                <Field id="deployment" label="Deployment" error=deployment>
                    <select
                        id="deployment"
                        name="deployment"
                        class=INPUT
                        aria-describedby="deployment-note"
                        on:change:target=move |event| chosen.set(event.target().value())
                    >
                        {deployments.into_iter().map(option).collect_view()}
                    </select>
                </Field>
                <div class="grid gap-3 sm:grid-cols-3">
                    <Text sending=sending id="name" label="Name" hint="Empty: the deployment's." value=name />
                    <Text sending=sending id="port" label="Port" hint="Clients use it." value=port />
                    <Text sending=sending id="target_port" label="Container port" hint="Empty: the same." value=target />
                </div>
                <label class="flex items-center gap-2">
                    <input
                        type="checkbox"
                        class="size-4 accent-accent"
                        name="outside"
                        value="true"
                        on:change:target=move |event| outside.set(event.target().checked())
                    />
                    "Also over HTTP from outside, where the pods run on an imported engine with an ingress controller"
                </label>
                {move || (!command.get().is_empty()).then(|| view! { <CodeBlock code=command label="kubectl" /> })}
                <FormEnd sending=sending close=paths::network(&namespace_id) button="Expose" busy="Exposing" />
            </div>
        </PostForm>
    }
}

#[component]
fn Text(
    sending: Sending,
    id: &'static str,
    label: &'static str,
    hint: &'static str,
    value: RwSignal<String>,
) -> impl IntoView {
    let error = sending.field(id);
    view! {
        <Field id=id label=label error=error hint=hint>
            <input
                id=id
                name=id
                class=INPUT
                inputmode=(id != "name").then_some("numeric")
                autocomplete="off"
                spellcheck="false"
                aria-describedby=format!("{id}-note")
                aria-invalid=invalid(error)
                value=value.get_untracked()
                prop:value=move || value.get()
                on:input:target=move |event| value.set(event.target().value())
            />
        </Field>
    }
}

/// Names the Service and the consequence; the name must be typed.
#[component]
pub fn DeleteServiceDialog(namespace_id: String, name: String) -> impl IntoView {
    let sending = Sending::to::<DeleteService>();
    view! {
        <FormDialog
            title=format!("Delete {name}")
            sending=sending
            confirm=name.clone()
            close=paths::network(&namespace_id)
            button="Delete service"
            busy="Deleting"
        >
            <p>"Its name and address answer no more, at once. The pods behind it go on."</p>
            <input type="hidden" name="namespace" value=namespace_id />
            <input type="hidden" name="name" value=name />
        </FormDialog>
    }
}
