//! Limits as meters: what is used of each.

use domain::namespace::QuotaLine;
use leptos::prelude::*;

use crate::features::{quota, sku_facts};
use crate::ui::meter::Meter;
use crate::ui::panel::Panel;

/// A panel of meters; `actions` stand in its head.
#[component]
pub fn QuotaMeters(
    #[prop(into)] lines: Signal<Vec<QuotaLine>>,
    note: &'static str,
    #[prop(optional, into)] actions: ViewFn,
) -> impl IntoView {
    view! {
        <Panel title="Limits" actions=actions>
            {move || meters(lines.get())}
            {(!note.is_empty()).then(|| view! { <p class="px-4 pb-4 text-sm text-muted">{note}</p> })}
        </Panel>
    }
}

fn meters(lines: Vec<QuotaLine>) -> AnyView {
    // Limits of a resource equal its requests here: said once.
    let lines: Vec<QuotaLine> = lines.into_iter().filter(|line| !line.resource.starts_with("limits.")).collect();
    if lines.is_empty() {
        return view! { <p class="p-4 text-muted">"Not known yet: the cluster has not reported them."</p> }.into_any();
    }
    view! { <ul class="grid gap-3 p-4">{lines.into_iter().map(meter).collect_view()}</ul> }.into_any()
}

fn meter(line: QuotaLine) -> AnyView {
    let what = quota::what(&line);
    let (used, limit) = (sku_facts::readable(&line.used), sku_facts::readable(&line.limit));
    view! {
        <li class="grid gap-1">
            <p class="flex justify-between gap-3">
                <span class="first-letter:uppercase">{what.clone()}</span>
                <span class="text-muted tabular-nums">{format!("{used} of {limit}")}</span>
            </p>
            <Meter percent=quota::percent(&line) label=format!("{what}: {used} of {limit}") />
        </li>
    }
    .into_any()
}
