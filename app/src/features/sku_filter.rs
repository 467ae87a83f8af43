//! Which SKUs are shown: by kind, GPU, memory, price, and whether one is free. Lives in the URL.

use std::collections::BTreeSet;

use domain::sku::SkuView;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use leptos_router::params::ParamsMap;

use crate::paths::with_query;
use crate::ui::button::Button;
use crate::ui::field::INPUT;
use crate::ui::money::amount;
use crate::ui::tabs::Segment;

/// What a list of SKUs is narrowed to, as the URL says it; an empty field narrows nothing, nor does one that is no
/// number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkuFilter {
    /// `cpu` or `gpu`.
    kind: String,
    /// Of the GPU.
    model: String,
    /// GB of one GPU, at least.
    memory: String,
    /// Of an hour, at most.
    price: String,
    /// Anything: only what is free.
    free: String,
    /// In which order; narrows nothing, and is kept with the rest.
    sort: String,
    /// The namespace that a SKU is looked for; narrows nothing either.
    namespace: String,
}

/// How a field takes what was typed.
type Take = fn(&mut SkuFilter, String);

// === impl SkuFilter ===

impl SkuFilter {
    /// The filter of the present URL.
    pub fn from_query(query: Memo<ParamsMap>) -> Memo<Self> {
        Memo::new(move |_| query.with(Self::of))
    }

    fn of(query: &ParamsMap) -> Self {
        let text = |name: &str| query.get(name).unwrap_or_default();
        Self {
            kind: text("kind"),
            model: text("model"),
            memory: text("memory"),
            price: text("price"),
            free: text("free"),
            sort: text("sort"),
            namespace: text("namespace"),
        }
    }

    /// Whether this SKU is among them.
    pub fn shows(&self, sku: &SkuView) -> bool {
        let gpu = sku.gpu.as_ref();
        let kind = match self.kind.as_str() {
            "cpu" => gpu.is_none(),
            "gpu" => gpu.is_some(),
            _ => true,
        };
        let model = self.model.is_empty() || gpu.is_some_and(|gpu| gpu.model == self.model);
        let least: u32 = self.memory.trim().parse().unwrap_or(0);
        let memory = least == 0 || gpu.is_some_and(|gpu| gpu.memory_gib >= least);
        let free = self.free.is_empty() || sku.available.free > 0;
        kind && model && memory && free && self.affords(sku)
    }

    fn affords(&self, sku: &SkuView) -> bool {
        let read = |decimal: &str| amount(decimal, &sku.price.currency).map(|amount| amount.micros);
        match (read(&self.price.trim().replace(',', ".")), read(&sku.price.amount)) {
            (Some(most), Some(price)) => price <= most,
            _ => true,
        }
    }

    /// `path` with this filter.
    fn href(&self, path: &str) -> String {
        let all = [
            ("kind", &self.kind),
            ("model", &self.model),
            ("memory", &self.memory),
            ("price", &self.price),
            ("free", &self.free),
            ("sort", &self.sort),
            ("namespace", &self.namespace),
        ];
        let set: Vec<(&str, &str)> = all
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name, value.as_str()))
            .collect();
        if set.is_empty() { path.to_owned() } else { with_query(path, &set) }
    }
}

/// The models among these SKUs, each once.
pub fn models(skus: &[SkuView]) -> Vec<String> {
    let models: BTreeSet<&str> = skus.iter().filter_map(|sku| Some(sku.gpu.as_ref()?.model.as_str())).collect();
    models.into_iter().map(str::to_owned).collect()
}

/// All, CPU or GPU; begins the filter anew. `path` is the page it stands on.
#[component]
pub fn KindFilter(#[prop(into)] path: String) -> impl IntoView {
    let filter = SkuFilter::from_query(use_query_map());
    // Whom it is for stays, when the rest begins anew.
    let namespace = filter.with_untracked(|filter| filter.namespace.clone());
    let path = SkuFilter { namespace, ..SkuFilter::default() }.href(&path);
    let is = move |wanted: &'static str| Signal::derive(move || filter.with(|filter| filter.kind == wanted));
    view! {
        <nav aria-label="Filter" class="inline-flex divide-x divide-line rounded border border-line-strong">
            <Segment href=path.clone() label="All" current=is("") />
            <Segment href=with_query(&path, &[("kind", "cpu")]) label="CPU" current=is("cpu") />
            <Segment href=with_query(&path, &[("kind", "gpu")]) label="GPU" current=is("gpu") />
        </nav>
    }
}

/// The form of the fields below, where they have one.
const FORM: &str = "sku-filter";

/// GPU, memory, price, free, as a form of its own: it works without JavaScript too.
#[component]
pub fn SkuFilterForm(#[prop(into)] path: String, models: Vec<String>) -> impl IntoView {
    let kind = SkuFilter::from_query(use_query_map());
    view! {
        <form id=FORM method="get" action=path.clone() role="search" class="flex flex-wrap items-end gap-3">
            {move || {
                let kind = kind.with(|filter| filter.kind.clone());
                (!kind.is_empty()).then(|| view! { <input type="hidden" name="kind" value=kind /> })
            }}
            {move || {
                let sort = kind.with(|filter| filter.sort.clone());
                (!sort.is_empty()).then(|| view! { <input type="hidden" name="sort" value=sort /> })
            }}
            {move || {
                let namespace = kind.with(|filter| filter.namespace.clone());
                (!namespace.is_empty()).then(|| view! { <input type="hidden" name="namespace" value=namespace /> })
            }}
            <SkuFilterFields path=path.clone() models=models />
            <Button>"Filter"</Button>
        </form>
    }
}

/// The fields alone, for a page that is a form of something else: they belong to the filter's form or to none, and are
/// never sent with that page.
#[component]
pub fn SkuFilterFields(#[prop(into)] path: String, models: Vec<String>) -> impl IntoView {
    view! {
        <ModelField path=path.clone() models=models />
        <MemoryField path=path.clone() />
        <PriceField path=path.clone() />
        <FreeField path=path />
    }
}

/// The filter of the present URL, and what takes a field's value into it; `path` is the page it stands on.
fn use_filter(path: String) -> (Memo<SkuFilter>, impl Fn(Take, String) + 'static) {
    let (filter, navigate) = (SkuFilter::from_query(use_query_map()), use_navigate());
    let set = move |take: Take, value: String| {
        let mut next = filter.get_untracked();
        take(&mut next, value);
        navigate(&next.href(&path), NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
    };
    (filter, set)
}

#[component]
fn ModelField(path: String, models: Vec<String>) -> impl IntoView {
    let (filter, set) = use_filter(path);
    let option = move |model: String| {
        let (mine, value) = (model.clone(), model.clone());
        let chosen = move || filter.with(|filter| filter.model == mine);
        view! {
            <option value=value selected=chosen.clone() prop:selected=chosen>
                {model}
            </option>
        }
    };
    let any = move || filter.with(|filter| filter.model.is_empty());
    view! {
        <label class="grid gap-1 text-sm text-muted">
            "GPU model"
            <select
                name="model"
                form=FORM
                class=INPUT
                on:change=move |event| set(|f, value| f.model = value, event_target_value(&event))
            >
                <option value="" selected=any prop:selected=any>
                    "Any"
                </option>
                {models.into_iter().map(option).collect_view()}
            </select>
        </label>
    }
}

#[component]
fn MemoryField(path: String) -> impl IntoView {
    let (filter, set) = use_filter(path);
    let memory = move || filter.with(|f| f.memory.clone());
    view! {
        <label class="grid w-32 gap-1 text-sm text-muted">
            "GPU memory from, GB"
            <input
                type="number"
                name="memory"
                form=FORM
                min="0"
                max="100000"
                class=INPUT
                value=memory
                prop:value=memory
                on:change=move |event| set(|f, value| f.memory = value, event_target_value(&event))
            />
        </label>
    }
}

#[component]
fn PriceField(path: String) -> impl IntoView {
    let (filter, set) = use_filter(path);
    let price = move || filter.with(|f| f.price.clone());
    view! {
        <label class="grid w-32 gap-1 text-sm text-muted">
            "Price up to, an hour"
            <input
                type="text"
                inputmode="decimal"
                name="price"
                form=FORM
                maxlength="20"
                autocomplete="off"
                class=INPUT
                value=price
                prop:value=price
                on:change=move |event| set(|f, value| f.price = value, event_target_value(&event))
            />
        </label>
    }
}

#[component]
fn FreeField(path: String) -> impl IntoView {
    let (filter, set) = use_filter(path);
    let free = move || filter.with(|f| !f.free.is_empty());
    view! {
        <label class="flex h-8 items-center gap-2 text-sm">
            <input
                type="checkbox"
                name="free"
                form=FORM
                value="yes"
                class="size-4 accent-accent"
                checked=free
                prop:checked=free
                on:change=move |event| {
                    let ticked = if event_target_checked(&event) { "yes" } else { "" };
                    set(|f, value| f.free = value, ticked.to_owned());
                }
            />
            "Only what is free"
        </label>
    }
}

#[cfg(test)]
mod tests {
    use domain::sku::{AvailabilityView, PriceView, SkuGpuView};

    use super::*;

    fn sku(code: &str, gpu: Option<(&str, u32)>, price: &str, free: u32) -> SkuView {
        let gpu =
            gpu.map(|(model, memory_gib)| SkuGpuView { model: model.into(), count: 1, memory_gib, mig_profile: None });
        SkuView {
            code: code.into(),
            title: String::new(),
            kind: if gpu.is_some() { "gpu" } else { "cpu" }.into(),
            gpu,
            cpu: "1".into(),
            memory: "1Gi".into(),
            storage: None,
            price: PriceView { amount: price.into(), currency: "EUR".into(), unit: "hour".into() },
            available: AvailabilityView { free, total: 16, as_of: None },
            granted: true,
            engines: Vec::new(),
            runtime_class: None,
            usual_start_seconds: None,
        }
    }

    fn shown(filter: &SkuFilter) -> Vec<String> {
        let all = [
            sku("cpu", None, "0.05", 4),
            sku("h100", Some(("H100", 80)), "3.29", 0),
            sku("l4", Some(("L4", 24)), "0.49", 2),
        ];
        all.into_iter().filter(|sku| filter.shows(sku)).map(|sku| sku.code).collect()
    }

    #[test]
    fn each_field_narrows_and_all_of_them_together() {
        let none = SkuFilter::default();
        assert_eq!(shown(&none), ["cpu", "h100", "l4"]);
        assert_eq!(shown(&SkuFilter { kind: "gpu".into(), ..none.clone() }), ["h100", "l4"]);
        assert_eq!(shown(&SkuFilter { kind: "cpu".into(), ..none.clone() }), ["cpu"]);
        assert_eq!(shown(&SkuFilter { model: "L4".into(), ..none.clone() }), ["l4"]);
        assert_eq!(shown(&SkuFilter { memory: "40".into(), ..none.clone() }), ["h100"]);
        assert_eq!(shown(&SkuFilter { price: "0,49".into(), ..none.clone() }), ["cpu", "l4"]);
        assert_eq!(shown(&SkuFilter { free: "yes".into(), ..none.clone() }), ["cpu", "l4"]);
        assert_eq!(shown(&SkuFilter { free: "yes".into(), memory: "24".into(), ..none.clone() }), ["l4"]);
        assert!(shown(&SkuFilter { free: "yes".into(), model: "H100".into(), ..none }).is_empty());
    }

    #[test]
    fn what_is_no_number_narrows_nothing() {
        let filter = SkuFilter { memory: "much".into(), price: "cheap".into(), ..SkuFilter::default() };
        assert_eq!(shown(&filter), ["cpu", "h100", "l4"]);
    }

    #[test]
    fn a_filter_travels_in_the_url_without_what_is_empty() {
        assert_eq!(SkuFilter::default().href("/catalogue"), "/catalogue");
        let filter = SkuFilter { kind: "gpu".into(), price: "3.29".into(), ..SkuFilter::default() };
        assert_eq!(filter.href("/catalogue"), "/catalogue?kind=gpu&price=3.29");
        let there = SkuFilter { namespace: "7".into(), ..filter };
        assert_eq!(there.href("/catalogue"), "/catalogue?kind=gpu&price=3.29&namespace=7");
    }

    #[test]
    fn a_model_is_offered_once() {
        let skus = [sku("a", Some(("H100", 80)), "1", 1), sku("b", Some(("H100", 80)), "2", 1), sku("c", None, "1", 1)];
        assert_eq!(models(&skus), ["H100"]);
    }
}
