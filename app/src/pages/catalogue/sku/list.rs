//! The catalogue: shape, price, what is free.

use domain::money::Money;
use domain::sku::SkuView;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::api::sku::ListSkus;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::sku_facts::{Free, cores, is_simulated, readable};
use crate::features::sku_filter::{KindFilter, SkuFilter, SkuFilterForm, models};
use crate::features::sku_watch::TellMe;
use crate::features::sort::{SortColumns, SortKey, use_sort};
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::ButtonLink;
use crate::ui::copy::CopyLine;
use crate::ui::empty::EmptyState;
use crate::ui::money::{amount, per_hour};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// Every SKU on sale.
#[component]
pub fn CataloguePage() -> impl IntoView {
    let body = load(Signal::stored(String::new()), |_| ListSkus { namespace: String::new() })
        .show(|skus| view! { <Listing skus=skus /> }.into_any());
    view! {
        <PageHead title="Catalogue" actions=|| view! { <KindFilter path=paths::catalogue() /> }>
            <p>"What a pod can ask for with one label."</p>
            <CopyAs rest=paths::rest(&["skus"]) kubectl="kubectl get skus" />
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
    Column::Figures("Per GPU"),
];

const SORTS: SortColumns<SkuView> = &[
    ("SKU", |sku| SortKey::text(&sku.title)),
    ("GPU", |sku| SortKey::text(sku.gpu.as_ref().map_or("", |gpu| gpu.model.as_str()))),
    ("CPU", |sku| SortKey::quantity(&sku.cpu)),
    ("Memory", |sku| SortKey::quantity(&sku.memory)),
    ("Free now", |sku| SortKey::Number(sku.available.free.into())),
    ("Price", |sku| SortKey::price(Some(&sku.price))),
];

#[component]
fn Listing(skus: Vec<SkuView>) -> impl IntoView {
    if skus.is_empty() {
        return view! { <EmptyState title="No SKU yet" text="An operator adds SKUs to the cluster; they appear here by themselves." /> }
            .into_any();
    }
    let (filter, models) = (SkuFilter::from_query(use_query_map()), models(&skus));
    let fitting = Memo::new(move |_| {
        filter.with(|filter| skus.iter().filter(|sku| filter.shows(sku)).cloned().collect::<Vec<_>>())
    });
    let sort = use_sort(SORTS);
    let heads = sort.heads();
    let list = move || {
        if fitting.with(Vec::is_empty) {
            return view! { <NothingFits /> }.into_any();
        }
        let rows = sort.rows(fitting.get()).into_iter().map(row).collect_view();
        view! {
            <Table label="SKUs" columns=COLUMNS sorts=heads.clone()>
                {rows}
            </Table>
        }
        .into_any()
    };
    view! {
        <SkuFilterForm path=paths::catalogue() models=models />
        {list}
    }
    .into_any()
}

fn row(sku: SkuView) -> impl IntoView {
    let gpu =
        sku.gpu.as_ref().map_or_else(|| "–".to_owned(), |g| format!("{} × {} {} GB", g.count, g.model, g.memory_gib));
    let per_gpu = per_gpu(&sku);
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
            <td class=FIGURE>{per_gpu.unwrap_or_else(|| "–".to_owned())}</td>
        </tr>
    }
}

/// What one GPU of it costs an hour, to compare shapes of one and of eight.
fn per_gpu(sku: &SkuView) -> Option<String> {
    let gpus = i64::from(sku.gpu.as_ref()?.count);
    let price = amount(&sku.price.amount, &sku.price.currency)?;
    let micros = price.micros.checked_div(gpus)?;
    Some(format!("{}/h", Money { micros, ..price }.display()))
}

#[component]
fn NothingFits() -> impl IntoView {
    view! {
        <EmptyState title="No SKU fits the filter" text="Ask for less memory, allow a higher price, or look at all of them.">
            <ButtonLink href=paths::catalogue()>"Show all"</ButtonLink>
        </EmptyState>
    }
}
