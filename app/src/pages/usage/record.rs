//! Usage record by record: one row per pod and month, and the month as a file.

use domain::order::SortBy;
use domain::page::Page;
use domain::usage::UsageView;
use domain::workload::WorkloadKind;
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};

use super::UsageTabs;
use super::list::{hours, shown};
use crate::api::error::AppError;
use crate::api::usage::ListUsage;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::problem::Problem;
use crate::features::right::{READERS, use_lacks};
use crate::features::sort::{ServerColumns, oldest_first, use_server_sort};
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{Button, ButtonLink};
use crate::ui::clock::absolute;
use crate::ui::empty::EmptyState;
use crate::ui::field::{Field, INPUT};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The page.
#[component]
pub fn UsageRecordsPage() -> impl IntoView {
    let search = use_location().search;
    let query = Memo::new(move |_| search.get().trim_start_matches('?').to_owned());
    let body = load(query, |query| ListUsage { query })
        .show_or(move |records| view! { <Records records=records query=query.get_untracked() /> }.into_any(), wrong);
    let file = Signal::derive(move || paths::usage_file(&query.get()));
    let actions = move || view! { <ButtonLink href=file download=true>"CSV"</ButtonLink> };
    view! {
        <PageHead title="Usage records" actions=actions>
            <p>"One row for each pod and month. A pod that runs over the end of a month is in both."</p>
            <CopyAs rest=paths::rest(&["usage"]) />
        </PageHead>
        <UsageTabs />
        <MonthForm />
        {body}
    }
    .into_any()
}

fn wrong(error: AppError) -> AnyView {
    let clear = (!error.errors.is_empty())
        .then(|| view! { <p><ButtonLink href=paths::usage_records("")>"Show this month"</ButtonLink></p> });
    view! {
        <Problem error=error />
        {clear}
    }
    .into_any()
}

#[component]
fn MonthForm() -> impl IntoView {
    let month = use_query_map().read_untracked().get("month").unwrap_or_default();
    view! {
        <form method="get" action=paths::usage_records("") class="flex flex-wrap items-end gap-3 print:hidden" aria-label="Month">
            <Field id="month" label="Month (UTC)">
                <input id="month" name="month" type="month" class=INPUT value=month placeholder="2026-11" />
            </Field>
            <div class="pb-1">
                <Button>"Show"</Button>
            </div>
        </form>
    }
}

const COLUMNS: &[Column] = &[
    Column::Words("Pod"),
    Column::Words("SKU"),
    Column::Words("Status"),
    Column::Figures("From"),
    Column::Figures("To"),
    Column::Figures("Hours"),
    Column::Figures("Per hour"),
    Column::Figures("Cost"),
];

// Records are made as their pods begin.
const SORTS: ServerColumns = &[("From", SortBy::Created)];

#[component]
fn Records(records: Page<UsageView>, query: String) -> impl IntoView {
    if records.items.is_empty() {
        let text = "A record begins when the first container of a pod with a SKU runs, and ends with the pod.";
        return view! { <EmptyState title="No record in this month" text=text /> }.into_any();
    }
    let next = records.next_cursor.map(|cursor| paths::usage_records_page(&query, &cursor));
    let on = if oldest_first(&query) { "Newer records" } else { "Older records" };
    let row = |record: UsageView| {
        let (tone, word) = if record.running { (Tone::Ok, "Running") } else { (Tone::Ended, "Ended") };
        let ended = record.ended_at.as_deref().map_or_else(|| "–".to_owned(), absolute);
        view! {
            <tr class=ROW data-testid="usage-record">
                <td class=CELL>
                    <p class="font-medium">
                        <PodName namespace_id=record.namespace_id name=record.pod />
                    </p>
                    <p class="text-sm text-muted">
                        {whose(&record.namespace, &record.member, record.api_key_name.as_deref())}
                    </p>
                </td>
                <td class=CELL>
                    <code class="font-mono text-sm whitespace-nowrap">{record.sku_code}</code>
                    <p class="text-sm text-muted">{record.engine}</p>
                </td>
                <td class=CELL>
                    <Badge tone=tone label=word />
                </td>
                <td class=FIGURE>{absolute(&record.started_at)}</td>
                <td class=FIGURE>{ended}</td>
                <td class=FIGURE>{hours(record.seconds)}</td>
                <td class=FIGURE>{shown(&record.price_per_hour, &record.currency)}</td>
                <td class=FIGURE>{shown(&record.cost, &record.currency)}</td>
            </tr>
        }
    };
    view! {
        <Table label="Usage records" columns=COLUMNS sorts=use_server_sort(SORTS)>
            {records.items.into_iter().map(row).collect_view()}
        </Table>
        {next.map(|href| view! { <p><ButtonLink href=href>{on}</ButtonLink></p> })}
    }
    .into_any()
}

/// Where a pod ran, for whom, and with which key.
fn whose(namespace: &str, member: &str, key: Option<&str>) -> String {
    let with = key.map(|name| format!(" with key {name}")).unwrap_or_default();
    format!("{namespace}, {member}{with}")
}

/// Leads to the pod's page, which says itself when it is gone. Who sees usage alone is refused there.
#[component]
fn PodName(namespace_id: String, name: String) -> impl IntoView {
    let closed = use_lacks(READERS);
    let href = paths::workload(&namespace_id, WorkloadKind::Pod, &name);
    move || {
        let (name, href) = (name.clone(), href.clone());
        if closed.get() {
            name.into_any()
        } else {
            view! { <a href=href class="hover:underline">{name}</a> }.into_any()
        }
    }
}
