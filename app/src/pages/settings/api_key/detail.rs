//! One API key: its state, what it opens and why not, its form, and the credentials it was given.

use domain::api_key::{ApiKeyView, ClusterState, KeyReport, KeyStatus, NamespaceReport};
use domain::credential::Access;
use domain::namespace::NamespaceView;
use domain::permission::Permission;
use domain::scope::Scope;
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::create::{KeyName, Rights, ScopeCards};
use super::dialogs::KeyDialog;
use super::list::Ends;
use crate::api::api_key::{GetApiKey, KeyDetail, UpdateApiKey};
use crate::features::copy_as::CopyAs;
use crate::features::credentials::{Credentials, load_credentials};
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::ActionLink;
use crate::features::{scope, status};
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::banner::Banner;
use crate::ui::button::{Button, ButtonTone};
use crate::ui::clock::{Ago, absolute};
use crate::ui::copy::CopyLine;
use crate::ui::field::{Field, INPUT};
use crate::ui::panel::Panel;

/// The key's page; its dialogs are states of the URL.
#[component]
pub fn ApiKeyPage() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let id = Memo::new(move |_| params.read().get("key").unwrap_or_default());
    // Each way back from a dialog or a form is another visit, and the key may be another.
    let visit = Memo::new(move |_| {
        let query = query.read();
        ["do", "revoke", "done"].map(|name| query.get(name).unwrap_or_default()).join(" ")
    });
    let settled = Memo::new(move |last: Option<&u32>| {
        let open = visit.with(|visit| !visit.trim().is_empty());
        last.map_or(0, |n| n + u32::from(!open || query.read().get("done").is_some()))
    });
    let key = Memo::new(move |_| format!("{} {}", id.get(), settled.get()));
    let body = load(key, |key| GetApiKey { id: key.split(' ').next().unwrap_or_default().to_owned() })
        .show(|detail| view! { <Body detail=detail /> }.into_any());
    let credentials = move || {
        let here = paths::api_key(&id.get());
        load_credentials(format!("key/{}", id.get()), move || settled.get())
            .show(move |page| view! { <Credentials page=page here=here.clone() by_key=false /> }.into_any())
    };
    view! {
        {body}
        <Panel title="Issued credentials">{credentials}</Panel>
    }
    .into_any()
}

#[component]
fn Body(detail: KeyDetail) -> impl IntoView {
    let (key, namespaces, report, own) = detail;
    let query = use_query_map();
    let asked = Memo::new(move |_| query.read().get("do"));
    let (for_dialog, close) = (key.clone(), paths::api_key(&key.id));
    let opens = scope::in_words(&key, &namespaces);
    let alive = key.status != KeyStatus::Revoked;
    view! {
        <Head key=key.clone() opens=opens own=own />
        <Notes key=key.clone() />
        <div class="grid items-start gap-4 lg:grid-cols-2">
            <Report report=report />
            {alive
                .then(|| match own {
                    true => view! { <Edit key=key namespaces=namespaces /> }.into_any(),
                    false => view! { <NotYours /> }.into_any(),
                })}
        </div>
        {move || {
            asked.get().map(|which| view! { <KeyDialog key=for_dialog.clone() which=which close=close.clone() /> })
        }}
    }
}

#[component]
fn Head(key: ApiKeyView, opens: String, own: bool) -> impl IntoView {
    let (tone, word) = status::api_key(key.status);
    let rest = paths::rest(&["api-keys", &key.id]);
    let dialog = |which: &str| paths::api_key_dialog(&key.id, which);
    let (rotate, switch, revoke) = (dialog("rotate"), dialog("switch"), dialog("revoke"));
    let switch_word = if key.status == KeyStatus::Disabled { "Enable" } else { "Disable" };
    let alive = key.status != KeyStatus::Revoked;
    let actions = move || {
        let (rotate, switch, revoke) = (rotate.clone(), switch.clone(), revoke.clone());
        alive.then(|| {
            view! {
                {own
                    .then(|| {
                        view! {
                            <ActionLink href=rotate permission=Permission::OwnKeys tone=ButtonTone::Primary>
                                "Rotate"
                            </ActionLink>
                        }
                    })}
                <ActionLink href=switch permission=Permission::OwnKeys>
                    {switch_word}
                </ActionLink>
                <ActionLink href=revoke permission=Permission::OwnKeys tone=ButtonTone::Danger>
                    "Revoke"
                </ActionLink>
            }
        })
    };
    let used = key.last_used_at.map(|at| {
        let from = key.last_used_ip.map(|ip| format!(" from {ip}"));
        view! { <span>"used " <Ago at=at /> {from}</span> }
    });
    view! {
        <PageHead
            title=key.name
            trail=vec![(paths::api_keys(), "API keys".to_owned())]
            badge=move || view! { <Badge tone=tone label=word /> }
            actions=actions
        >
            <CopyLine text=key.prefix label="prefix" />
            <CopyAs rest=rest />
            <span>{opens}</span>
            <span>"ends " <Ends at=key.expires_at soon=key.expires_soon /></span>
            {used}
            <span>"secret " {key.generation} ", made " <Ago at=key.created_at /></span>
        </PageHead>
    }
}

/// What a person should know now.
#[component]
fn Notes(key: ApiKeyView) -> impl IntoView {
    let overlap = key.overlap_ends_at.map(|end| {
        let title = format!("Two secrets work until {}", absolute(&end));
        view! { <Banner tone=Tone::Wait title=title>"Then the old one ends, and its tokens with it."</Banner> }
    });
    let soon = key.expires_soon.then(|| {
        let title = format!("Ends {}", key.expires_at.as_deref().map(absolute).unwrap_or_default());
        view! { <Banner tone=Tone::Wait title=title>"Choose a later last day, or make another key in time."</Banner> }
    });
    let pending = (key.cluster == ClusterState::RemovalPending).then(|| {
        view! {
            <Banner tone=Tone::Wait title="The cluster has not let go of everything yet">
                "New tokens are refused already. Issued ones may work until the cluster answers; this is tried again by itself."
            </Banner>
        }
    });
    view! { {soon} {overlap} {pending} }
}

/// What the key opens now, right by right and namespace by namespace.
#[component]
fn Report(report: KeyReport) -> impl IntoView {
    let line = |name: AnyView, allowed: bool, words: String| {
        let (tone, word) = if allowed { (Tone::Ok, "Yes") } else { (Tone::Ended, "No") };
        view! {
            <li class="flex flex-wrap items-baseline justify-between gap-x-3 gap-y-1 border-b border-line px-4 py-2 last:border-0">
                <span class="min-w-0 wrap-anywhere">{name}</span>
                <span class="flex items-baseline gap-2 text-sm text-muted">
                    {words} <Badge tone=tone label=word />
                </span>
            </li>
        }
    };
    let rights = report.rights.into_iter().map(|right| {
        let name = match right.right.as_str() {
            "kubernetes_exec" => "kubectl",
            "inference" => "Inference",
            _ => "This console",
        };
        line(name.into_any(), right.allowed, right.reason.unwrap_or_default())
    });
    let rights = rights.collect_view();
    let namespace = move |found: NamespaceReport| {
        let words = match (&found.reason, found.access) {
            (Some(reason), _) => reason.clone(),
            (None, Some(Access::Edit)) => "daily work".to_owned(),
            (None, _) => String::new(),
        };
        let name = match found.name {
            Some(name) => view! { <a href=paths::access(&found.id) class="link">{name}</a> }.into_any(),
            None => view! { <code class="font-mono text-sm text-faint">{found.id}</code> }.into_any(),
        };
        line(name, found.allowed, words)
    };
    let dead = report.reason.map(|reason| view! { <p class="border-b border-line px-4 py-2 text-fail">{reason}</p> });
    view! {
        <Panel title="What this key can do">
            {dead}
            <ul data-testid="report">{rights} {report.namespaces.into_iter().map(namespace).collect_view()}</ul>
        </Panel>
    }
}

#[component]
fn Edit(key: ApiKeyView, namespaces: Vec<NamespaceView>) -> impl IntoView {
    let sending = Sending::to::<UpdateApiKey>();
    let elsewhere = sending.elsewhere(&["name", "scopes", "expires_at"]);
    let (card, ticked) = match Scope::parse(&key.scopes) {
        Ok(Scope::All) => ("all", Vec::new()),
        Ok(Scope::Inference) => ("inference", Vec::new()),
        Ok(Scope::AllNamespaces) => ("all_namespaces", Vec::new()),
        Ok(Scope::Namespaces(ids)) => ("namespaces", ids.iter().map(ToString::to_string).collect()),
        Err(_) => ("", Vec::new()),
    };
    let scope = RwSignal::new(card.to_owned());
    let end = key.expires_at.clone().unwrap_or_default();
    let day = end.get(0..10).unwrap_or_default().to_owned();
    view! {
        <Panel title="Change">
            <PostForm sending=sending>
                <div class="grid gap-4 p-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="id" value=key.id />
                    <input type="hidden" name="form[expires_at]" value=end />
                    <KeyName error=sending.field("name") value=key.name />
                    <ScopeCards scope=scope error=sending.field("scopes") namespaces=namespaces ticked=ticked />
                    <Rights view_only=key.access == Access::View />
                    <Field id="expires" label="Last day (optional)" error=sending.field("expires_at") hint="Ends with that day, UTC. Empty: never.">
                        <input id="expires" name="form[expires_on]" type="date" class=INPUT value=day aria-describedby="expires-note" />
                    </Field>
                    <p class="text-sm text-muted">"What the key loses ends at once, for tokens that were issued too."</p>
                    <div>
                        <Button tone=ButtonTone::Primary blocked=sending.blocked("Saving")>
                            "Save"
                        </Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}

#[component]
fn NotYours() -> impl IntoView {
    view! {
        <Panel title="Change">
            <p class="p-4 text-muted">
                "Only its owner can change this key or give it a new secret. You can disable and revoke it."
            </p>
        </Panel>
    }
}
