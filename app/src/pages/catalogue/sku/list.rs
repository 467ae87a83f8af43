//! The catalogue: shape, price, what is free.

use domain::sku::SkuView;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::api::sku::ListSkus;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::sku_facts::{Free, cores, is_simulated, readable};
use crate::features::sku_filter::{Kind, KindFilter};
use crate::features::sku_watch::TellMe;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::copy::CopyLine;
use crate::ui::empty::EmptyState;
use crate::ui::money::per_hour;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// Every SKU on sale.
#[component]
pub fn CataloguePage() -> impl IntoView {
    let body = load(Signal::stored(String::new()), |_| ListSkus { namespace: String::new() })
        .show(|skus| view! { <Listing skus=skus /> }.into_any());
    view! {
        <PageHead title="Catalogue" actions=|| view! { <KindFilter path=paths::catalogue() /> }>
            <p>"What a pod can ask for with one label."</p>
        </PageHead>
        {body}
    }
    .into_any()
}

const COLUMNS: &[Column] = &[
    Column::Words("SKU"),
    Column::Words("GPU"),
    Column::Figures("CPU"),
    Column::Figures("Memory"),
    Column::Words("Free now"),
    Column::Figures("Price"),
];

#[component]
fn Listing(skus: Vec<SkuView>) -> impl IntoView {
    if skus.is_empty() {
        return view! { <EmptyState title="No SKU yet" text="An operator adds SKUs to the cluster; they appear here by themselves." /> }
            .into_any();
    }
    let kind = Kind::from_query(use_query_map());
    let rows = move || skus.iter().filter(|sku| kind.get().shows(sku)).cloned().map(row).collect_view();
    view! {
        <Table label="SKUs" columns=COLUMNS>
            {rows}
        </Table>
    }
    .into_any()
}

fn row(sku: SkuView) -> impl IntoView {
    let gpu =
        sku.gpu.as_ref().map_or_else(|| "–".to_owned(), |g| format!("{} × {} {} GB", g.count, g.model, g.memory_gib));
    let simulated = is_simulated(&sku).then(|| view! { <Badge tone=Tone::Simulated label="Simulated" /> });
    let tell = (sku.available.free == 0).then(|| view! { <TellMe code=sku.code.clone() /> });
    view! {
        <tr class=ROW>
            <td class=CELL>
                <p class="flex flex-wrap items-center gap-2 font-medium">{sku.title} {simulated}</p>
                <p class="text-muted">
                    <CopyLine text=sku.code label="SKU code" />
                </p>
            </td>
            <td class=CELL>{gpu}</td>
            <td class=FIGURE>{cores(&sku.cpu)}</td>
            <td class=FIGURE>{readable(&sku.memory)}</td>
            <td class=CELL>
                <Free free=sku.available.free total=sku.available.total />
                {tell}
            </td>
            <td class=FIGURE>{per_hour(&sku.price)}</td>
        </tr>
    }
}
