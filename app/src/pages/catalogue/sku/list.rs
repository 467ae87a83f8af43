//! The catalogue: shape, price, what is free.

use std::sync::Arc;

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
use crate::features::sku_live::{one_of, use_skus};
use crate::features::sku_watch::TellMe;
use crate::features::sort::{SortColumns, SortKey, use_sort};
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{ButtonLink, ButtonSize};
use crate::ui::copy::CopyLine;
use crate::ui::empty::EmptyState;
use crate::ui::keyed::Keyed;
use crate::ui::money::{amount, per_hour};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// Every SKU on sale.
#[component]
pub fn CataloguePage() -> impl IntoView {
    let body = load(Signal::stored(String::new()), |_| ListSkus { namespace: String::new() })
        .show(|skus| view! { <Listing loaded=skus /> }.into_any());
    view! {
        <PageHead title="Catalogue" actions=|| view! { <KindFilter path=paths::catalogue() /> }>
            <p>"What a pod can ask for with one label, or, where it has GPUs, with its runtime class."</p>
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
fn Listing(loaded: Vec<SkuView>) -> impl IntoView {
    if loaded.is_empty() {
        return view! { <EmptyState title="No SKU yet" text="An operator adds SKUs to the cluster; they appear here by themselves." /> }
            .into_any();
    }
    let (filter, models) = (SkuFilter::from_query(use_query_map()), models(&loaded));
    let skus = use_skus(loaded);
    let fitting = Memo::new(move |_| {
        let filter = filter.get();
        skus.with(|skus| skus.iter().filter(|sku| filter.shows(sku)).cloned().collect::<Vec<_>>())
    });
    let none = Memo::new(move |_| fitting.with(Vec::is_empty));
    let namespace = use_query_map().read_untracked().get("namespace").filter(|id| !id.is_empty());
    let namespace = StoredValue::new(namespace);
    let sort = use_sort(SORTS);
    let heads = sort.heads();
    let key = |sku: SkuView| (sku.code, String::new());
    let codes: Signal<Vec<(String, String)>> =
        Signal::derive(move || sort.rows(fitting.get()).into_iter().map(key).collect());
    let draw = move |code: String, _: String| {
        let sku = skus.with_untracked(|skus| skus.iter().find(|sku| sku.code == code).cloned());
        sku.map(|sku| row(sku, skus, namespace.get_value())).into_any()
    };
    let list = move || {
        if none.get() {
            return view! { <NothingFits /> }.into_any();
        }
        view! {
            <Table label="SKUs" columns=COLUMNS sorts=heads.clone()>
                <Keyed items=codes draw=Arc::new(draw) />
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

/// A row; who looks for a SKU for a namespace chooses it here. Its cells follow the stream, the row itself stays.
fn row(sku: SkuView, all: Memo<Vec<SkuView>>, namespace: Option<String>) -> impl IntoView {
    let (code, sku) = (sku.code.clone(), one_of(all, sku));
    let text = move |read: fn(&SkuView) -> String| move || sku.with(read);
    let places = move |read: fn(&SkuView) -> u32| Signal::derive(move || sku.with(read));
    let (free, total) = (places(|sku| sku.available.free), places(|sku| sku.available.total));
    let simulated = Memo::new(move |_| sku.with(is_simulated));
    let simulated = move || simulated.get().then(|| view! { <Badge tone=Tone::Simulated label="Simulated" /> });
    let full = Memo::new(move |_| free.get() == 0);
    let wanted = code.clone();
    let class = Memo::new(move |_| sku.with(|sku| sku.runtime_class.clone()));
    let class = move || class.get().map(|name| view! { <CopyLine text=name label="runtime class" /> });
    let tell = move || full.get().then(|| view! { <TellMe code=wanted.clone() /> });
    let choose = namespace.map(|id| {
        let (href, label) = (paths::deploy_sku(&id, &code), format!("Choose {code}"));
        view! {
            <ButtonLink href=href size=ButtonSize::Small attr:aria-label=label>
                "Choose"
            </ButtonLink>
        }
    });
    view! {
        <tr class=ROW>
            <td class=CELL>
                <p class="flex flex-wrap items-center gap-2 font-medium">{text(|sku| sku.title.clone())} {simulated}</p>
                <p class="flex flex-wrap items-center gap-x-3 text-muted">
                    <CopyLine text=code label="SKU code" />
                    {class}
                    {choose}
                </p>
            </td>
            <td class=CELL>{text(gpu)}</td>
            <td class=FIGURE>{text(|sku| cores(&sku.cpu))}</td>
            <td class=FIGURE>{text(|sku| readable(&sku.memory))}</td>
            <td class=CELL>
                <Free free=free total=total />
                {tell}
            </td>
            <td class=FIGURE>{text(|sku| per_hour(&sku.price))}</td>
            <td class=FIGURE>{text(|sku| per_gpu(sku).unwrap_or_else(|| "–".to_owned()))}</td>
        </tr>
    }
}

/// `8 × H100 80 GB`
fn gpu(sku: &SkuView) -> String {
    sku.gpu.as_ref().map_or_else(|| "–".to_owned(), |g| format!("{} × {} {} GB", g.count, g.model, g.memory_gib))
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
