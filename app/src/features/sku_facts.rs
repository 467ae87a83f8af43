//! A SKU's shape in words and figures.

use domain::quantity::parse_milli;
use domain::sku::SkuView;
use leptos::prelude::*;

use crate::ui::meter::Ticks;

/// `80 GB GPU · 24 CPU · 192 GiB`
pub fn shape(sku: &SkuView) -> String {
    let gpu = sku.gpu.as_ref().map(|gpu| format!("{} × {} {} GB", gpu.count, gpu.model, gpu.memory_gib));
    let parts = [gpu, Some(format!("{} CPU", cores(&sku.cpu))), Some(format!("{} memory", readable(&sku.memory)))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// `192 GiB` for `192Gi`.
pub fn readable(quantity: &str) -> String {
    for unit in ["Ti", "Gi", "Mi", "Ki"] {
        if let Some(number) = quantity.strip_suffix(unit) {
            return format!("{number} {unit}B");
        }
    }
    quantity.to_owned()
}

/// `0.5` for `500m`.
pub fn cores(quantity: &str) -> String {
    // Integers only: formatting floats would cost the browser 8 KB.
    match parse_milli(quantity) {
        Ok(milli) if milli % 1000 == 0 => (milli / 1000).to_string(),
        Ok(milli) => format!("{}.{:03}", milli / 1000, milli % 1000).trim_end_matches('0').to_owned(),
        Err(_) => quantity.to_owned(),
    }
}

/// By price; SKUs without a legal price come last.
#[cfg(feature = "ssr")]
pub fn cheapest_first(mut skus: Vec<SkuView>) -> Vec<SkuView> {
    let micros = |sku: &SkuView| {
        crate::ui::money::amount(&sku.price.amount, &sku.price.currency).map_or(i64::MAX, |price| price.micros)
    };
    skus.sort_by_key(micros);
    skus
}

/// Where a SKU runs, when that place is not real hardware.
pub fn is_simulated(sku: &SkuView) -> bool {
    !sku.engines.is_empty() && sku.engines.iter().all(|engine| engine.starts_with("simulated"))
}

/// Free places as ticks with their numbers.
#[component]
pub fn Free(#[prop(into)] free: Signal<u32>, #[prop(into)] total: Signal<u32>) -> impl IntoView {
    view! {
        <span class="inline-flex items-center gap-2 text-sm text-muted">
            <Ticks free=free total=total />
            <span class="whitespace-nowrap tabular-nums">
                {move || format!("{} of {} free", free.get(), total.get())}
            </span>
        </span>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_said_in_people_s_units() {
        assert_eq!(readable("192Gi"), "192 GiB");
        assert_eq!(readable("512"), "512");
        assert_eq!((cores("24").as_str(), cores("500m").as_str(), cores("x").as_str()), ("24", "0.5", "x"));
    }
}
