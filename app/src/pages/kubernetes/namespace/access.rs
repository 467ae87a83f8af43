//! Access with kubectl: a key, a kubeconfig, a first try, and the two example manifests.

use std::sync::Arc;

use domain::api_key::{ApiKeyView, CreatedApiKey};
use domain::namespace::NamespaceView;
use leptos::prelude::*;

use super::detail::InNamespace;
use crate::api::api_key::ListApiKeys;
use crate::features::load::load;
use crate::features::{manifest, scope};
use crate::pages::settings::api_key::create::NamespaceKeyForm;
use crate::paths;
use crate::ui::button::ButtonLink;
use crate::ui::clock::Ago;
use crate::ui::code::CodeBlock;
use crate::ui::copy::SecretBox;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::panel::Step;

/// The tab *Access*.
#[component]
pub fn AccessPage() -> impl IntoView {
    let page = |namespace| view! { <Steps namespace=namespace /> }.into_any();
    view! { <InNamespace page=Arc::new(page) /> }.into_any()
}

/// Three cards in the order of use; a key made in the first fills in the third.
#[component]
fn Steps(namespace: NamespaceView) -> impl IntoView {
    let made = RwSignal::new(None::<CreatedApiKey>);
    let (name, kubernetes_name) = (namespace.name.clone(), namespace.kubernetes_name.clone());
    let for_key = namespace.clone();
    let try_it = Signal::derive(move || made.with(|made| manifest::first_try(&name, made.as_ref().map(|m| &*m.key))));
    view! {
        <div class="grid items-start gap-4 lg:grid-cols-3">
            <Step number=1 title="API key">
                <KeyStep namespace=for_key made=made />
            </Step>
            <Step number=2 title="Download kubeconfig">
                <KubeconfigStep namespace=namespace />
            </Step>
            <Step number=3 title="Try it">
                <p class="text-muted">"In a shell, beside the downloaded file:"</p>
                <CodeBlock code=try_it label="Shell" />
                <p class="text-sm text-muted">
                    "An empty namespace answers " <code class="font-mono">"No resources found"</code> ": then everything works."
                </p>
            </Step>
        </div>
        <Examples kubernetes_name=kubernetes_name />
    }
}

#[component]
fn KeyStep(namespace: NamespaceView, made: RwSignal<Option<CreatedApiKey>>) -> impl IntoView {
    let id = namespace.id.clone();
    // Once a key is made here, the list has one more.
    let version = Memo::new(move |_| made.with(Option::is_some).to_string());
    let listed = load(version, |_| ListApiKeys { cursor: String::new() }).show(move |(keys, _)| {
        let mine: Vec<ApiKeyView> = keys.items.into_iter().filter(|key| scope::reaches(key, &id)).collect();
        view! { <ReachingKeys keys=mine /> }.into_any()
    });
    view! {
        <p class="text-muted">"kubectl trades it for credentials that live an hour. Keys that reach this namespace:"</p>
        {listed}
        {move || match made.get() {
            Some(created) => view! { <SecretBox text=created.key label="API key" /> }.into_any(),
            None => view! { <NamespaceKeyForm namespace=namespace.clone() made=made /> }.into_any(),
        }}
        <p class="text-sm text-muted">
            "Revoking a key refuses its next request at once; streams that are open go on until they end. "
            <a href=paths::api_keys() class="link">
                "All keys"
            </a>
        </p>
    }
}

#[component]
fn ReachingKeys(keys: Vec<ApiKeyView>) -> impl IntoView {
    if keys.is_empty() {
        return view! { <p class="text-sm text-faint">"None yet."</p> }.into_any();
    }
    let row = |key: ApiKeyView| {
        let used = match key.last_used_at {
            Some(at) => view! { "used " <Ago at=at /> }.into_any(),
            None => "not used yet".into_any(),
        };
        view! {
            <li class="flex flex-wrap items-baseline justify-between gap-x-3 border-b border-line py-1.5 last:border-0">
                <span class="min-w-0 truncate">
                    {key.name} " " <code class="font-mono text-sm text-faint">{key.prefix}</code>
                </span>
                <span class="text-sm text-muted">{used}</span>
            </li>
        }
    };
    view! { <ul>{keys.into_iter().map(row).collect_view()}</ul> }.into_any()
}

#[component]
fn KubeconfigStep(namespace: NamespaceView) -> impl IntoView {
    let link = |access: &'static str, variant: &'static str, words: &'static str| {
        view! {
            <ButtonLink href=paths::kubeconfig(&namespace.id, access, variant) download=true>
                <Glyph icon=Icon::Download />
                {words}
            </ButtonLink>
        }
    };
    let row = |rights: &'static str, what: &'static str, access: &'static str| {
        view! {
            <div class="grid gap-1.5 border-b border-line pb-3">
                <p>
                    <span class="font-medium">{rights}</span>
                    <span class="text-muted">" – " {what}</span>
                </p>
                <div class="flex flex-wrap gap-2">
                    {link(access, "sh", "Linux, macOS")} {link(access, "windows", "Windows")}
                </div>
            </div>
        }
    };
    view! {
        <p class="text-muted">
            "The file "
            <code class="font-mono text-sm text-ink wrap-anywhere">{manifest::kubeconfig_file(&namespace.name)}</code>
            " holds no secret. It stays good when you rename the namespace or rotate the key."
        </p>
        {row("Edit", "daily work", "edit")}
        {row("View", "looks only, no secrets, no shell", "view")}
        <p class="text-sm text-muted">
            "It runs "<code class="font-mono">"sh"</code>" and "<code class="font-mono">"curl"</code>
            " to fetch a credential with REMOTEGPU_API_KEY from your environment; on Windows curl 8.3 alone."
        </p>
    }
}

/// The two published manifests with this namespace filled in.
#[component]
fn Examples(kubernetes_name: String) -> impl IntoView {
    view! {
        <section class="grid gap-3">
            <div>
                <h2 class="font-semibold">"Deploy with kubectl apply"</h2>
                <p class="text-muted">
                    "The label " <code class="font-mono text-sm text-ink">"remotegpu.ai/sku-code"</code>
                    " in the pod template chooses the SKU; admission fills in resources and placement."
                </p>
            </div>
            <div class="grid items-start gap-4 lg:grid-cols-2">
                <CodeBlock code=manifest::cpu_example(&kubernetes_name) label="demo-cpu.yaml" />
                <CodeBlock code=manifest::gpu_example(&kubernetes_name) label="demo-gpu-full.yaml" />
            </div>
        </section>
    }
}
