//! The containers and conditions of one pod.

use domain::pod::{ConditionView, ContainerPhase, ContainerView};
use domain::workload::WorkloadView;
use leptos::prelude::*;

use crate::ui::badge::{Badge, Tone};
use crate::ui::clock::Ago;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

const CONTAINERS: &[Column] =
    &[Column::Words("Container"), Column::Words("Status"), Column::Words("Last end"), Column::Figures("Restarts")];

const CONDITIONS: &[Column] =
    &[Column::Words("Condition"), Column::Words("Status"), Column::Words("Message"), Column::Figures("Since")];

/// Both tables, and where the pod is.
#[component]
pub fn Containers(shown: Memo<WorkloadView>) -> impl IntoView {
    let pod = Memo::new(move |_| shown.with(|w| w.pods.first().cloned()));
    let containers = move || pod.with(|pod| pod.as_ref().map(|p| p.containers.clone()).unwrap_or_default());
    let conditions = move || pod.with(|pod| pod.as_ref().map(|p| p.conditions.clone()).unwrap_or_default());
    let place = move || {
        pod.with(|pod| match pod.as_ref().map(|p| (p.node.clone(), p.ip.clone())) {
            Some((Some(node), Some(ip))) => format!("On node {node}, address {ip}"),
            Some((Some(node), None)) => format!("On node {node}, without an address yet"),
            _ => "On no node yet".to_owned(),
        })
    };
    view! {
        <section class="grid gap-2">
            <div class="flex flex-wrap items-baseline justify-between gap-x-4">
                <h2 class="font-semibold">"Containers"</h2>
                <p class="text-sm text-muted">{place}</p>
            </div>
            <Table label="Containers" columns=CONTAINERS>
                {move || containers().into_iter().map(|c| view! { <ContainerRow container=c /> }).collect_view()}
            </Table>
        </section>
        <section class="grid gap-2">
            <h2 class="font-semibold">"Conditions"</h2>
            <Table label="Conditions" columns=CONDITIONS>
                {move || conditions().into_iter().map(|c| view! { <ConditionRow condition=c /> }).collect_view()}
            </Table>
        </section>
    }
}

#[component]
fn ContainerRow(container: ContainerView) -> impl IntoView {
    let (tone, word) = match (container.phase, container.ready) {
        (ContainerPhase::Running, true) => (Tone::Ok, "Running"),
        (ContainerPhase::Running, false) => (Tone::Wait, "Running, not ready"),
        (ContainerPhase::Waiting, _) => (Tone::Wait, "Waiting"),
        (ContainerPhase::Ended, _) => (Tone::Ended, "Ended"),
    };
    let init = container.init.then(|| view! { <span class="text-sm text-faint">" runs before the others"</span> });
    let when = container.last_exit_at.map(|at| view! { <p class="text-sm text-muted"><Ago at=at /></p> });
    view! {
        <tr class=ROW data-testid="container">
            <td class=CELL>
                <p class="font-medium">{container.name} {init}</p>
                <p class="font-mono text-sm wrap-anywhere text-muted">{container.image}</p>
            </td>
            <td class=CELL>
                <Badge tone=Signal::stored(tone) label=word />
                <p class="max-w-96 text-sm wrap-anywhere text-muted">{container.reason}</p>
            </td>
            <td class=CELL>
                <p>{container.last_exit.unwrap_or_else(|| "–".to_owned())}</p>
                {when}
            </td>
            <td class=FIGURE>{container.restarts}</td>
        </tr>
    }
}

#[component]
fn ConditionRow(condition: ConditionView) -> impl IntoView {
    let words = [condition.reason, condition.message].into_iter().flatten().collect::<Vec<_>>().join(": ");
    view! {
        <tr class=ROW>
            <td class=CELL>{condition.name}</td>
            <td class=CELL>{condition.status}</td>
            <td class="px-4 py-2 align-middle text-sm wrap-anywhere text-muted">{words}</td>
            <td class=FIGURE>{condition.since.map(|at| view! { <Ago at=at /> })}</td>
        </tr>
    }
}
