//! Every virtual node: its engine, what of it is taken, what that earns, what is wrong; live.

use std::sync::Arc;

use domain::node::{NodeResource, NodeView};
use leptos::prelude::*;

use crate::api::node::ListNodes;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::live::{LiveDot, use_live};
use crate::features::load::load;
use crate::features::sort::{SortColumns, SortKey, use_sort};
use crate::features::status;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::clock::Ago;
use crate::ui::empty::EmptyState;
use crate::ui::keyed::Keyed;
use crate::ui::money::sums_per_hour;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The page.
#[component]
pub fn NodesPage() -> impl IntoView {
    let body = load(Signal::stored(String::new()), |_| ListNodes {})
        .show(|nodes| view! { <LiveList loaded=nodes /> }.into_any());
    view! {
        <PageHead title="Nodes">
            <p>"What the engines give to the cluster. The same as kubectl get nodes -l type=virtual-kubelet."</p>
            <CopyAs rest=paths::rest(&["nodes"]) kubectl="kubectl get nodes -l type=virtual-kubelet" />
        </PageHead>
        {body}
    }
    .into_any()
}

const COLUMNS: &[Column] = &[
    Column::Words("Node"),
    Column::Words("Status"),
    Column::Words("GPUs"),
    Column::Figures("CPU"),
    Column::Figures("Pods"),
    Column::Figures("Runs for"),
    Column::Figures("Last contact"),
];

const SORTS: SortColumns<NodeView> = &[
    ("Node", |node| SortKey::text(&node.name)),
    ("Status", |node| SortKey::text(status::node(node).1)),
    ("CPU", |node| SortKey::Number(resource(node, "cpu").map_or(0, |cpu| cpu.used.into()))),
    ("Pods", |node| SortKey::Number(node.pods.into())),
    ("Last contact", |node| SortKey::time(node.last_contact_at.as_deref().unwrap_or_default())),
];

#[component]
fn LiveList(loaded: Vec<NodeView>) -> impl IntoView {
    let (live, link) = use_live::<Vec<NodeView>>(Signal::stored(paths::live_nodes(None)));
    let shown = Memo::new(move |_| live.get().unwrap_or_else(|| loaded.clone()));
    let empty = Memo::new(move |_| shown.with(Vec::is_empty));
    let key = |node: &NodeView| (node.name.clone(), String::new());
    let sort = use_sort(SORTS);
    let heads = sort.heads();
    let names = Signal::derive(move || sort.rows(shown.get()).iter().map(key).collect());
    let row = move |name, _| view! { <Row name=name all=shown /> }.into_any();
    view! {
        <div class="grid gap-2">
            <p class="flex min-h-5 justify-end text-sm text-muted">
                <LiveDot link=link />
            </p>
            {move || {
                if empty.get() {
                    view! {
                        <EmptyState
                            title="No virtual node yet"
                            text="An engine appears as one or more virtual nodes as soon as remotegpu nodes runs; a remotegpu-kubelet of its own makes one, too."
                        />
                    }
                        .into_any()
                } else {
                    view! {
                        <Table label="Nodes" columns=COLUMNS sorts=heads.clone()>
                            <Keyed items=names draw=Arc::new(row) />
                        </Table>
                    }
                        .into_any()
                }
            }}
        </div>
    }
}

/// One row; its cells follow the stream, the row itself stays.
#[component]
fn Row(name: String, all: Memo<Vec<NodeView>>) -> impl IntoView {
    let (href, wanted) = (paths::node(&name), name.clone());
    let mine = Memo::new(move |_| all.with(|all| all.iter().find(|node| node.name == wanted).cloned()));
    let text = move |read: fn(&NodeView) -> String| {
        Signal::derive(move || mine.with(|node| node.as_ref().map(read).unwrap_or_default()))
    };
    let tone = Signal::derive(move || mine.with(|node| node.as_ref().map_or(Tone::Ended, |node| status::node(node).0)));
    let word = text(|node| status::node(node).1.to_owned());
    let (engine, trouble, gpus) = (text(|node| node.engine.clone()), text(first_trouble), text(gpus));
    let cpu =
        text(|node| resource(node, "cpu").map_or_else(dash, |r| format!("{} of {}", tenths(r.used), tenths(r.total))));
    let pods = text(|node| node.pods.to_string());
    let (price, contact) = (text(earned), text(|node| node.last_contact_at.clone().unwrap_or_default()));
    view! {
        <tr class=ROW>
            <td class=CELL>
                <a href=href class="link font-medium wrap-anywhere">
                    {name}
                </a>
                <p class="text-sm text-muted">"engine " {move || engine.get()}</p>
            </td>
            <td class=CELL>
                <Badge tone=tone label=word />
                <p class="line-clamp-3 max-w-80 text-sm text-muted">{move || trouble.get()}</p>
            </td>
            <td class=CELL>{move || gpus.get()}</td>
            <td class=FIGURE>{move || cpu.get()}</td>
            <td class=FIGURE>{move || pods.get()}</td>
            <td class=FIGURE>{move || price.get()}</td>
            <td class=FIGURE>
                <Ago at=contact />
            </td>
        </tr>
    }
}

/// What the pods on it pay, each currency for itself.
pub fn earned(node: &NodeView) -> String {
    sums_per_hour(&node.price_per_hour)
}

/// `3 of 16 H100`
pub fn gpus(node: &NodeView) -> String {
    let devices = node.resources.iter().filter(|r| r.name.contains('/') && r.total > 0);
    let model = node.gpu_model.as_deref();
    let each = devices.map(|r| format!("{} of {} {}", r.used, r.total, model.unwrap_or(&r.name)));
    let all = each.collect::<Vec<_>>().join(", ");
    if all.is_empty() { dash() } else { all }
}

/// The first thing that is wrong, in words.
fn first_trouble(node: &NodeView) -> String {
    node.troubles.first().map_or_else(String::new, |trouble| match trouble.message.as_str() {
        "" => format!("{}: {}", trouble.name, trouble.reason),
        message => message.to_owned(),
    })
}

fn resource<'a>(node: &'a NodeView, name: &str) -> Option<&'a NodeResource> {
    node.resources.iter().find(|resource| resource.name == name)
}

/// Thousandths as `0.5`; integers only, because formatting floats would cost the browser 8 KB.
pub fn tenths(milli: u64) -> String {
    let (whole, tenth) = (milli / 1000, milli % 1000 / 100);
    if tenth == 0 { whole.to_string() } else { format!("{whole}.{tenth}") }
}

fn dash() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_said_to_the_tenth() {
        assert_eq!(
            (tenths(0), tenths(500), tenths(24_000), tenths(1049)),
            ("0".into(), "0.5".into(), "24".into(), "1".into())
        );
    }
}
