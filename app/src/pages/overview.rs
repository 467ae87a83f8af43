//! The first page: what needs me, what runs, what it costs.

use leptos::prelude::*;

use crate::api::overview::GetOverview;
use crate::features::first_steps::FirstSteps;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::overview::Overview;
use crate::features::status;
use crate::paths;
use crate::ui::badge::Badge;
use crate::ui::money::{per_hour, per_hour_and_day};
use crate::ui::readout::{Readout, Readouts};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The overview.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let body = load(Signal::stored(String::new()), |_| GetOverview {})
        .show(|overview| view! { <Body overview=overview /> }.into_any());
    view! {
        <PageHead title="Overview" />
        {body}
    }
    .into_any()
}

#[component]
fn Body(overview: Overview) -> impl IntoView {
    let (ready, wanted) = overview.pods();
    let (hour, day) =
        overview.spending.rate().map_or_else(|| ("–".to_owned(), "Nothing runs".to_owned()), |p| per_hour_and_day(&p));
    let (month, forecast) = overview.spending.this_month();
    let trouble = overview.troubled().len() + overview.failed_namespaces.len();
    let unfinished = overview.steps().contains(&false);
    let steps = overview.clone();
    view! {
        <Readouts>
            <Readout label="Pods ready" value=format!("{ready}/{wanted}") note="of those wanted" />
            <Readout label="Cost now" value=hour note=day />
            <Readout label="This month" value=month note=forecast />
            <Readout label="Namespaces" value=overview.namespaces.to_string() note=format!("{} active API keys", overview.keys) />
            <Readout label="Needs attention" value=trouble.to_string() note=if trouble == 0 { "All is well" } else { "See below" } />
        </Readouts>
        {unfinished.then(|| view! { <FirstSteps overview=steps /> })}
        <FailedNamespaces failed=overview.failed_namespaces.clone() />
        <Work overview=overview />
    }
}

#[component]
fn FailedNamespaces(failed: Vec<(String, String)>) -> impl IntoView {
    use crate::ui::badge::Tone;
    use crate::ui::banner::Banner;
    let banner = |(name, why): (String, String)| {
        view! {
            <Banner tone=Tone::Fail title=format!("Namespace {name} could not be set up")>
                {why}
            </Banner>
        }
    };
    failed.into_iter().map(banner).collect_view()
}

const COLUMNS: &[Column] = &[
    Column::Words("Workload"),
    Column::Words("Status"),
    Column::Words("SKU"),
    Column::Figures("Ready"),
    Column::Figures("Price"),
];

/// Everything that runs, what is in trouble first.
#[component]
fn Work(overview: Overview) -> impl IntoView {
    if overview.work.is_empty() {
        return ().into_any();
    }
    let row = |(id, namespace, d): (String, String, domain::workload::WorkloadView)| {
        let (tone, word) = status::workload(&d);
        view! {
            <tr class=ROW>
                <td class=CELL>
                    <a href=paths::workload(&id, d.kind, &d.name) class="font-medium hover:underline">
                        {d.name.clone()}
                    </a>
                    <p class="text-sm text-muted">{format!("{} in {namespace}", d.kind.word())}</p>
                </td>
                <td class=CELL>
                    <Badge tone=tone label=word />
                    <p class="text-sm text-muted">{d.reason}</p>
                </td>
                <td class=CELL>
                    <code class="font-mono text-sm whitespace-nowrap">{d.sku_code}</code>
                </td>
                <td class=FIGURE>{format!("{}/{}", d.ready, d.wanted)}</td>
                <td class=FIGURE>{d.price_per_hour.as_ref().map_or_else(|| "–".to_owned(), per_hour)}</td>
            </tr>
        }
    };
    view! {
        <section class="grid gap-2">
            <h2 class="font-semibold">"Running work"</h2>
            <Table label="Running work" columns=COLUMNS>
                {overview.work.into_iter().map(row).collect_view()}
            </Table>
        </section>
    }
    .into_any()
}
