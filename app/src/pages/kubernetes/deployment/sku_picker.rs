//! Choosing a shape: one card per SKU with price and what is free.

use domain::sku::SkuView;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::features::sku_facts::{Free, is_simulated, shape};
use crate::features::sku_filter::{KindFilter, SkuFilter, SkuFilterFields, models};
use crate::features::sku_live::{one_of, use_skus};
use crate::features::verdict::starts_in;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::choice::ChoiceCard;
use crate::ui::money::per_hour;

/// A radio group of SKUs. The chosen one stays visible whatever the filter.
#[component]
pub fn SkuPicker(namespace_id: String, skus: Vec<SkuView>, chosen: RwSignal<String>) -> impl IntoView {
    let filter = SkuFilter::from_query(use_query_map());
    let (none, models, path) = (skus.is_empty(), models(&skus), paths::deploy(&namespace_id));
    let compare = paths::with_query(&paths::catalogue(), &[("namespace", &namespace_id)]);
    let now = use_skus(skus.clone());
    let fits = move |sku: &SkuView| filter.with(|filter| filter.shows(sku));
    let nothing_fits = move || now.with(|all| !all.is_empty() && !all.iter().any(fits));
    let card = move |sku: SkuView| {
        let (code, now) = (sku.code.clone(), one_of(now, sku.clone()));
        let fits = Memo::new(move |_| now.with(fits));
        let hidden = move || !fits.get() && chosen.with(|chosen| *chosen != code);
        view! {
            <div class:hidden=hidden>
                <Card sku=sku now=now chosen=chosen />
            </div>
        }
    };
    view! {
        <fieldset class="grid gap-3">
            <legend class="sr-only">"SKU"</legend>
            <div class="flex flex-wrap items-end gap-3">
                <KindFilter path=path.clone() />
                <div class="js-only">
                    <div class="flex flex-wrap items-end gap-3">
                        <SkuFilterFields path=path models=models />
                    </div>
                </div>
            </div>
            <p class="text-sm text-muted">
                <a href=compare class="link">
                    "Compare them side by side"
                </a>
            </p>
            {none.then(|| view! { <p class="text-muted">"The catalogue is empty: an operator has to add a SKU first."</p> })}
            {move || nothing_fits().then(|| view! { <p class="text-muted" role="status">"No SKU fits the filter; the chosen one stays."</p> })}
            <div class="grid gap-2">{skus.into_iter().map(card).collect_view()}</div>
        </fieldset>
    }
}

#[component]
fn Card(sku: SkuView, now: Memo<SkuView>, chosen: RwSignal<String>) -> impl IntoView {
    let places = move |read: fn(&SkuView) -> u32| Signal::derive(move || now.with(read));
    let facts = shape(&sku);
    // Nobody knows when others end: a wait is only said where a place is free.
    let usual = sku.usual_start_seconds.map(|seconds| starts_in(seconds).replacen('S', "s", 1));
    let start = move || usual.clone().filter(|_| now.with(|sku| sku.available.free > 0));
    let simulated = is_simulated(&sku).then(|| view! { <Badge tone=Tone::Simulated label="Simulated" /> });
    let refused =
        (!sku.granted).then(|| view! { <span class="text-sm text-fail">"Not granted to this namespace"</span> });
    view! {
        <ChoiceCard name="form[sku_code]" value=sku.code.clone() chosen=chosen disabled=!sku.granted>
            <div class="flex flex-wrap items-baseline justify-between gap-x-4">
                <p class="flex flex-wrap items-center gap-x-2 font-medium">
                    {sku.title} <code class="font-mono text-sm font-normal text-muted">{sku.code}</code> {simulated}
                </p>
                <p class="font-mono tabular-nums">{per_hour(&sku.price)}</p>
            </div>
            <div class="flex flex-wrap items-center justify-between gap-x-4 gap-y-1">
                <p class="text-sm text-muted">{facts} " " {refused}</p>
                <div class="flex flex-wrap items-center gap-x-3">
                    <span class="text-sm text-muted empty:hidden">{start}</span>
                    <Free free=places(|sku| sku.available.free) total=places(|sku| sku.available.total) />
                </div>
            </div>
        </ChoiceCard>
    }
}
