//! The deploy page: shape, container, scale on the left; the live plan on the right. One form, one page.

use std::sync::Arc;

use domain::namespace::NamespaceView;
use domain::sku::SkuView;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::sku_picker::SkuPicker;
use crate::api::deployment::CreateDeployment;
use crate::api::sku::ListSkus;
use crate::features::load::load;
use crate::features::plan_panel::PlanPanel;
use crate::features::plan_signals::PlanSignals;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::pages::kubernetes::namespace::detail::InNamespace;
use crate::ui::field::{Field, INPUT, TEXTAREA, invalid};
use crate::ui::panel::Step;

/// Fields that show their own error.
const FIELDS: &[&str] = &["name", "sku_code", "image", "replicas", "command", "args", "env", "ports"];

/// The tab *Deploy*.
#[component]
pub fn DeployPage() -> impl IntoView {
    let page = |namespace| view! { <Deploy namespace=namespace /> }.into_any();
    view! { <InNamespace page=Arc::new(page) /> }.into_any()
}

#[component]
fn Deploy(namespace: NamespaceView) -> impl IntoView {
    load(Signal::stored(namespace.id.clone()), |namespace| ListSkus { namespace })
        .show(move |skus| view! { <DeployForm namespace=namespace.clone() skus=skus /> }.into_any())
}

#[component]
fn DeployForm(namespace: NamespaceView, skus: Vec<SkuView>) -> impl IntoView {
    let sending = Sending::to::<CreateDeployment>();
    let asked = use_query_map().with_untracked(|query| query.get("sku"));
    let plan = PlanSignals::new(first_choice(&skus, asked.as_deref()));
    let (id, for_picker, for_panel) = (namespace.id.clone(), skus.clone(), skus);
    let error = Errors { plan, sending };
    let elsewhere = sending.elsewhere(FIELDS);
    view! {
        <PostForm sending=sending>
            <input type="hidden" name="namespace" value=namespace.id.clone() />
            <div class="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_360px]">
                <div class="grid min-w-0 gap-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <Step number=1 title="Shape">
                        <SkuPicker namespace_id=id skus=for_picker chosen=plan.sku_code />
                    </Step>
                    <Step number=2 title="Container">
                        <Container plan=plan error=error />
                    </Step>
                    <Step number=3 title="Scale">
                        <Scale plan=plan error=error />
                    </Step>
                </div>
                <PlanPanel namespace=namespace skus=for_panel plan=plan blocked=sending.blocked("Deploying") />
            </div>
        </PostForm>
    }
}

/// The SKU asked for in the URL, else the first that is granted and free, else the first.
fn first_choice(skus: &[SkuView], asked: Option<&str>) -> String {
    let by_url = skus.iter().find(|sku| Some(sku.code.as_str()) == asked);
    let free = || skus.iter().find(|sku| sku.granted && sku.available.free > 0);
    by_url.or_else(free).or(skus.first()).map(|sku| sku.code.clone()).unwrap_or_default()
}

/// Errors of the form's own rule while typing, and of the last refusal.
#[derive(Clone, Copy)]
struct Errors {
    plan: PlanSignals,
    sending: Sending,
}

impl Errors {
    fn field(self, name: &'static str) -> Signal<Option<String>> {
        let refused = self.sending.field(name);
        Signal::derive(move || self.plan.wrong(name).or_else(|| refused.get()))
    }
}

#[component]
fn Text(
    id: &'static str,
    name: &'static str,
    value: RwSignal<String>,
    error: Signal<Option<String>>,
    #[prop(optional)] placeholder: &'static str,
    #[prop(optional)] required: bool,
    #[prop(default = "text")] kind: &'static str,
) -> impl IntoView {
    view! {
        <input
            id=id
            name=name
            type=kind
            class=INPUT
            placeholder=placeholder
            required=required
            autocomplete="off"
            spellcheck="false"
            aria-describedby=format!("{id}-note")
            aria-invalid=invalid(error)
            value=value.get_untracked()
            prop:value=move || value.get()
            on:input:target=move |event| value.set(event.target().value())
        />
    }
}

#[component]
fn Lines(
    id: &'static str,
    name: &'static str,
    value: RwSignal<String>,
    error: Signal<Option<String>>,
    #[prop(optional)] placeholder: &'static str,
) -> impl IntoView {
    view! {
        <textarea
            id=id
            name=name
            class=TEXTAREA
            rows="3"
            placeholder=placeholder
            spellcheck="false"
            aria-describedby=format!("{id}-note")
            aria-invalid=invalid(error)
            prop:value=move || value.get()
            on:input:target=move |event| value.set(event.target().value())
        ></textarea>
    }
}

#[component]
fn Container(plan: PlanSignals, error: Errors) -> impl IntoView {
    view! {
        <div class="grid gap-3 sm:grid-cols-2">
            <Field id="name" label="Name" error=error.field("name") hint="Lowercase letters, digits and hyphens.">
                <Text id="name" name="form[name]" value=plan.name error=error.field("name") placeholder="demo" required=true />
            </Field>
            <Field id="image" label="Image" error=error.field("image") hint="As docker pull takes it.">
                <Text id="image" name="form[image]" value=plan.image error=error.field("image") placeholder="nginx:1.27-alpine" required=true />
            </Field>
        </div>
        <details class="rounded border border-line">
            <summary class="cursor-pointer px-3 py-2 hover:bg-hover">"Command, environment, ports"</summary>
            <div class="grid gap-3 border-t border-line p-3 sm:grid-cols-2">
                <Field id="command" label="Command" error=error.field("command") hint="One word a line. Replaces the image's entry point.">
                    <Lines id="command" name="form[command]" value=plan.command error=error.field("command") />
                </Field>
                <Field id="args" label="Arguments" error=error.field("args") hint="One a line.">
                    <Lines id="args" name="form[args]" value=plan.args error=error.field("args") />
                </Field>
                <Field id="env" label="Environment" error=error.field("env") hint="NAME=value, one a line. Plain text in the cluster: no secrets.">
                    <Lines id="env" name="form[env]" value=plan.env error=error.field("env") placeholder="MODE=production" />
                </Field>
                <Field id="ports" label="Ports" error=error.field("ports") hint="TCP, parted by blanks.">
                    <Text id="ports" name="form[ports]" value=plan.ports error=error.field("ports") placeholder="80 8080" />
                </Field>
            </div>
        </details>
    }
}

#[component]
fn Scale(plan: PlanSignals, error: Errors) -> impl IntoView {
    view! {
        <div class="max-w-40">
            <Field id="replicas" label="Replicas" error=error.field("replicas") hint="0 to 100.">
                <Text id="replicas" name="form[replicas]" value=plan.replicas error=error.field("replicas") kind="number" required=true />
            </Field>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::sku::{AvailabilityView, PriceView};

    fn sku(code: &str, free: u32) -> SkuView {
        SkuView {
            code: code.into(),
            title: code.into(),
            kind: "cpu".into(),
            gpu: None,
            cpu: "2".into(),
            memory: "8Gi".into(),
            storage: None,
            price: PriceView { amount: "0.05".into(), currency: "EUR".into(), unit: "hour".into() },
            available: AvailabilityView { free, total: 4, as_of: None },
            granted: true,
            engines: Vec::new(),
        }
    }

    #[test]
    fn the_first_choice_is_what_was_asked_for_or_what_is_free() {
        let skus = [sku("full", 0), sku("free", 2)];
        assert_eq!(first_choice(&skus, None), "free");
        assert_eq!(first_choice(&skus, Some("full")), "full");
        assert_eq!(first_choice(&skus, Some("unknown")), "free");
        assert_eq!(first_choice(&skus[..1], None), "full");
        assert_eq!(first_choice(&[], None), "");
    }
}
