//! Limits as meters: what is used of each.

use domain::namespace::QuotaLine;
use leptos::prelude::*;

use crate::features::{quota, sku_facts};
use crate::ui::meter::Meter;
use crate::ui::panel::Panel;

/// A panel of meters.
#[component]
pub fn QuotaMeters(lines: Vec<QuotaLine>, #[prop(optional)] note: &'static str) -> impl IntoView {
    // Limits of a resource equal its requests here: said once.
    let lines: Vec<QuotaLine> = lines.into_iter().filter(|line| !line.resource.starts_with("limits.")).collect();
    let known = !lines.is_empty();
    let line = |line: QuotaLine| {
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
    };
    view! {
        <Panel title="Limits">
            {if known {
                view! { <ul class="grid gap-3 p-4">{lines.into_iter().map(line).collect_view()}</ul> }.into_any()
            } else {
                view! { <p class="p-4 text-muted">"Not known yet: the cluster has not reported them."</p> }.into_any()
            }}
            {(!note.is_empty()).then(|| view! { <p class="px-4 pb-4 text-sm text-muted">{note}</p> })}
        </Panel>
    }
}
