//! SkyPilot access of a namespace: choose, take the files or have it applied, verify, hand out kubeconfigs.

use std::sync::Arc;

use domain::namespace::{NamespaceStatus, NamespaceView};
use domain::page::Page;
use domain::permission::Permission;
use domain::skypilot::{
    FeatureState, SkypilotChoice, SkypilotFiles, SkypilotKubeconfigView, SkypilotState, SkypilotView,
};
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};

use super::choice::ChoiceForm;
use super::kubeconfigs::{IssueForm, Kubeconfigs};
use super::verification::Checks;
use crate::api::skypilot::{ApplySkypilot, GetSkypilot, RemoveSkypilot};
use crate::features::form_dialog::FormDialog;
use crate::features::load::load;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::{ActionLink, blocked};
use crate::pages::kubernetes::namespace::detail::InNamespace;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::banner::Banner;
use crate::ui::button::{Button, ButtonLink, ButtonTone};
use crate::ui::code::CodeBlock;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::panel::Panel;

/// The tab *SkyPilot*.
#[component]
pub fn SkypilotPage() -> impl IntoView {
    let page = |namespace: NamespaceView| match namespace.status {
        NamespaceStatus::Active => view! { <Content namespace=namespace /> }.into_any(),
        _ => view! { <p class="text-muted">"There is SkyPilot access once the namespace is active."</p> }.into_any(),
    };
    view! { <InNamespace page=Arc::new(page) /> }.into_any()
}

/// The choice, the dialog and the table of verification are states of the URL.
#[component]
fn Content(namespace: NamespaceView) -> impl IntoView {
    let (search, query) = (use_location().search, use_query_map());
    let id = namespace.id.clone();
    let key = {
        let id = id.clone();
        // Opening the dialog loads nothing anew: an answer that came late would take away what was typed into it.
        Memo::new(move |_| {
            let search = search.get();
            let pairs = search.trim_start_matches('?').split('&').filter(|pair| !pair.starts_with("remove="));
            format!("{id} {}", pairs.collect::<Vec<_>>().join("&"))
        })
    };
    let loaded = load(key, |key| {
        let (namespace, query) = key.split_once(' ').unwrap_or_default();
        GetSkypilot { namespace: namespace.to_owned(), query: query.to_owned() }
    });
    let body = loaded.show(|(access, choice, files, issued)| {
        view! { <Body access=access choice=choice files=files issued=issued /> }.into_any()
    });
    let verify = Memo::new(move |_| query.read().get("verify").is_some());
    let (for_checks, for_link) = (id.clone(), id.clone());
    let checks = move || match verify.get() {
        true => view! { <Checks namespace=for_checks.clone() /> }.into_any(),
        false => {
            let href = paths::with_query(&paths::skypilot(&for_link), &[("verify", "1")]);
            view! {
                <Panel title="Verify">
                    <div class="flex flex-wrap items-center justify-between gap-3 p-4">
                        <p class="max-w-prose text-muted">
                            "Asks the API server about every right that SkyPilot needs, for the ServiceAccount and for a key of this namespace."
                        </p>
                        <ButtonLink href=href>"Verify"</ButtonLink>
                    </div>
                </Panel>
            }
            .into_any()
        }
    };
    view! {
        {body}
        <IssueForm namespace=id loaded=loaded />
        {checks}
        <Ways />
    }
}

#[component]
fn Body(
    access: SkypilotView,
    choice: SkypilotChoice,
    files: Result<SkypilotFiles, Vec<String>>,
    issued: Page<SkypilotKubeconfigView>,
) -> impl IntoView {
    let query = use_query_map();
    let removing = Memo::new(move |_| query.read().get("remove").is_some());
    let id = access.namespace_id.clone();
    let dialog = {
        let access = access.clone();
        move || removing.get().then(|| view! { <RemoveDialog access=access.clone() /> })
    };
    let files = match files {
        Ok(files) => view! { <Files files=files namespace=id.clone() query=choice.to_query() /> }.into_any(),
        Err(wrong) => view! {
            <Banner tone=Tone::Fail title="There are no files for this choice">{wrong.join("; ")}</Banner>
        }
        .into_any(),
    };
    view! {
        <State access=access.clone() />
        <div class="grid items-start gap-4 lg:grid-cols-2">
            <ChoiceForm access=access.clone() choice=choice.clone() />
            <div class="grid min-w-0 gap-4">
                <Apply namespace=id.clone() choice=choice />
                {files}
            </div>
        </div>
        <Kubeconfigs namespace=id issued=issued />
        {dialog}
    }
}

/// What stands now, in words.
#[component]
fn State(access: SkypilotView) -> impl IntoView {
    let (tone, word) = match access.state {
        SkypilotState::Off => (Tone::Ended, "Off"),
        SkypilotState::Applying => (Tone::Wait, "Being applied"),
        SkypilotState::Applied => (Tone::Ok, "Applied"),
    };
    let waiting: Vec<&str> = access
        .features
        .iter()
        .filter(|feature| feature.state == FeatureState::Waiting)
        .map(|feature| feature.feature.words())
        .collect();
    let remove = paths::with_query(&paths::skypilot(&access.namespace_id), &[("remove", "access")]);
    let remove = (access.state != SkypilotState::Off).then(|| {
        view! {
            <ActionLink href=remove permission=Permission::Deploy tone=ButtonTone::Danger>
                "Remove access"
            </ActionLink>
        }
    });
    view! {
        <div class="flex flex-wrap items-center justify-between gap-3">
            <p class="flex flex-wrap items-center gap-2">
                <Badge tone=tone label=word />
                <span class="text-muted">"ServiceAccount " <code class="font-mono text-sm text-ink">{access.service_account}</code></span>
            </p>
            {remove}
        </div>
        {(!waiting.is_empty())
            .then(|| {
                view! {
                    <Banner tone=Tone::Wait title="Waits for an operator">
                        {format!("These reach beyond the namespace: {}.", waiting.join("; "))}
                    </Banner>
                }
            })}
    }
}

/// What was chosen, applied by the console instead of `kubectl apply`.
#[component]
fn Apply(namespace: String, choice: SkypilotChoice) -> impl IntoView {
    let sending = Sending::to::<ApplySkypilot>();
    let (refusal, why) = (sending.refusal(), blocked(sending, "Applying", Permission::Deploy));
    let features = choice.features.iter().map(|feature| feature.as_str()).collect::<Vec<_>>().join(",");
    let account = choice.names.service_account;
    view! {
        <Panel title="Apply for me">
            <PostForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <p class="text-muted">
                        "Makes the ServiceAccount and binds the least rights for what is ticked, to it and to the keys that reach this namespace. Pods may then run as it, with its token: whoever creates pods here has its rights."
                    </p>
                    <input type="hidden" name="namespace" value=namespace />
                    <input type="hidden" name="service_account" value=account.clone() />
                    <input type="hidden" name="features" value=features />
                    <div>
                        <Button tone=ButtonTone::Primary blocked=why>
                            {format!("Apply {account}")}
                        </Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}

/// The files to read, copy and download, and the commands that use them.
#[component]
fn Files(files: SkypilotFiles, namespace: String, query: String) -> impl IntoView {
    let manifest = paths::skypilot_file(&namespace, "manifest", &query);
    let config = paths::skypilot_file(&namespace, "config", &query);
    let commands = format!("{}\nsky check kubernetes\nsky gpus list --infra kubernetes\n", files.apply_command);
    view! {
        <div class="flex flex-wrap gap-2">
            <ButtonLink href=manifest download=true>
                <Glyph icon=Icon::Download />
                "create-sky-sa.yaml"
            </ButtonLink>
            <ButtonLink href=config download=true>
                <Glyph icon=Icon::Download />
                "config.yaml"
            </ButtonLink>
            <ButtonLink href=paths::access(&namespace)>"Your kubeconfig"</ButtonLink>
        </div>
        <CodeBlock code=files.manifest label="create-sky-sa.yaml" />
        <CodeBlock code=files.config label="~/.sky/config.yaml" />
        <CodeBlock code=commands label="Commands" />
    }
}

/// SkyPilot's three ways to sign in from inside the cluster, one sentence each (RULINGS 18).
#[component]
fn Ways() -> impl IntoView {
    view! {
        <Panel title="How SkyPilot signs in from inside the cluster">
            <ul class="grid max-w-prose list-disc gap-2 py-4 pr-4 pl-8 text-muted">
                <li>
                    <strong class="font-medium text-ink">"A ServiceAccount of yours"</strong>
                    " (remote_identity: its name) works: it is what this page makes and what config.yaml names."
                </li>
                <li>
                    <strong class="font-medium text-ink">"One that SkyPilot makes itself"</strong>
                    " (the default) does not: it would have to create roles with every right, which nobody here can give."
                </li>
                <li>
                    <strong class="font-medium text-ink">"Your local kubeconfig"</strong>
                    " (LOCAL_CREDENTIALS) takes a kubeconfig issued on this page, which holds a token; that of the Access page runs a program and reads REMOTEGPU_API_KEY, and neither travels into a pod."
                </li>
            </ul>
        </Panel>
    }
}

/// Names what goes; the account's name must be typed.
#[component]
fn RemoveDialog(access: SkypilotView) -> impl IntoView {
    let sending = Sending::to::<RemoveSkypilot>();
    let (account, close) = (access.service_account, paths::skypilot(&access.namespace_id));
    view! {
        <FormDialog
            title="Remove SkyPilot access"
            sending=sending
            confirm=account
            close=close
            button="Remove SkyPilot access"
            busy="Removing"
        >
            <p>
                "The ServiceAccount, its rights and every kubeconfig of it go. SkyPilot's pods that run go on without rights of their own."
            </p>
            <input type="hidden" name="namespace" value=access.namespace_id />
        </FormDialog>
    }
}
