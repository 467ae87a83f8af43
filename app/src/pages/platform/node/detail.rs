//! One virtual node: what it has and what is taken, what is wrong, its pods, closing and emptying it.

use domain::node::{NodeDetail, NodeResource, NodeStatus, NodeTrouble, NodeView};
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::list::{earned, gpus, tenths};
use super::pods::Pods;
use crate::api::node::{CordonNode, DrainNode, GetNode};
use crate::features::copy_as::CopyAs;
use crate::features::form_dialog::FormDialog;
use crate::features::head::PageHead;
use crate::features::live::{LiveDot, use_live};
use crate::features::load::load;
use crate::features::notice::times_done;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::status;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::banner::Banner;
use crate::ui::button::{Button, ButtonLink, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::copy::CopyLine;
use crate::ui::meter::Meter;
use crate::ui::panel::Panel;

/// The page; it loads anew when its query says that something was done.
#[component]
pub fn NodePage() -> impl IntoView {
    let (params, done) = (use_params_map(), times_done());
    let name = move || params.read().get("node").unwrap_or_default();
    let key = Memo::new(move |_| format!("{} {}", name(), done.get()));
    load(key, |key| GetNode { name: key.split_once(' ').unwrap_or_default().0.to_owned() })
        .show(|detail| view! { <Body loaded=detail /> }.into_any())
}

#[component]
fn Body(loaded: NodeDetail) -> impl IntoView {
    let name = loaded.node.name.clone();
    let (live, link) = use_live::<Option<NodeDetail>>(Signal::stored(paths::live_nodes(Some(&name))));
    // What was last seen stays on the page when the node is gone.
    let seen = Memo::new(move |last: Option<&NodeDetail>| match live.get() {
        Some(Some(fresh)) => fresh,
        _ => last.cloned().unwrap_or_else(|| loaded.clone()),
    });
    let gone = Memo::new(move |_| live.get() == Some(None));
    let now = Memo::new(move |_| seen.with(|seen| seen.node.clone()));
    let pods = Memo::new(move |_| seen.with(|seen| seen.pods.clone()));
    let query = use_query_map();
    let draining = Memo::new(move |_| query.read().get("do").is_some_and(|asked| asked == "drain"));
    let (for_dialog, for_head) = (name.clone(), name);
    view! {
        <Head name=for_head now=now dot=move || view! { <LiveDot link=link /> } />
        {move || gone.get().then(|| view! { <Banner tone=Tone::Ended title="This node is gone" /> })}
        <Troubles now=now />
        <Pods pods=pods />
        <div class="grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
            <Room now=now />
            <Facts now=now />
        </div>
        {move || draining.get().then(|| view! { <DrainDialog name=for_dialog.clone() now=now /> })}
    }
}

#[component]
fn Head(name: String, now: Memo<NodeView>, #[prop(into)] dot: ViewFn) -> impl IntoView {
    let tone = Signal::derive(move || now.with(status::node).0);
    let word = Signal::derive(move || now.with(status::node).1.to_owned());
    let for_actions = name.clone();
    let command = format!("kubectl describe node {name}");
    let rest = paths::rest(&["nodes", &name]);
    view! {
        <PageHead
            title=name
            trail=vec![(paths::nodes(), "Nodes".to_owned())]
            badge=move || view! { <Badge tone=tone label=word /> {dot.run()} }
            actions=move || view! { <Actions name=for_actions.clone() now=now /> }
        >
            <p>"engine " {move || now.with(|node| node.engine.clone())}</p>
            <p>{move || now.with(gpus)}</p>
            <p>"runs for " {move || now.with(earned)}</p>
            <p>
                "last contact "
                <Ago at=Signal::derive(move || now.with(|node| node.last_contact_at.clone().unwrap_or_default())) />
            </p>
            <CopyLine text=command label="command" />
            <CopyAs rest=rest />
        </PageHead>
    }
}

#[component]
fn Actions(name: String, now: Memo<NodeView>) -> impl IntoView {
    let sending = Sending::to::<CordonNode>();
    let refusal = sending.refusal();
    let closed = Memo::new(move |_| now.with(|node| node.cordoned || node.status == NodeStatus::Draining));
    // A drain that was ended is not begun again by one button.
    let before = Signal::derive(move || {
        now.with(|node| (node.status != NodeStatus::Draining).then(|| node.cordoned.to_string()))
    });
    let drain = paths::drain_node(&name);
    view! {
        {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
        <PostForm sending=sending before=("cordoned", before)>
            <input type="hidden" name="name" value=name />
            <input type="hidden" name="cordoned" prop:value=move || (!closed.get()).to_string() value=(!closed.get_untracked()).to_string() />
            <Button blocked=sending.blocked("Saving")>{move || if closed.get() { "Uncordon" } else { "Cordon" }}</Button>
        </PostForm>
        <ButtonLink href=drain tone=ButtonTone::Danger>
            "Drain"
        </ButtonLink>
    }
}

#[component]
fn Troubles(now: Memo<NodeView>) -> impl IntoView {
    let one = |trouble: NodeTrouble| {
        let title = format!("{}: {}", trouble.name, trouble.reason);
        let since = trouble.since_at.map(|at| view! { " since " <Ago at=at /> });
        view! { <Banner tone=Tone::Fail title=title>{trouble.message} {since}</Banner> }
    };
    move || now.with(|node| node.troubles.clone()).into_iter().map(one).collect_view()
}

/// What it has and what of it is taken.
#[component]
fn Room(now: Memo<NodeView>) -> impl IntoView {
    let line = |resource: NodeResource| {
        let percent = (resource.used * 100).checked_div(resource.total).unwrap_or(0);
        let words = format!("{} of {}", figure(&resource.name, resource.used), figure(&resource.name, resource.total));
        let label = format!("{} {words}", resource.name);
        view! {
            <div class="grid gap-1">
                <p class="flex justify-between gap-2 text-sm">
                    <span class="font-mono wrap-anywhere">{resource.name}</span>
                    <span class="whitespace-nowrap tabular-nums">{words}</span>
                </p>
                <Meter percent=u32::try_from(percent).unwrap_or(100) label=label />
            </div>
        }
    };
    let lines = move || now.with(|node| node.resources.clone()).into_iter().map(line).collect_view();
    view! {
        <Panel title="Taken">
            <div class="grid gap-3 p-4">{lines}</div>
        </Panel>
    }
}

fn figure(name: &str, amount: u64) -> String {
    match name {
        "cpu" => tenths(amount),
        "memory" => format!("{} GiB", amount >> 30),
        _ => amount.to_string(),
    }
}

#[component]
fn Facts(now: Memo<NodeView>) -> impl IntoView {
    let taint = |taint: String| view! { <li class="font-mono text-sm wrap-anywhere">{taint}</li> };
    let taints = move || now.with(|node| node.taints.clone()).into_iter().map(taint).collect_view();
    view! {
        <Panel title="Facts">
            <dl class="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2 p-4">
                <dt class="text-muted">"Kubelet"</dt>
                <dd class="wrap-anywhere">{move || now.with(|node| node.kubelet.clone())}</dd>
                <dt class="text-muted">"Engine"</dt>
                <dd class="wrap-anywhere">{move || now.with(|node| node.runtime.clone())}</dd>
                <dt class="text-muted">"Taints"</dt>
                <dd>
                    <ul>{taints}</ul>
                </dd>
            </dl>
        </Panel>
    }
}

/// Empties the node; says how many pods that ends.
#[component]
fn DrainDialog(name: String, now: Memo<NodeView>) -> impl IntoView {
    let sending = Sending::to::<DrainNode>();
    let count = move || match now.with(|node| node.pods) {
        0 => "No pod is on it.".to_owned(),
        1 => format!("1 pod stops now; {} ends.", now.with(earned)),
        pods => format!("{pods} pods stop now; {} ends.", now.with(earned)),
    };
    view! {
        <FormDialog
            title=format!("Drain {name}")
            sending=sending
            confirm=name.clone()
            close=paths::node(&name)
            button="Drain node"
            busy="Draining"
        >
            <p>
                {count}
                " Each has its grace period. Deployments and the like make new pods on other nodes; single pods are gone. The node takes no new ones until you uncordon it."
            </p>
            <input type="hidden" name="name" value=name />
        </FormDialog>
    }
}
