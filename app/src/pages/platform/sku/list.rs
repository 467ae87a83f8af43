//! Every SKU of the installation: what it costs, what is free, whether it is sold.

use domain::platform_sku::PlatformSkuView;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::create::NewSku;
use crate::api::platform_sku::ListPlatformSkus;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::sku_facts::{Free, cores, readable};
use crate::features::sort::{SortColumns, SortKey, use_sort};
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{ButtonLink, ButtonTone};
use crate::ui::empty::EmptyState;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::money::per_hour;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The list, or the form for a new one: a state of the URL.
#[component]
pub fn PlatformSkusPage() -> impl IntoView {
    let query = use_query_map();
    let creating = Memo::new(move |_| query.read().get("new").is_some());
    move || if creating.get() { view! { <NewSku /> }.into_any() } else { view! { <AllSkus /> }.into_any() }
}

#[component]
fn AllSkus() -> impl IntoView {
    let body = load(Signal::stored(String::new()), |_| ListPlatformSkus {})
        .show(|skus| view! { <Listing skus=skus /> }.into_any());
    let new_sku = || {
        view! {
            <ButtonLink href=paths::new_platform_sku() tone=ButtonTone::Primary>
                <Glyph icon=Icon::Plus />
                "New SKU"
            </ButtonLink>
        }
    };
    view! {
        <PageHead title="SKUs" actions=new_sku>
            <p>"What this installation sells. The same as kubectl get skus."</p>
            <CopyAs rest=paths::rest(&["platform", "skus"]) kubectl="kubectl get skus" />
        </PageHead>
        {body}
    }
    .into_any()
}

/// Whether a SKU is sold.
pub fn status(retired: bool) -> (Tone, &'static str) {
    if retired { (Tone::Ended, "Retired") } else { (Tone::Ok, "On sale") }
}

const COLUMNS: &[Column] = &[
    Column::Words("SKU"),
    Column::Words("Status"),
    Column::Words("GPU"),
    Column::Figures("CPU"),
    Column::Figures("Memory"),
    Column::Words("Engines"),
    Column::Words("Free now"),
    Column::Figures("Price"),
];

const SORTS: SortColumns<PlatformSkuView> = &[
    ("SKU", |sku| SortKey::text(&sku.spec.title)),
    ("Status", |sku| SortKey::Number(sku.spec.retired.into())),
    ("GPU", |sku| SortKey::text(sku.spec.gpu.as_ref().map_or("", |gpu| gpu.model.as_str()))),
    ("CPU", |sku| SortKey::quantity(&sku.spec.resources.cpu)),
    ("Memory", |sku| SortKey::quantity(&sku.spec.resources.memory)),
    ("Free now", |sku| SortKey::Number(sku.status.free.into())),
    ("Price", |sku| SortKey::price(Some(&sku.spec.price.view()))),
];

#[component]
fn Listing(skus: Vec<PlatformSkuView>) -> impl IntoView {
    if skus.is_empty() {
        let text = "A SKU is a shape that tenants rent with one label: resources, a price, and the engines it runs on.";
        return view! { <EmptyState title="No SKU yet" text=text learn=paths::learn::SKUS /> }.into_any();
    }
    let sort = use_sort(SORTS);
    let rows = move || sort.rows(skus.clone()).into_iter().map(row).collect_view();
    view! {
        <Table label="SKUs" columns=COLUMNS sorts=sort.heads()>
            {rows}
        </Table>
    }
    .into_any()
}

fn row(sku: PlatformSkuView) -> impl IntoView {
    let PlatformSkuView { code, spec, status: now, .. } = sku;
    let (tone, word) = status(spec.retired);
    let gpu =
        spec.gpu.as_ref().map_or_else(|| "–".to_owned(), |g| format!("{} × {} {} GB", g.count, g.model, g.memory_gib));
    let engines = if spec.placement.engines.is_empty() { "any".to_owned() } else { spec.placement.engines.join(", ") };
    view! {
        <tr class=ROW>
            <td class=CELL>
                <a class="link font-medium" href=paths::platform_sku(&code)>
                    {spec.title.clone()}
                </a>
                <p class="font-mono text-sm text-muted">{code}</p>
            </td>
            <td class=CELL>
                <Badge tone=tone label=word />
            </td>
            <td class=CELL>{gpu}</td>
            <td class=FIGURE>{cores(&spec.resources.cpu)}</td>
            <td class=FIGURE>{readable(&spec.resources.memory)}</td>
            <td class=CELL>{engines}</td>
            <td class=CELL>
                <Free free=now.free total=now.total />
            </td>
            <td class=FIGURE>{per_hour(&spec.price.view())}</td>
        </tr>
    }
}
