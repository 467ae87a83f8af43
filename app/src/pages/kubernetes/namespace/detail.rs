//! The frame of one namespace: its head and its tabs, each a route.

use std::sync::Arc;

use domain::namespace::{NamespaceStatus, NamespaceView};
use domain::permission::Permission;
use leptos::prelude::*;
use leptos_router::components::Outlet;
use leptos_router::hooks::{use_location, use_params_map};

use crate::api::namespace::GetNamespace;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::live::use_live;
use crate::features::load::{Loaded, load};
use crate::features::notice::{Notice, times_of};
use crate::features::right::ActionLink;
use crate::features::words::count;
use crate::features::{quota, status};
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::banner::Banner;
use crate::ui::button::ButtonTone;
use crate::ui::copy::CopyLine;
use crate::ui::money::sums_per_hour;
use crate::ui::tabs::{Tab, Tabs};

/// The namespace of the present route, for the pages inside the frame.
#[derive(Clone, Copy)]
pub struct CurrentNamespace {
    /// As loaded; loaded again when its state changes.
    pub loaded: Loaded<NamespaceView>,
}

/// Draws the page of a tab.
pub type DrawTab = Arc<dyn Fn(NamespaceView) -> AnyView + Send + Sync>;

/// Head and tabs around the page of a tab.
#[component]
pub fn NamespaceFrame() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("namespace").unwrap_or_default());
    let loaded = load(id, |id| GetNamespace { id });
    provide_context(CurrentNamespace { loaded });
    let head = loaded.show(move |namespace| view! { <Head namespace=namespace loaded=loaded /> }.into_any());
    view! {
        {head}
        <Outlet />
    }
    .into_any()
}

/// Runs `page` with the namespace of this route; shows nothing when there is none, the frame says why.
#[component]
pub fn InNamespace(page: DrawTab) -> impl IntoView {
    let current = use_context::<CurrentNamespace>();
    current.map(|current| current.loaded.show_or(move |namespace| page(namespace), |_| ().into_any()))
}

/// Loads the namespace again after each such notice, where what was saved stands in what is loaded.
pub fn read_again_after(notice: Notice) {
    let (times, current) = (times_of(notice), use_context::<CurrentNamespace>());
    Effect::new(move || {
        if times.get() > 0 {
            current.inspect(|current| current.loaded.refetch());
        }
    });
}

/// What runs in it costs; nothing where nothing does, and for who may not see it.
fn rate_of(namespace: &NamespaceView) -> impl IntoView + use<> {
    let prices = namespace.price_per_hour.as_ref().filter(|prices| !prices.is_empty());
    let title = "What ran in it cost so much an hour when this page was opened";
    prices.map(|prices| view! { <span title=title>{sums_per_hour(prices)}</span> })
}

#[component]
fn Head(namespace: NamespaceView, loaded: Loaded<NamespaceView>) -> impl IntoView {
    let id = namespace.id.clone();
    follow_changes(&namespace, loaded);
    let rate = rate_of(&namespace);
    let (tone, word) = status::namespace(namespace.status);
    let deploy = paths::deploy(&id);
    let message = namespace.status_message.clone();
    let label = namespace.own_label().map(str::to_owned);
    let rest = paths::rest(&["kubernetes", "namespaces", &id]);
    let kubectl = format!("kubectl get all -n {}", namespace.kubernetes_name);
    view! {
        <div class="grid gap-4 border-b border-line">
            <PageHead
                title=namespace.name
                part=part_of
                trail=vec![(paths::namespaces(), "Kubernetes".to_owned())]
                badge=move || view! { <Badge tone=tone label=word /> }
                actions=move || view! { <DeployLink href=deploy.clone() /> }
            >
                {label.map(|label| view! { <span class="wrap-anywhere" title="Its label in the tenant API">{label}</span> })}
                <span class="inline-flex items-center gap-1.5" title="The name in the cluster: use it with kubectl">
                    <CopyLine text=namespace.kubernetes_name label="Kubernetes name" />
                </span>
                {namespace
                    .tenant
                    .map(|tenant| {
                        view! {
                            <span class="inline-flex items-center gap-1.5" title="Its id in the tenant API">
                                <CopyLine text=tenant label="tenant id" />
                            </span>
                        }
                    })}
                <span>{count(namespace.deployments, "deployment")}</span>
                <span>{format!("{} GPUs", quota::gpus(&namespace.quota))}</span>
                {rate}
                <CopyAs rest=rest kubectl=kubectl />
            </PageHead>
            {message.map(|why| view! { <Banner tone=Tone::Fail title="This namespace could not be set up">{why}</Banner> })}
            <Tabs label="Namespace">
                <Tab href=paths::workloads(&id) label="Workloads" />
                <Tab href=paths::deploy(&id) label="Deploy" />
                <Tab href=paths::access(&id) label="Access" />
                <Tab href=paths::skypilot(&id) label="SkyPilot" />
                <Tab href=paths::network(&id) label="Network" />
                <Tab href=paths::config(&id) label="Config" />
                <Tab href=paths::namespace_quota(&id) label="Quota" />
                <Tab href=paths::namespace_settings(&id) label="Settings" />
            </Tabs>
        </div>
    }
}

/// What the tab at `path` is called; nothing for the first one, which is the namespace itself.
fn part_of(path: &str) -> &'static str {
    match path.split('/').nth(3) {
        Some("deploy") => "Deploy",
        Some("manifest") => "Paste a manifest",
        Some("access") => "Access",
        Some("skypilot") => "SkyPilot",
        Some("network") => "Network",
        Some("config") => "Config",
        Some("quota") => "Quota",
        Some("settings") => "Settings",
        _ => "",
    }
}

/// The primary action; on its own page there is nothing left for it to do.
#[component]
fn DeployLink(href: String) -> impl IntoView {
    let path = use_location().pathname;
    let here = href.clone();
    view! {
        <span class:hidden=move || path.get() == here>
            <ActionLink href=href permission=Permission::Deploy tone=ButtonTone::Primary>
                "Deploy"
            </ActionLink>
        </span>
    }
}

/// Loads all anew, for the tabs too, once the state is another; of a namespace that is gone the frame says so.
///
/// An active one changes only by what people do, and its tabs have streams of their own: browsers open six connections
/// to a host over HTTP/1.1, and a second stream on every page would halve how many pages may be open.
fn follow_changes(namespace: &NamespaceView, loaded: Loaded<NamespaceView>) {
    let status = namespace.status;
    let settled = status == NamespaceStatus::Active;
    let url = if settled { String::new() } else { paths::live_namespace(&namespace.id) };
    let (live, _) = use_live::<Option<NamespaceView>>(Signal::stored(url));
    let other = move |now: &Option<NamespaceView>| now.as_ref().is_none_or(|now| now.status != status);
    let changed = Memo::new(move |_| live.with(|live| live.as_ref().is_some_and(other)));
    Effect::new(move || {
        if changed.get() {
            loaded.refetch();
        }
    });
}
