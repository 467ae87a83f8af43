//! Engines: where pods can run besides this cluster's own nodes, and how each of them is.

use domain::engine::{EngineKind, EngineView};
use domain::page::Page;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::create::AddEngine;
use crate::api::engine::ListEngines;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::sort::{SortColumns, SortKey, use_sort};
use crate::features::status;
use crate::features::visits::{cursor_of, list_key};
use crate::features::words::count;
use crate::pages::platform::node::list::gpus;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{ButtonLink, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::empty::EmptyState;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The list, or the form for a new one: a state of the URL.
#[component]
pub fn EnginesPage() -> impl IntoView {
    let query = use_query_map();
    let new = Memo::new(move |_| query.read().get("new"));
    move || match new.get() {
        Some(kind) => view! { <AddEngine kind=EngineKind::parse(&kind).ok() /> }.into_any(),
        None => view! { <AllEngines /> }.into_any(),
    }
}

fn add_button() -> impl IntoView {
    view! {
        <ButtonLink href=paths::new_engine("engine") tone=ButtonTone::Primary>
            <Glyph icon=Icon::Plus />
            "Add engine"
        </ButtonLink>
    }
}

#[component]
fn AllEngines() -> impl IntoView {
    let body = load(list_key(&["new"]), |key| ListEngines { cursor: cursor_of(&key) })
        .show(|engines| view! { <Listing engines=engines /> }.into_any());
    view! {
        <PageHead title="Engines" actions=add_button>
            <p>"Clusters, container hosts and RunPod accounts that run pods."</p>
            <CopyAs rest=paths::rest(&["engines"]) kubectl="kubectl get nodes -l type=virtual-kubelet" />
        </PageHead>
        {body}
    }
    .into_any()
}

const COLUMNS: &[Column] = &[
    Column::Words("Engine"),
    Column::Words("Status"),
    Column::Words("Version"),
    Column::Words("Capacity"),
    Column::Figures("Last check"),
];

const SORTS: SortColumns<EngineView> = &[
    ("Engine", |engine| SortKey::text(&engine.name)),
    ("Status", |engine| SortKey::text(status::engine(engine.status).1)),
    ("Version", |engine| SortKey::text(&engine.version)),
    ("Last check", |engine| SortKey::time(engine.last_check_at.as_deref().unwrap_or_default())),
];

#[component]
fn Listing(engines: Page<EngineView>) -> impl IntoView {
    if engines.items.is_empty() {
        return view! {
            <EmptyState
                title="No engine yet"
                text="An engine is a place that runs pods: a Kubernetes cluster of yours, a Docker or Podman host, or a RunPod account."
                learn=paths::learn::ENGINES
            >
                {add_button()}
            </EmptyState>
        }
        .into_any();
    }
    let sort = use_sort(SORTS).if_whole(engines.next_cursor.is_none());
    let items = engines.items;
    let rows = move || sort.rows(items.clone()).into_iter().map(row).collect_view();
    let next = engines.next_cursor.map(|cursor| paths::with_query(&paths::engines(), &[("cursor", &cursor)]));
    view! {
        <Table label="Engines" columns=COLUMNS sorts=sort.heads()>
            {rows}
        </Table>
        {next.map(|href| view! { <p><ButtonLink href=href>"Next page"</ButtonLink></p> })}
    }
    .into_any()
}

fn row(engine: EngineView) -> impl IntoView {
    let (tone, word) = status::engine(engine.status);
    let owner = if engine.platform { "of the platform" } else { "of this account" };
    let expiring =
        engine.credentials_expiring.then(|| view! { <Badge tone=Tone::Wait label="Credentials expiring" /> });
    let checked = match engine.last_check_at.clone() {
        Some(at) => view! { <Ago at=at /> }.into_any(),
        None => "never".into_any(),
    };
    let (capacity, taken) = (capacity(&engine), taken(&engine));
    view! {
        <tr class=ROW>
            <td class=CELL>
                <a class="link font-medium wrap-anywhere" href=paths::engine(&engine.id.to_string())>
                    {engine.name}
                </a>
                <p class="text-sm text-muted">{engine.kind.words()} ", " {owner}</p>
            </td>
            <td class=CELL>
                <div class="flex flex-wrap gap-1">
                    <Badge tone=tone label=word />
                    {expiring}
                </div>
                <p class="line-clamp-3 max-w-80 text-sm text-muted">{engine.status_reason}</p>
            </td>
            <td class=CELL>{engine.version}</td>
            <td class=CELL>
                {capacity} <p class="text-sm text-muted empty:hidden">{taken}</p>
            </td>
            <td class=FIGURE>{checked}</td>
        </tr>
    }
}

/// `offered here: 3 of 8 H100 taken`; empty before it has a node with GPUs.
fn taken(engine: &EngineView) -> String {
    let with_gpus = engine.nodes.iter().filter(|node| node.resources.iter().any(|one| one.name.contains('/')));
    let all = with_gpus.map(gpus).collect::<Vec<_>>().join(", ");
    if all.is_empty() { all } else { format!("offered here: {all} taken") }
}

/// `6 nodes, 3 of 16 H100 free`
pub fn capacity(engine: &EngineView) -> String {
    let typed = engine.gpus.iter().map(|gpu| format!("{} {}, typed by hand", gpu.count, gpu.model));
    let Some(known) = &engine.capacity else {
        let typed = typed.collect::<Vec<_>>().join(", ");
        return if typed.is_empty() { "not known".to_owned() } else { typed };
    };
    let nodes = (known.nodes > 0).then(|| count(known.nodes, "node"));
    let gpus = known.gpus.iter().map(|gpu| match gpu.free {
        Some(free) => format!("{free} of {} {} free", gpu.total, gpu.model),
        None => format!("{} {}", gpu.total, gpu.model),
    });
    let all = nodes.into_iter().chain(gpus).chain(typed).collect::<Vec<_>>().join(", ");
    if all.is_empty() { "no GPU".to_owned() } else { all }
}
