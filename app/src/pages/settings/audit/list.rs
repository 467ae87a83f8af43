//! The audit log: who did what, when and from where; filters in the URL, new rows as they come.

use std::sync::Arc;

use domain::audit::AuditView;
use domain::order::SortBy;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::filter::Filters;
use super::row::Row;
use crate::api::audit::{AuditPage, ListAudit};
use crate::api::error::AppError;
use crate::api::packed::unpack;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::live::{LiveDot, use_live};
use crate::features::load::load;
use crate::features::problem::Problem;
use crate::features::sort::{ServerColumns, oldest_first, use_server_sort};
use crate::paths;
use crate::ui::button::ButtonLink;
use crate::ui::empty::EmptyState;
use crate::ui::keyed::Keyed;
use crate::ui::table::{Column, Table};
use crate::ui::tabs::Segment;

/// The log of the account.
#[component]
pub fn AuditPage() -> impl IntoView {
    page(false)
}

/// The log of the whole platform, for operators.
#[component]
pub fn PlatformAuditPage() -> impl IntoView {
    page(true)
}

fn page(platform: bool) -> AnyView {
    let search = use_location().search;
    let query = Memo::new(move |_| search.get().trim_start_matches('?').to_owned());
    let call: fn(String) -> ListAudit = if platform {
        |query| ListAudit { query, platform: true }
    } else {
        |query| ListAudit { query, platform: false }
    };
    let body = load(query, call).show_or(
        move |page| view! { <Body platform=platform page=page query=query.get_untracked() /> }.into_any(),
        wrong,
    );
    let title = if platform { "Platform audit" } else { "Audit" };
    let rest = if platform { paths::rest(&["platform", "audit"]) } else { paths::rest(&["audit"]) };
    let file = move |format: &'static str| Signal::derive(move || paths::audit_export(platform, format, &query.get()));
    let exports = move || {
        view! {
            <ButtonLink href=file("csv") download=true>"CSV"</ButtonLink>
            <ButtonLink href=file("jsonl") download=true>"JSON Lines"</ButtonLink>
        }
    };
    view! {
        <PageHead title=title actions=exports>
            <p>"Who did what, when and from where. Each row is sealed to the one before it."</p>
            <CopyAs rest=rest />
        </PageHead>
        {body}
    }
    .into_any()
}

/// A filter that cannot be: its sentence, and the way back to all rows.
fn wrong(error: AppError) -> AnyView {
    let clear = (!error.errors.is_empty())
        .then(|| view! { <p><ButtonLink href="?".to_owned()>"Clear filters"</ButtonLink></p> });
    view! {
        <Problem error=error />
        {clear}
    }
    .into_any()
}

const COLUMNS: &[Column] = &[
    Column::Words("When"),
    Column::Words("Who"),
    Column::Words("What"),
    Column::Words("On"),
    Column::Words("Outcome"),
    Column::Words("From"),
    Column::Actions("Details"),
];

const SORTS: ServerColumns = &[("When", SortBy::Created)];

#[component]
fn Body(platform: bool, page: AuditPage, query: String) -> impl IntoView {
    let filters = paths::without_cursor(&query);
    let upwards = oldest_first(&query);
    // New rows belong above the newest, so only where that stands at the top.
    let live = !upwards && !query.split('&').any(|pair| pair.starts_with("cursor="));
    let on = if upwards { "Newer rows" } else { "Older rows" };
    let next = page.rows.next_cursor.clone().map(|cursor| paths::audit_page(platform, &filters, &cursor));
    let switch = page.operator.then(|| view! { <Whose platform=platform /> });
    view! {
        {switch}
        <Filters platform=platform query=query actions=page.actions />
        <Rows platform=platform loaded=page.rows.items filters=filters live=live />
        {next.map(|href| view! { <p><ButtonLink href=href>{on}</ButtonLink></p> })}
    }
}

/// Operators read two logs.
#[component]
fn Whose(platform: bool) -> impl IntoView {
    view! {
        <nav aria-label="Whose log" class="inline-flex justify-self-start divide-x divide-line rounded border border-line-strong">
            <Segment href=paths::audit(false) label="This account" current=Signal::stored(!platform) />
            <Segment href=paths::audit(true) label="Platform" current=Signal::stored(platform) />
        </nav>
    }
}

/// The rows as loaded; where the newest is the first, those that came since stand above it.
#[component]
fn Rows(platform: bool, loaded: Vec<AuditView>, filters: String, live: bool) -> impl IntoView {
    let newest = loaded.first().map(|row| row.id.clone()).unwrap_or_default();
    let url = if live { paths::live_audit(platform, &filters, &newest) } else { String::new() };
    let (came, link) = use_live::<Vec<AuditView>>(Signal::stored(url));
    let known: Vec<String> = loaded.iter().map(|row| row.id.clone()).collect();
    let fresh = Memo::new(move |_| {
        let rows = came.get().unwrap_or_default().into_iter().filter(|row| !known.contains(&row.id));
        rows.filter_map(|row| Some((row.id.clone(), serde_json::to_string(&row).ok()?))).collect::<Vec<_>>()
    });
    let draw =
        move |_, text: String| unpack(&text).ok().map(|row| view! { <Row platform=platform row=row /> }).into_any();
    let (draw, nothing) = (Arc::new(draw), loaded.is_empty());
    let rows = StoredValue::new(loaded);
    let sorts = use_server_sort(SORTS);
    let table = move || {
        let (draw, row) = (draw.clone(), move |row: AuditView| view! { <Row platform=platform row=row /> });
        view! {
            <Table label="Audit log" columns=COLUMNS sorts=sorts.clone()>
                <Keyed items=fresh draw=draw />
                {rows.get_value().into_iter().map(row).collect_view()}
            </Table>
        }
    };
    let empty = Memo::new(move |_| nothing && fresh.with(Vec::is_empty));
    view! {
        <div class="grid gap-2">
            <p class="flex min-h-5 justify-end">
                <LiveDot link=link />
            </p>
            {move || {
                if empty.get() {
                    view! { <EmptyState title="No row fits" text="Rows appear here by themselves as people and programs act. Widen or clear the filters to see older ones." /> }
                        .into_any()
                } else {
                    table().into_any()
                }
            }}
        </div>
    }
}
