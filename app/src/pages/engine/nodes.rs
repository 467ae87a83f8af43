//! The virtual nodes of an engine: what of it is offered here, and how much of that is taken.

use domain::engine::EngineView;
use domain::node::NodeView;
use leptos::prelude::*;

use crate::features::status;
use crate::pages::platform::node::list::gpus;
use crate::paths;
use crate::ui::badge::Badge;
use crate::ui::empty::EmptyState;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

const COLUMNS: &[Column] =
    &[Column::Words("Node"), Column::Words("Status"), Column::Words("GPUs taken"), Column::Figures("Pods")];

/// All of them; who manages the platform finds each one's page, where it is closed and emptied.
#[component]
pub fn Nodes(engine: EngineView) -> impl IntoView {
    if engine.nodes.is_empty() {
        let text = "Virtual nodes appear within a minute once the engine is ready and remotegpu nodes runs.";
        return view! { <EmptyState title="No node yet" text=text /> }.into_any();
    }
    let linked = engine.platform;
    view! {
        <section class="grid min-w-0 gap-2">
            <h2 class="font-semibold">"Nodes"</h2>
            <Table label="Nodes" columns=COLUMNS>
                {engine.nodes.into_iter().map(|node| row(node, linked)).collect_view()}
            </Table>
        </section>
    }
    .into_any()
}

fn row(node: NodeView, linked: bool) -> impl IntoView {
    let (tone, word) = status::node(&node);
    let (taken, href) = (gpus(&node), paths::node(&node.name));
    let name = if linked {
        view! {
            <a class="link font-medium wrap-anywhere" href=href>
                {node.name}
            </a>
        }
        .into_any()
    } else {
        view! { <span class="font-medium wrap-anywhere">{node.name}</span> }.into_any()
    };
    view! {
        <tr class=ROW>
            <td class=CELL>{name}</td>
            <td class=CELL>
                <Badge tone=tone label=word />
            </td>
            <td class=CELL>{taken}</td>
            <td class=FIGURE>{node.pods}</td>
        </tr>
    }
}
