//! One workload: its state in a sentence, its pods turning live, its events, its logs, its price. A pod that something
//! else made has the same page, with its containers.

use domain::namespace::NamespaceView;
use domain::workload::{EventView, Owner, WorkloadDetail, WorkloadKind, WorkloadView};
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::actions::{Actions, Commands};
use super::containers::Containers;
use super::cost::{Cost, RunningFor};
use super::dialogs::Dialogs;
use super::events::Events;
use super::log::LogPanel;
use super::manifest::ManifestTab;
use super::metrics::{IdleNotice, MetricsTab};
use super::pods::Pods;
use super::schedule::ScheduleTab;
use super::terminal::TerminalTab;
use crate::api::workload::GetWorkload;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::live::{LiveDot, use_live};
use crate::features::load::load;
use crate::features::status;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::banner::Banner;
use crate::ui::clock::Ago;
use crate::ui::copy::CopyLine;
use crate::ui::tabs::{Tab, Tabs};

/// The page of one workload.
#[component]
pub fn WorkloadPage() -> impl IntoView {
    let params = use_params_map();
    let key = Memo::new(move |_| {
        let param = |key| params.read().get(key).unwrap_or_default();
        format!("{}/{}/{}", param("namespace"), param("kind"), param("name"))
    });
    load(key, |key| {
        let mut parts = key.splitn(3, '/').map(str::to_owned);
        let mut part = || parts.next().unwrap_or_default();
        GetWorkload { namespace: part(), kind: part(), name: part() }
    })
    .show(|(namespace, detail)| view! { <Body namespace=namespace loaded=detail /> }.into_any())
}

/// What every part of the page is given.
#[derive(Clone)]
pub struct Shown {
    /// The namespace it is in.
    pub namespace: NamespaceView,
    /// What it is.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// As last seen.
    pub now: Memo<WorkloadView>,
}

// === impl Shown ===

impl Shown {
    /// Its page.
    pub fn page(&self) -> String {
        paths::workload(&self.namespace.id, self.kind, &self.name)
    }

    /// Its page with a dialog.
    pub fn dialog(&self, dialog: &str) -> String {
        paths::workload_dialog(&self.namespace.id, self.kind, &self.name, dialog)
    }

    /// One of its tabs.
    pub fn tab(&self, tab: &str) -> String {
        paths::workload_tab(&self.namespace.id, self.kind, &self.name, tab)
    }
}

#[component]
fn Body(namespace: NamespaceView, loaded: WorkloadDetail) -> impl IntoView {
    let (kind, name) = (loaded.workload.kind, loaded.workload.name.clone());
    let url = paths::live_workload(&namespace.id, kind, &name);
    let (live, link) = use_live::<Option<WorkloadDetail>>(Signal::stored(url));
    // What was last seen stays on the page when the workload is gone.
    let seen = Memo::new(move |last: Option<&WorkloadDetail>| match live.get() {
        Some(Some(fresh)) => fresh,
        _ => last.cloned().unwrap_or_else(|| loaded.clone()),
    });
    let now = Memo::new(move |_| seen.with(|seen| seen.workload.clone()));
    let events = Memo::new(move |_| seen.with(|seen| seen.events.clone()));
    let gone = Memo::new(move |_| live.get() == Some(None));
    let stale = Signal::derive(move || seen.with(|seen| seen.stale_since.clone()));
    let shown = Shown { namespace, kind, name, now };
    let params = use_params_map();
    let tab = Memo::new(move |_| params.read().get("tab").unwrap_or_default());
    let stored = StoredValue::new(shown.clone());
    let part = move || shown_in(&tab.get(), stored.get_value(), gone, events);
    let dialog_of = use_query_map();
    let dialog = move || {
        let asked = dialog_of.read().get("do");
        asked.map(|dialog| view! { <Dialogs shown=stored.get_value() dialog=dialog /> })
    };
    view! {
        <Head shown=shown.clone() gone=gone dot=move || view! { <LiveDot link=link stale=stale /> } />
        {move || gone.get().then(|| view! { <Gone shown=stored.get_value() /> })}
        {part}
        {dialog}
    }
}

/// The part of the page that `tab` names.
fn shown_in(tab: &str, shown: Shown, gone: Memo<bool>, events: Memo<Vec<EventView>>) -> AnyView {
    let now = shown.now;
    match tab {
        "logs" if !shown.is_schedule() => view! { <LogPanel shown=shown /> }.into_any(),
        "terminal" if !shown.is_schedule() => view! { <TerminalTab shown=shown /> }.into_any(),
        "metrics" if !shown.is_schedule() => view! { <MetricsTab shown=shown /> }.into_any(),
        "yaml" => view! { <ManifestTab shown=shown /> }.into_any(),
        _ if shown.is_schedule() => view! {
            <ScheduleTab shown=shown />
            <Events events=events />
        }
        .into_any(),
        _ => view! {
            <IdleNotice shown=shown.clone() />
            <Cost shown=now gone=gone />
            {if shown.kind == WorkloadKind::Pod {
                view! { <Containers shown=now /> }.into_any()
            } else {
                view! { <Pods shown=shown.clone() /> }.into_any()
            }}
            <Events events=events />
            <Commands shown=shown />
        }
        .into_any(),
    }
}

#[component]
fn Head(shown: Shown, gone: Memo<bool>, #[prop(into)] dot: ViewFn) -> impl IntoView {
    let now = shown.now;
    let tone = Signal::derive(move || now.with(status::workload).0);
    let word = Signal::derive(move || now.with(status::workload).1.to_owned());
    let for_actions = shown.clone();
    let namespace = &shown.namespace;
    let kind = shown.kind.as_str();
    let rest = paths::rest(&["kubernetes", "namespaces", &namespace.id, "workloads", kind, &shown.name]);
    let kubectl = format!("kubectl describe {kind} {} -n {}", shown.name, namespace.kubernetes_name);
    let trail =
        vec![(paths::namespaces(), "Kubernetes".to_owned()), (paths::workloads(&namespace.id), namespace.name.clone())];
    let owners = now.with_untracked(|w| w.owners.clone());
    let chain = (!owners.is_empty()).then(|| view! { <Chain namespace_id=namespace.id.clone() owners=owners /> });
    view! {
        <div class="grid gap-4 border-b border-line">
            <PageHead
                title=shown.name.clone()
                trail=trail
                part=part_of
                badge=move || view! { <Badge tone=tone label=word /> {dot.run()} }
                actions=move || view! { <Actions shown=for_actions.clone() /> }
            >
                <p class="w-full text-ink">
                    <span data-testid="reason">{move || now.with(|w| w.reason.clone())}</span>
                    <RunningFor shown=now gone=gone />
                </p>
                <span class="text-sm">{shown.kind.word()}</span>
                {chain}
                <CopyLine text=Signal::derive(move || now.with(|w| w.image.clone())) label="image" />
                <a href=paths::catalogue() class="font-mono text-sm hover:underline">
                    {move || now.with(|w| w.sku_code.clone())}
                </a>
                <span class="text-sm">
                    "created " <Ago at=Signal::derive(move || now.with(|w| w.created_at.clone())) />
                </span>
                <CopyAs rest=rest kubectl=kubectl />
            </PageHead>
            <Tabs label="Workload">
                <Tab href=shown.page() label="Overview" exact=true />
                {(!shown.is_schedule()).then(|| view! {
                    <Tab href=shown.tab("logs") label="Logs" />
                    <Tab href=shown.tab("terminal") label="Terminal" />
                    <Tab href=shown.tab("metrics") label="Metrics" />
                })}
                <Tab href=shown.tab("yaml") label="YAML" />
            </Tabs>
        </div>
    }
}

/// What the tab at `path` is called; nothing for the first one, which is the workload itself.
fn part_of(path: &str) -> &'static str {
    match path.split('/').nth(6) {
        Some("logs") => "Logs",
        Some("terminal") => "Terminal",
        Some("metrics") => "Metrics",
        Some("yaml") => "YAML",
        _ => "",
    }
}

/// Who made it: each a link where it has a page.
#[component]
fn Chain(namespace_id: String, owners: Vec<Owner>) -> impl IntoView {
    let owner = move |owner: Owner| {
        let kind = WorkloadKind::ALL.into_iter().find(|kind| kind.word() == owner.kind);
        let words = format!("{} {}", owner.kind, owner.name);
        match kind {
            Some(kind) => {
                let href = paths::workload(&namespace_id, kind, &owner.name);
                view! { <a href=href class="link">{words}</a> }.into_any()
            }
            None => view! { <span>{words}</span> }.into_any(),
        }
    };
    let parted = owners.into_iter().enumerate().map(|(i, one)| {
        let arrow = (i > 0).then_some(" of ");
        view! { {arrow} {owner(one)} }
    });
    view! { <span class="text-sm" data-testid="owners">"made by " {parted.collect_view()}</span> }
}

#[component]
fn Gone(shown: Shown) -> impl IntoView {
    view! {
        <Banner tone=Tone::Ended title=format!("This {} is gone", shown.kind.word())>
            <a href=paths::workloads(&shown.namespace.id) class="link">
                "Back to the workloads"
            </a>
        </Banner>
    }
}
