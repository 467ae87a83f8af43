//! Access with kubectl: a key, a kubeconfig, a first try, the credentials issued, and the two example manifests.

use std::sync::Arc;
use std::time::Duration;

use domain::api_key::{ApiKeyView, CreatedApiKey};
use domain::credential::{Access, CredentialView};
use domain::kubeconfig::{KUBERC, KubeconfigFacts, Variant};
use domain::namespace::{NamespaceStatus, NamespaceView};
use domain::page::Page;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_query_map;

use super::detail::InNamespace;
use crate::api::api_key::ListApiKeys;
use crate::api::ask::ask;
use crate::api::credential::ListCredentials;
use crate::api::kubeconfig::GetKubeconfigFacts;
use crate::api::packed::unpack;
use crate::features::connector::Connector;
use crate::features::credentials::{Credentials, load_credentials};
use crate::features::load::load;
use crate::features::{manifest, scope};
use crate::pages::settings::api_key::create::NamespaceKeyForm;
use crate::paths;
use crate::ui::badge::Tone;
use crate::ui::banner::Banner;
use crate::ui::button::{ButtonLink, ButtonSize, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::code::CodeBlock;
use crate::ui::copy::{CopyLine, SecretBox};
use crate::ui::icon::{Glyph, Icon};
use crate::ui::panel::{Panel, Step};
use crate::ui::tabs::Segment;

/// The tab *Access*.
#[component]
pub fn AccessPage() -> impl IntoView {
    let page = |namespace| view! { <Steps namespace=namespace /> }.into_any();
    view! { <InNamespace page=Arc::new(page) /> }.into_any()
}

/// Three cards in the order of use; a key made in the first fills in the third, which turns green by itself once the
/// first credential was issued.
#[component]
fn Steps(namespace: NamespaceView) -> impl IntoView {
    let made = RwSignal::new(None::<CreatedApiKey>);
    let (name, kubernetes_name) = (namespace.name.clone(), namespace.kubernetes_name.clone());
    let (for_key, for_connector, here) = (namespace.clone(), namespace.clone(), paths::access(&namespace.id));
    let try_it = Signal::derive(move || made.with(|made| manifest::first_try(&name, made.as_ref().map(|m| &*m.key))));
    let looks = looks(&namespace.id);
    let issued = load_credentials(format!("namespace/{}", namespace.id), move || looks.get());
    let works = issued.show(|page| view! { <Works page=page /> }.into_any());
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
                {works}
            </Step>
        </div>
        <Panel title="Issued credentials">
            {issued.show(move |page| view! { <Credentials page=page here=here.clone() by_key=true /> }.into_any())}
        </Panel>
        <Connector namespace=for_connector />
        <Examples kubernetes_name=kubernetes_name />
    }
}

/// Counts looks at the credentials: every three seconds until there is one, and after each visit to a dialog.
fn looks(namespace: &str) -> Memo<u32> {
    let query = use_query_map();
    let (timer, of) = (RwSignal::new(0_u32), format!("namespace/{namespace}"));
    let visits = Memo::new(move |last: Option<&u32>| {
        let open = query.read().get("revoke").is_some();
        last.map_or(0, |n| n + u32::from(!open))
    });
    Effect::new(move || {
        timer.track();
        let of = of.clone();
        let ask = move || {
            spawn_local(async move {
                let page = ask(ListCredentials { of, cursor: String::new() }).await;
                let over = match page.and_then(|json| unpack::<Page<CredentialView>>(&json)) {
                    Ok(page) => first_of_a_key(&page).is_some(),
                    // A look that got no answer is not the last one; one that was refused is.
                    Err(error) => !error.is_fault(),
                };
                // The page may be gone by now: then there is nobody to tell.
                let _ = timer.try_update(|n| *n = if over { *n | 1 } else { *n + 2 });
            });
        };
        // An odd count: one was seen or may not be, nobody needs to look any more.
        if timer.get_untracked() % 2 == 0 {
            set_timeout(ask, Duration::from_secs(3));
        }
    });
    // Looks that found nothing change nothing on the page.
    Memo::new(move |_| visits.get() * 2 + timer.get() % 2)
}

/// The console fetches credentials too; only one of a key tells that the file works.
fn first_of_a_key(page: &Page<CredentialView>) -> Option<&CredentialView> {
    page.items.iter().find(|credential| credential.api_key_id.is_some())
}

/// What the first try leads to.
#[component]
fn Works(page: Page<CredentialView>) -> impl IntoView {
    match first_of_a_key(&page) {
        Some(credential) => {
            let at = credential.issued_at.clone();
            view! {
                <Banner tone=Tone::Ok title="It works">
                    "The last credential was issued " <Ago at=at /> "."
                </Banner>
            }
            .into_any()
        }
        None => view! {
            <p class="text-sm text-muted">
                "An empty namespace answers " <code class="font-mono">"No resources found"</code>
                ". This turns green with the first credential."
            </p>
        }
        .into_any(),
    }
}

#[component]
fn KeyStep(namespace: NamespaceView, made: RwSignal<Option<CreatedApiKey>>) -> impl IntoView {
    let (id, here, query) = (namespace.id.clone(), paths::access(&namespace.id), use_query_map());
    let cursor = Memo::new(move |_| query.read().get("keys").unwrap_or_default());
    // Once a key is made here, the list has one more.
    let version = Memo::new(move |_| format!("{} {}", cursor.get(), made.with(Option::is_some)));
    let keys = load(version, |version| {
        let cursor = version.split(' ').next().unwrap_or_default().to_owned();
        // Newest first: one that is made here stands on the first page.
        ListApiKeys { cursor, sort: "-created".to_owned() }
    });
    let listed = keys.show(move |(keys, _)| {
        let mine: Vec<ApiKeyView> = keys.items.into_iter().filter(|key| scope::reaches(key, &id)).collect();
        let whole = cursor.get_untracked().is_empty() && keys.next_cursor.is_none();
        let older = keys.next_cursor.map(|cursor| paths::with_query(&here, &[("keys", &cursor)]));
        view! { <ReachingKeys keys=mine whole=whole older=older /> }.into_any()
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

/// Those of one page of all keys; `whole` when there is no other page.
#[component]
fn ReachingKeys(keys: Vec<ApiKeyView>, whole: bool, older: Option<String>) -> impl IntoView {
    let none = keys.is_empty().then(|| {
        let words = if whole { "None yet." } else { "None among the keys of this page." };
        view! { <p class="text-sm text-faint">{words}</p> }
    });
    let row = |key: ApiKeyView| {
        let used = match key.last_used_at {
            Some(at) => view! { "used " <Ago at=at /> }.into_any(),
            None => "not used yet".into_any(),
        };
        view! {
            <li class="flex flex-wrap items-baseline justify-between gap-x-3 border-b border-line py-1.5 last:border-0">
                <span class="min-w-0 truncate">
                    <a href=paths::api_key(&key.id) class="hover:underline">
                        {key.name}
                    </a>
                    " "
                    <code class="font-mono text-sm text-faint">{key.prefix}</code>
                </span>
                <span class="text-sm text-muted">{used}</span>
            </li>
        }
    };
    view! {
        {none}
        <ul>{keys.into_iter().map(row).collect_view()}</ul>
        {older
            .map(|href| {
                view! {
                    <p>
                        <ButtonLink href=href size=ButtonSize::Small>
                            "Older keys"
                        </ButtonLink>
                    </p>
                }
            })}
    }
}

/// Variant and rights are states of the URL, so that a choice can be shared.
#[component]
fn KubeconfigStep(namespace: NamespaceView) -> impl IntoView {
    let query = use_query_map();
    let choice = move |name: &'static str, default: &'static str| {
        Memo::new(move |_| query.read().get(name).unwrap_or_else(|| default.to_owned()))
    };
    let (variant, access) = (choice("variant", "sh"), choice("access", "edit"));
    let id = namespace.id.clone();
    let at = move |variant: &str, access: &str| {
        paths::with_query(&paths::access(&id), &[("variant", variant), ("access", access)])
    };
    let to_variant = {
        let at = at.clone();
        move |(value, words): (&'static str, &'static str)| {
            let current = Signal::derive(move || variant.with(|chosen| chosen == value));
            view! { <Segment href=at(value, &access.get()) label=words current=current /> }
        }
    };
    let to_access = move |(value, words): (&'static str, &'static str)| {
        let current = Signal::derive(move || access.with(|chosen| chosen == value));
        view! { <Segment href=at(&variant.get(), value) label=words current=current /> }
    };
    let variants = [("sh", "Linux, macOS"), ("cli", "kubectl-remotegpu"), ("windows", "Windows")];
    let rights = [("edit", "Edit"), ("view", "View")];
    let file = if namespace.status == NamespaceStatus::Active {
        view! { <File namespace=namespace.id variant=variant access=access /> }.into_any()
    } else {
        view! { <p class="text-sm text-muted">"There is a file once the namespace is active."</p> }.into_any()
    };
    view! {
        <p class="text-muted">
            "The file holds no secret: with REMOTEGPU_API_KEY from your environment it fetches credentials. It stays good when you rename the namespace or rotate the key."
        </p>
        <div class="flex flex-wrap gap-2">
            <nav aria-label="How it fetches" class="inline-flex rounded border border-line">
                {move || variants.map(to_variant.clone()).collect_view()}
            </nav>
            <nav aria-label="Rights" class="inline-flex rounded border border-line">
                {move || rights.map(to_access.clone()).collect_view()}
            </nav>
        </div>
        {file}
    }
}

/// The chosen file, as long as it can be made.
#[component]
fn File(namespace: String, variant: Memo<String>, access: Memo<String>) -> impl IntoView {
    let id = namespace.clone();
    let key = Memo::new(move |_| format!("{id} {} {}", variant.get(), access.get()));
    let facts = load(key, |key| {
        let mut parts = key.split(' ').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        GetKubeconfigFacts { namespace: next(), variant: next(), access: next() }
    });
    facts.show_or(
        move |facts: KubeconfigFacts| {
            let (of_variant, of_access) = (facts.variant, facts.access);
            // Until the chosen one is there, nobody downloads the one before under its name.
            let older = Signal::derive(move || {
                variant.with(|chosen| chosen != of_variant.as_str()) || access.with(|chosen| chosen != of_access.as_str())
            });
            view! {
                <div class="grid min-w-0 gap-3" class:opacity-50=older inert=older aria-busy=move || older.get().to_string()>
                    <Facts facts=facts namespace=namespace.clone() />
                </div>
            }
            .into_any()
        },
        |error| view! { <p class="text-sm text-muted">{error.detail}</p> }.into_any(),
    )
}

/// What the chosen file needs, is and runs.
#[component]
fn Facts(facts: KubeconfigFacts, namespace: String) -> impl IntoView {
    let needs = match facts.variant {
        Variant::Sh => "Needs sh and curl 7.55 or newer.",
        Variant::Cli => "Needs the program kubectl-remotegpu on the PATH.",
        Variant::Windows => "Needs curl 8.3 or newer, which Windows brings; no shell.",
    };
    let policy = match facts.variant {
        Variant::Cli => "With this file of yours, kubectl runs kubectl-remotegpu and no other credential plugin.",
        Variant::Sh | Variant::Windows => {
            "Take kubectl-remotegpu above: a policy knows names, not arguments, and whoever allows sh or curl allows everything they can do."
        }
    };
    let rights = match facts.access {
        Access::Edit => "Edit: daily work.",
        Access::View => "View: looks only, no secrets, no shell.",
    };
    let href = paths::kubeconfig(&namespace, facts.access.as_str(), facts.variant.as_str());
    view! {
        <p class="text-sm text-muted">{rights} " " {needs} " On a host without these, or without the variable, it fails and says why."</p>
        <div>
            <ButtonLink href=href tone=ButtonTone::Primary download=true>
                <Glyph icon=Icon::Download />
                "Download"
            </ButtonLink>
        </div>
        <p class="text-sm">
            <code class="font-mono text-ink wrap-anywhere">{facts.filename}</code>
        </p>
        <p class="text-sm text-muted">"SHA-256 " <CopyLine text=facts.sha256 label="checksum" /></p>
        <details class="min-w-0">
            <summary class="cursor-pointer text-sm text-muted hover:text-ink">"The exact command it runs"</summary>
            <CodeBlock code=facts.command label="exec" />
        </details>
        <details class="min-w-0">
            <summary class="cursor-pointer text-sm text-muted hover:text-ink">
                "Where kubectl runs named programs only (1.35 and newer)"
            </summary>
            <p class="text-sm text-muted">{policy}</p>
            <CodeBlock code=KUBERC label="~/.kube/kuberc" />
        </details>
    }
}

/// The two published manifests with this namespace filled in.
#[component]
fn Examples(kubernetes_name: String) -> impl IntoView {
    view! {
        <section class="grid gap-3">
            <div>
                <h2 class="font-semibold">"Deploy with kubectl apply"</h2>
                <p class="max-w-prose text-muted">
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
