//! The fields of an engine by kind, with the labels of the published form and the command that finds each value.

use domain::engine::certificate;
use domain::engine_manifest::EngineFeature;
use domain::permission::Permission;
use leptos::prelude::*;

use super::auth::Authentication;
use super::paste::Paste;
use crate::features::post_form::Sending;
use crate::features::right::use_lacks;
use crate::ui::button::{Button, ButtonSize};
use crate::ui::copy::CopyLine;
use crate::ui::field::{Field, INPUT, TEXTAREA, invalid, unsaved};
use crate::ui::panel::{Panel, Step};

/// Each field with an error of its own.
pub const SHOWN: &[&str] = &[
    "name",
    "ecosystem",
    "api_url",
    "load_balancer_ip",
    "ca_data",
    "bearer_token",
    "basic_username",
    "basic_password",
    "namespaces",
    "gpus",
    "endpoint",
    "client_certificate",
    "client_key",
    "api_key",
    "datacenter_ids",
    "cloud",
    "max_gpu_price",
    "kubeconfig",
];

/// Prints the CA of the current context.
const CA_COMMAND: &str =
    "kubectl config view --minify --raw --output 'jsonpath={..cluster.certificate-authority-data}' | base64 -d";

/// Signals that the paste box fills.
#[derive(Clone, Copy)]
pub struct Filled {
    /// API Hostname.
    pub api_url: RwSignal<String>,
    /// CA Data.
    pub ca_data: RwSignal<String>,
    /// `token` or `basic`.
    pub auth: RwSignal<String>,
    /// Bearer Token.
    pub token: RwSignal<String>,
    /// Basic Username.
    pub username: RwSignal<String>,
    /// Basic Password.
    pub password: RwSignal<String>,
}

/// One line of a form: the name, its label, its hint.
#[derive(Clone, Copy)]
pub struct Line(pub &'static str, pub &'static str, pub &'static str);

/// A text field whose value other parts may set.
pub fn line(sending: Sending, Line(name, label, hint): Line, kind: &'static str, value: RwSignal<String>) -> AnyView {
    let error = sending.field(name);
    view! {
        <Field id=name label=label error=error hint=hint>
            <input
                id=name
                name=format!("form[{name}]")
                type=kind
                class=INPUT
                value=value.get_untracked()
                prop:value=value
                autocomplete=unsaved(kind)
                spellcheck="false"
                aria-describedby=format!("{name}-note")
                aria-invalid=invalid(error)
                on:input=move |event| value.set(event_target_value(&event))
            />
        </Field>
    }
    .into_any()
}

/// The same with several lines.
pub fn area(sending: Sending, Line(name, label, hint): Line, value: RwSignal<String>) -> AnyView {
    let error = sending.field(name);
    view! {
        <Field id=name label=label error=error hint=hint>
            <textarea
                id=name
                name=format!("form[{name}]")
                class=TEXTAREA
                rows="4"
                prop:value=value
                autocomplete="off"
                spellcheck="false"
                aria-describedby=format!("{name}-note")
                aria-invalid=invalid(error)
                on:input=move |event| value.set(event_target_value(&event))
            ></textarea>
        </Field>
    }
    .into_any()
}

fn fresh() -> RwSignal<String> {
    RwSignal::new(String::new())
}

#[component]
fn Identity(sending: Sending, name: RwSignal<String>) -> impl IntoView {
    let name_line = Line("name", "Engine Name", "Lowercase letters, digits and hyphens; starts with a letter.");
    let hint = "Tag for infrastructure as code; may stay empty unless your account requires one.";
    let tag = Line("ecosystem", "Ecosystem", hint);
    let no_operator = use_lacks(&[Permission::ManagePlatform]);
    view! {
        <div class="grid items-start gap-3 sm:grid-cols-2">
            {line(sending, name_line, "text", name)}
            {line(sending, tag, "text", fresh())}
        </div>
        <label class="flex items-center gap-2" class:hidden=move || no_operator.get()>
            <input type="checkbox" class="size-4 accent-accent" name="form[platform]" value="true" />
            "For every account of the platform (operators only)"
        </label>
    }
}

/// A Kubernetes cluster.
#[component]
pub fn OnPremise(sending: Sending, name: RwSignal<String>) -> impl IntoView {
    let filled = Filled {
        api_url: fresh(),
        ca_data: fresh(),
        auth: RwSignal::new("token".to_owned()),
        token: fresh(),
        username: fresh(),
        password: fresh(),
    };
    let address = Line("api_url", "API Hostname", "The Kubernetes control plane of kubectl cluster-info.");
    let balancer = Line("load_balancer_ip", "Load Balancer IP", "External IP address of the ingress controller.");
    view! {
        <Paste filled=filled />
        <Step number=1 title="Address">
            <Identity sending=sending name=name />
            <div class="grid items-start gap-3 sm:grid-cols-2">
                {line(sending, address, "text", filled.api_url)}
                {line(sending, balancer, "text", fresh())}
            </div>
            <Found command="kubectl cluster-info" />
            <Found command="kubectl get services --all-namespaces --field-selector spec.type=LoadBalancer" />
        </Step>
        <Step number=2 title="Trust">
            <Authority sending=sending value=filled.ca_data hint=NO_CA />
            <Found command=CA_COMMAND />
        </Step>
        <Step number=3 title="Sign-in">
            <Authentication sending=sending filled=filled />
            <Use sending=sending />
        </Step>
    }
}

/// The command that finds a value.
#[component]
fn Found(command: &'static str) -> impl IntoView {
    view! { <p class="text-sm text-muted"><CopyLine text=command label="command" /></p> }
}

/// What an empty CA means for a new engine.
const NO_CA: &str = "PEM. Empty = the system's trusted roots; verification is never switched off.";

/// The CA, with a button where the text is still base64.
#[component]
pub fn Authority(sending: Sending, value: RwSignal<String>, hint: &'static str) -> impl IntoView {
    let decoded = Memo::new(move |_| value.with(|text| certificate::decoded(text)));
    let field = Line("ca_data", "CA Data", hint);
    let decode = move || {
        decoded.get().map(|pem| {
            view! {
                <div class="flex flex-wrap items-center gap-2 text-sm">
                    <span>"This looks base64-encoded."</span>
                    <span on:click=move |_| value.set(pem.clone())>
                        <Button kind="button" size=ButtonSize::Small>
                            "Decode"
                        </Button>
                    </span>
                </div>
            }
        })
    };
    let private = move || {
        value.with(|text| text.contains("PRIVATE KEY-----")).then(|| {
            view! { <p role="alert" class="text-sm text-fail">"This is a private key. Do not paste private keys; replace this key"</p> }
        })
    };
    view! {
        {area(sending, field, value)}
        {decode}
        {private}
    }
}

/// What the engine shall do and where; folded away, because everything everywhere that the identity may is the default.
#[component]
fn Use(sending: Sending) -> impl IntoView {
    let feature = |(at, feature): (usize, EngineFeature)| {
        view! {
            <label class="flex items-center gap-2">
                <input type="checkbox" class="size-4 accent-accent" name=format!("form[features][{at}]") value=feature.as_str() checked=true />
                {feature.words()}
            </label>
        }
    };
    let spaces = RwSignal::new(domain::engine_manifest::NAMESPACE.to_owned());
    let namespaces =
        Line("namespaces", "Namespaces", "Where its identity may write, that of the pods first; empty = everywhere.");
    let gpus = Line("gpus", "GPUs", "Where its nodes may not be read: model=count, one a line.");
    view! {
        <details>
            <summary class="cursor-pointer font-medium">"What is asked for"</summary>
            <div class="mt-3 grid gap-3">
                <fieldset class="grid gap-x-4 gap-y-1.5 sm:grid-cols-2">
                    <legend class="mb-1 text-sm font-medium">"Features to check"</legend>
                    {EngineFeature::ALL.into_iter().enumerate().map(feature).collect_view()}
                </fieldset>
                <label class="flex items-center gap-2">
                    <input type="checkbox" class="size-4 accent-accent" name="form[exec_probe]" value="true" />
                    "Try a command in a probe pod, made and deleted there with each full check"
                </label>
                {line(sending, namespaces, "text", spaces)}
                {area(sending, gpus, fresh())}
            </div>
        </details>
    }
}

/// A container host.
#[component]
pub fn Docker(sending: Sending, name: RwSignal<String>) -> impl IntoView {
    let endpoint =
        Line("endpoint", "Endpoint", "unix:///var/run/docker.sock, or https://host:2376 with a client certificate.");
    let certificate = Line("client_certificate", "Client certificate", "PEM; for https.");
    let key = Line("client_key", "Client key", "PEM; for https. It is sealed and never shown again.");
    view! {
        <Step number=1 title="Address">
            <Identity sending=sending name=name />
            {line(sending, endpoint, "text", fresh())}
            <Found command="docker context inspect --format '{{.Endpoints.docker.Host}}'" />
        </Step>
        <Step number=2 title="Trust">
            <Authority sending=sending value=fresh() hint=NO_CA />
        </Step>
        <Step number=3 title="Sign-in">
            {area(sending, certificate, fresh())}
            {area(sending, key, fresh())}
        </Step>
    }
}

/// A RunPod account.
#[component]
pub fn Runpod(sending: Sending, name: RwSignal<String>) -> impl IntoView {
    let key = Line("api_key", "API key", "Of the RunPod account. It is sealed and never shown again.");
    let places = Line("datacenter_ids", "Data centres", "For example EU-RO-1, parted by commas; empty = all.");
    let price = RwSignal::new(domain::engine::form::MAX_GPU_PRICE.to_owned());
    let limit = Line(
        "max_gpu_price",
        "Most for one instance, US dollars an hour",
        "The preflight says which SKUs that excludes.",
    );
    view! {
        <Step number=1 title="Address">
            <Identity sending=sending name=name />
        </Step>
        <Step number=2 title="Limits">
            <div class="grid items-start gap-3 sm:grid-cols-2">
                {line(sending, places, "text", fresh())}
                <Field id="cloud" label="Cloud">
                    <select id="cloud" name="form[cloud]" class=INPUT>
                        <option value="secure">"Secure"</option>
                        <option value="community">"Community"</option>
                        <option value="all">"All"</option>
                    </select>
                </Field>
                {line(sending, limit, "text", price)}
            </div>
        </Step>
        <Step number=3 title="Sign-in">{line(sending, key, "password", fresh())}</Step>
    }
}

/// What one should have at hand.
#[component]
pub fn Checks() -> impl IntoView {
    view! {
        <Panel title="Before you begin">
            <ul class="grid list-disc gap-1 py-4 pr-4 pl-8 text-muted">
                <li>"What you type is checked before anything is saved."</li>
                <li>"Secrets are sealed. Nobody sees them again, you neither; they can be replaced."</li>
                <li>"Certificates are always verified."</li>
            </ul>
        </Panel>
    }
}
