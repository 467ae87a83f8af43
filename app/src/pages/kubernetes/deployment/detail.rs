//! One deployment: its state in a sentence, its pods turning live, its log, its price.

use domain::deployment::DeploymentView;
use domain::namespace::NamespaceView;
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::log::LogPanel;
use super::pods::Pods;
use crate::api::deployment::{DeleteDeployment, GetDeployment};
use crate::features::cost::Cost;
use crate::features::head::PageHead;
use crate::features::live::{LiveDot, use_live};
use crate::features::load::load;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::status;
use crate::features::words::count;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::banner::Banner;
use crate::ui::button::{Button, ButtonLink, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::copy::CopyLine;
use crate::ui::dialog::Dialog;

/// The page of one deployment.
#[component]
pub fn DeploymentPage() -> impl IntoView {
    let params = use_params_map();
    let key = Memo::new(move |_| {
        let param = |key| params.read().get(key).unwrap_or_default();
        format!("{}/{}", param("namespace"), param("name"))
    });
    load(key, |key| {
        let (namespace, name) = key.split_once('/').unwrap_or_default();
        GetDeployment { namespace: namespace.to_owned(), name: name.to_owned() }
    })
    .show(|(namespace, deployment)| view! { <Body namespace=namespace loaded=deployment /> }.into_any())
}

#[component]
fn Body(namespace: NamespaceView, loaded: DeploymentView) -> impl IntoView {
    let name = loaded.name.clone();
    let url = paths::live_deployment(&namespace.id, &name);
    let (live, link) = use_live::<Option<DeploymentView>>(Signal::stored(url));
    // What was last seen stays on the page when the deployment is gone.
    let shown = Memo::new(move |last: Option<&DeploymentView>| match live.get() {
        Some(Some(fresh)) => fresh,
        _ => last.cloned().unwrap_or_else(|| loaded.clone()),
    });
    let gone = Memo::new(move |_| live.get() == Some(None));
    let query = use_query_map();
    let deleting = move || query.read().get("delete").is_some();
    let (gone_namespace, dialog_namespace) = (namespace.id.clone(), namespace.id.clone());
    view! {
        <Head namespace=namespace.clone() shown=shown dot=move || view! { <LiveDot link=link /> } />
        {move || gone.get().then(|| view! { <Gone namespace_id=gone_namespace.clone() /> })}
        <Cost shown=shown gone=gone />
        <Pods shown=shown />
        <LogPanel namespace=namespace shown=shown />
        {move || deleting().then(|| view! { <DeleteDialog namespace_id=dialog_namespace.clone() shown=shown /> })}
    }
}

#[component]
fn Head(namespace: NamespaceView, shown: Memo<DeploymentView>, #[prop(into)] dot: ViewFn) -> impl IntoView {
    let name = shown.with_untracked(|d| d.name.clone());
    let tone = Signal::derive(move || shown.with(status::deployment).0);
    let word = Signal::derive(move || shown.with(status::deployment).1.to_owned());
    let delete = paths::with_query(&paths::deployment(&namespace.id, &name), &[("delete", "deployment")]);
    let trail =
        vec![(paths::namespaces(), "Kubernetes".to_owned()), (paths::workloads(&namespace.id), namespace.name.clone())];
    view! {
        <PageHead
            title=name
            trail=trail
            badge=move || view! { <Badge tone=tone label=word /> {dot.run()} }
            actions=move || view! { <ButtonLink href=delete.clone() tone=ButtonTone::Danger>"Delete"</ButtonLink> }
        >
            <p class="w-full text-ink" data-testid="reason">
                {move || shown.with(|d| d.reason.clone())}
            </p>
            <CopyLine text=Signal::derive(move || shown.with(|d| d.image.clone())) label="image" />
            <a href=paths::catalogue() class="font-mono text-sm hover:underline">
                {move || shown.with(|d| d.sku_code.clone())}
            </a>
            <span class="text-sm">
                "created " <Ago at=Signal::derive(move || shown.with(|d| d.created_at.clone())) />
            </span>
        </PageHead>
    }
}

#[component]
fn Gone(namespace_id: String) -> impl IntoView {
    view! {
        <Banner tone=Tone::Ended title="This deployment is gone">
            <a href=paths::workloads(&namespace_id) class="link">
                "Back to the workloads"
            </a>
        </Banner>
    }
}

/// Names the thing and what ends with it.
#[component]
fn DeleteDialog(namespace_id: String, shown: Memo<DeploymentView>) -> impl IntoView {
    let sending = Sending::to::<DeleteDeployment>();
    let refusal = sending.refusal();
    let name = shown.with_untracked(|d| d.name.clone());
    let close = paths::deployment(&namespace_id, &name);
    view! {
        <Dialog title=format!("Delete {name}") close=close.clone()>
            <PostForm sending=sending>
                <div class="grid gap-4">
                    {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <p>{move || shown.with(consequence)}</p>
                    <input type="hidden" name="namespace" value=namespace_id />
                    <input type="hidden" name="name" value=name />
                    <div class="flex justify-end gap-2">
                        <ButtonLink href=close>"Cancel"</ButtonLink>
                        <Button tone=ButtonTone::Danger blocked=sending.blocked("Deleting")>
                            "Delete deployment"
                        </Button>
                    </div>
                </div>
            </PostForm>
        </Dialog>
    }
}

/// `3 pods stop now; €6.58/h ends.`
fn consequence(deployment: &DeploymentView) -> String {
    let pods = match deployment.pods.len() as u32 {
        0 => "No pod runs".to_owned(),
        1 => "1 pod stops now".to_owned(),
        n => format!("{} stop now", count(n, "pod")),
    };
    match &deployment.price_per_hour {
        Some(price) => format!("{pods}; {} ends.", crate::ui::money::per_hour(price)),
        None => format!("{pods}."),
    }
}
