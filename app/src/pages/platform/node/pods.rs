//! The pods of a virtual node: whose they are, what the engine runs for them, what they pay.

use domain::node::NodePodView;
use leptos::prelude::*;

use crate::ui::badge::{Badge, Tone};
use crate::ui::clock::Ago;
use crate::ui::copy::CopyLine;
use crate::ui::empty::EmptyState;
use crate::ui::money::per_hour;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

const COLUMNS: &[Column] = &[
    Column::Words("Pod"),
    Column::Words("Phase"),
    Column::Words("SKU"),
    Column::Words("Instance"),
    Column::Figures("Price"),
    Column::Figures("Created"),
];

/// The table.
#[component]
pub fn Pods(pods: Memo<Vec<NodePodView>>) -> impl IntoView {
    move || {
        let pods = pods.get();
        if pods.is_empty() {
            return view! { <EmptyState title="No pod is here" text="Pods whose SKU is placed on this engine appear here as the scheduler sends them." /> }
                .into_any();
        }
        view! {
            <Table label="Pods" columns=COLUMNS>
                {pods.into_iter().map(row).collect_view()}
            </Table>
        }
        .into_any()
    }
}

fn row(pod: NodePodView) -> impl IntoView {
    let tone = match pod.phase.as_str() {
        "Running" => Tone::Ok,
        "Terminating" => Tone::Ended,
        _ => Tone::Wait,
    };
    let instance = match pod.instance {
        Some(id) => view! { <CopyLine text=id label="instance id" /> }.into_any(),
        None => view! { <span class="text-muted">"–"</span> }.into_any(),
    };
    let price = pod.price_per_hour.as_ref().map_or_else(|| "–".to_owned(), per_hour);
    let cost = pod.provider_cost.map(|cost| view! { <p class="text-sm text-muted">"provider takes " {cost}</p> });
    view! {
        <tr class=ROW>
            <td class=CELL>
                <p class="font-medium wrap-anywhere">{pod.name}</p>
                <p class="font-mono text-sm wrap-anywhere text-muted">{pod.namespace}</p>
            </td>
            <td class=CELL>
                <Badge tone=tone label=pod.phase />
                <p class="max-w-60 text-sm text-muted">{pod.reason}</p>
            </td>
            <td class=CELL>
                <code class="font-mono text-sm whitespace-nowrap">{pod.sku_code}</code>
            </td>
            <td class=CELL>{instance}</td>
            <td class=FIGURE>{price} {cost}</td>
            <td class=FIGURE>
                <Ago at=pod.created_at />
            </td>
        </tr>
    }
}
