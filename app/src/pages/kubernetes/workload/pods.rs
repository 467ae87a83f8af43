//! The pods of a workload as rows that follow the stream.

use std::sync::Arc;

use domain::figure::grouped;
use domain::pod::PodView;
use domain::workload::{WorkloadKind, WorkloadView};
use leptos::prelude::*;

use super::detail::Shown;
use crate::features::status;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::clock::Age;
use crate::ui::keyed::Keyed;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

const COLUMNS: &[Column] = &[
    Column::Words("Pod"),
    Column::Words("Phase"),
    Column::Words("Node"),
    Column::Figures("Restarts"),
    Column::Figures("Running for"),
];

/// Every pod, whatever its state.
#[component]
pub fn Pods(shown: Shown) -> impl IntoView {
    let (id, shown) = (shown.namespace.id, shown.now);
    let names =
        Signal::derive(move || shown.with(|d| d.pods.iter().map(|p| (p.name.clone(), String::new())).collect()));
    let row = move |name, _| view! { <Row namespace_id=id.clone() name=name shown=shown /> }.into_any();
    let none = Memo::new(move |_| shown.with(|d| d.pods.is_empty()));
    let some = Memo::new(move |_| shown.with(left_out));
    view! {
        <section class="grid gap-2">
            <div class="flex flex-wrap items-baseline gap-x-3">
                <h2 class="font-semibold">"Pods"</h2>
                <p class="text-sm text-muted empty:hidden">{move || some.get()}</p>
            </div>
            <Table label="Pods" columns=COLUMNS>
                <Keyed items=names draw=Arc::new(row) />
                {move || none.get().then(|| view! { <NoPods /> })}
            </Table>
        </section>
    }
}

/// `200 of 5 000, what needs attention first`; nothing while all are shown.
fn left_out(workload: &WorkloadView) -> String {
    let shown = workload.pods.len() as u32;
    if workload.pod_count <= shown {
        return String::new();
    }
    format!("{shown} of {}, what needs attention first", grouped(workload.pod_count.into()))
}

#[component]
fn NoPods() -> impl IntoView {
    view! {
        <tr>
            <td class="px-4 py-3 text-muted" colspan="5">
                "No pod exists now."
            </td>
        </tr>
    }
}

#[component]
fn Row(namespace_id: String, name: String, shown: Memo<WorkloadView>) -> impl IntoView {
    let href = paths::workload(&namespace_id, WorkloadKind::Pod, &name);
    let wanted = name.clone();
    let mine = Memo::new(move |_| shown.with(|d| d.pods.iter().find(|p| p.name == wanted).cloned()));
    let text = move |read: fn(&PodView) -> String| {
        Signal::derive(move || mine.with(|p| p.as_ref().map(read).unwrap_or_default()))
    };
    let tone = Signal::derive(move || mine.with(|p| p.as_ref().map_or(Tone::Ended, status::pod)));
    let started = Memo::new(move |_| mine.with(|p| p.as_ref().and_then(|p| p.started_at.clone())));
    let (reason, node, restarts) = (
        text(|p| if p.reason.is_empty() { ended(p) } else { p.reason.clone() }),
        text(|p| p.node.clone().unwrap_or_else(|| "–".to_owned())),
        text(|p| p.restarts.to_string()),
    );
    view! {
        <tr class=ROW data-testid="pod">
            <td class="px-4 py-2 align-middle font-mono text-sm">
                <a href=href class="hover:underline">
                    {name}
                </a>
            </td>
            <td class=CELL>
                <Badge tone=tone label=text(|p| p.phase.clone()) />
                <p class="max-w-96 text-sm text-muted">{move || reason.get()}</p>
            </td>
            <td class=CELL>{move || node.get()}</td>
            <td class=FIGURE>{move || restarts.get()}</td>
            <td class=FIGURE>
                {move || match started.get() {
                    Some(since) => view! { <Age since=since /> }.into_any(),
                    None => "–".into_any(),
                }}
            </td>
        </tr>
    }
}

/// How a container of a pod that runs again ended last.
fn ended(pod: &PodView) -> String {
    pod.last_exit.as_ref().map(|exit| format!("Last end: {}", exit.to_lowercase())).unwrap_or_default()
}
