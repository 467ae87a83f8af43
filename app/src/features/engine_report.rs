//! What a check of an engine found, row by row: what is wrong first, each with what mends it; what passed folded away.

use domain::engine::report::FeatureRights;
use domain::engine::{Row, RowStatus};
use leptos::prelude::*;

use crate::features::words::count;
use crate::ui::badge::{Badge, Tone};
use crate::ui::code::CodeBlock;

/// The rows in the order of checking; rights that are there are counted.
#[component]
pub fn Rows(rows: Vec<Row>) -> impl IntoView {
    let granted = |row: &Row| row.id.starts_with("rbac/") && row.status == RowStatus::Pass;
    let (granted, shown): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(granted);
    let fold = (!granted.is_empty()).then(|| {
        let words = format!("{} granted", count(granted.len() as u32, "right"));
        view! {
            <details class="px-4 py-2">
                <summary class="cursor-pointer text-muted">{words}</summary>
                <ul class="mt-2 grid gap-1">{granted.into_iter().map(line).collect_view()}</ul>
            </details>
        }
    });
    view! {
        <ul class="divide-y divide-line">{shown.into_iter().map(line).collect_view()}</ul>
        {fold}
    }
}

fn line(row: Row) -> impl IntoView {
    let (tone, word) = match row.status {
        RowStatus::Pass => (Tone::Ok, "Pass"),
        RowStatus::Warn => (Tone::Wait, "Warn"),
        RowStatus::Fail => (Tone::Fail, "Fail"),
        RowStatus::Skip => (Tone::Ended, "Skip"),
    };
    let fix = (!row.fix.is_empty()).then(|| view! { <CodeBlock code=row.fix label="What mends it" /> });
    view! {
        <li class="grid gap-2 px-4 py-2">
            <div class="flex flex-wrap items-baseline gap-x-3 gap-y-1">
                <Badge tone=tone label=word />
                <span class="min-w-0 wrap-anywhere">{row.message}</span>
                <code class="ml-auto font-mono text-sm wrap-anywhere text-faint">{row.id}</code>
            </div>
            {fix}
        </li>
    }
}

/// The rights by feature: `Ray: 3 of 4`.
#[component]
pub fn Features(features: Vec<FeatureRights>) -> impl IntoView {
    let one = |feature: FeatureRights| {
        let tone = if feature.granted == feature.needed { Tone::Ok } else { Tone::Wait };
        let label = format!("{}: {} of {}", feature.feature, feature.granted, feature.needed);
        view! { <Badge tone=tone label=label /> }
    };
    view! { <div class="flex flex-wrap gap-2 px-4 py-3 empty:hidden">{features.into_iter().map(one).collect_view()}</div> }
}
