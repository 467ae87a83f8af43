//! Budgets: for the account and for namespaces, when to be told, and whether to stop.

mod form;

use domain::budget::BudgetView;
use domain::page::Page;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::UsageTabs;
use super::list::shown;
use crate::api::budget::{BudgetPage, ListBudgets};
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::visits::{cursor_of, list_key};
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{BlockableLink, ButtonLink, ButtonSize, ButtonTone};
use crate::ui::empty::EmptyState;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::meter::Meter;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};
use form::{ChangeBudgetDialog, DeleteBudgetDialog, NewBudgetDialog};

/// The page; making, changing and deleting are states of the URL.
#[component]
pub fn BudgetsPage() -> impl IntoView {
    let key = list_key(&["new", "change", "delete"]);
    let body =
        load(key, |key| ListBudgets { cursor: cursor_of(&key) }).show(|page| view! { <Body page=page /> }.into_any());
    view! {
        <PageHead title="Budgets">
            <p>"What a month may cost. Months are UTC."</p>
            <CopyAs rest=paths::rest(&["budgets"]) />
        </PageHead>
        <UsageTabs />
        {body}
    }
    .into_any()
}

/// Who may; for those who may not.
const NO_RIGHT: &str = "Owners and admins set budgets";

#[component]
fn Body(page: BudgetPage) -> impl IntoView {
    let query = use_query_map();
    let BudgetPage { budgets, namespaces, currency, manages } = page;
    let all = StoredValue::new(budgets.items.clone());
    let asked = move |dialog: &'static str| {
        let id = query.read().get(dialog)?;
        all.with_value(|all| all.iter().find(|budget| budget.id == id).cloned())
    };
    let why = (!manages).then(|| NO_RIGHT.to_owned());
    let creating = move || {
        let asked = manages && query.read().get("new").is_some();
        asked.then(|| view! { <NewBudgetDialog namespaces=namespaces.clone() currency=currency.clone() /> })
    };
    view! {
        <div>
            <BlockableLink href=paths::new_budget() tone=ButtonTone::Primary blocked=why>
                <Glyph icon=Icon::Plus />
                "New budget"
            </BlockableLink>
        </div>
        <Budgets budgets=budgets manages=manages />
        {creating}
        {move || asked("change").filter(|_| manages).map(|budget| view! { <ChangeBudgetDialog budget=budget /> })}
        {move || asked("delete").filter(|_| manages).map(|budget| view! { <DeleteBudgetDialog budget=budget /> })}
    }
}

const COLUMNS: &[Column] = &[
    Column::Words("For"),
    Column::Words("Status"),
    Column::Words("Spent this month"),
    Column::Figures("Budget"),
    Column::Words("Told at"),
    Column::Actions("Actions"),
];

#[component]
fn Budgets(budgets: Page<BudgetView>, manages: bool) -> impl IntoView {
    let cursor = use_query_map().read_untracked().get("cursor").unwrap_or_default();
    if budgets.items.is_empty() && cursor.is_empty() {
        let text = "A budget tells you when a part of a month's money is spent, and can refuse new pods when all of it \
            is. What runs goes on.";
        let why = (!manages).then(|| NO_RIGHT.to_owned());
        return view! {
            <EmptyState title="No budget yet" text=text learn=paths::learn::BUDGETS>
                <BlockableLink href=paths::new_budget() tone=ButtonTone::Primary blocked=why>
                    "New budget"
                </BlockableLink>
            </EmptyState>
        }
        .into_any();
    }
    let next = budgets.next_cursor.map(|cursor| paths::budgets_page(&cursor));
    let row = move |budget| view! { <Row budget=budget cursor=manages.then(|| cursor.clone()) /> };
    view! {
        <Table label="Budgets" columns=COLUMNS>
            {budgets.items.into_iter().map(row).collect_view()}
        </Table>
        {next.map(|href| view! { <p><ButtonLink href=href>"Next page"</ButtonLink></p> })}
    }
    .into_any()
}

/// One budget; `cursor` is the page of the list it stands on, for who manages budgets.
#[component]
fn Row(budget: BudgetView, cursor: Option<String>) -> impl IntoView {
    let name = name(&budget);
    let (tone, word) = state(&budget);
    let spent = format!("{} of {}", shown(&budget.spent, &budget.currency), shown(&budget.amount, &budget.currency));
    let told: Vec<String> = budget.warn_at.iter().map(|percent| format!("{percent} %")).collect();
    let stop = if budget.hard_stop { "stops new pods" } else { "warns only" };
    let (id, whose) = (budget.id.clone(), name.clone());
    let actions = cursor.map(|cursor| view! { <Actions cursor=cursor id=id name=whose /> });
    view! {
        <tr class=ROW data-testid="budget">
            <td class=CELL>
                <p class="font-medium">{name}</p>
                <p class="text-sm text-muted">{stop}</p>
            </td>
            <td class=CELL>
                <Badge tone=tone label=word />
            </td>
            <td class=CELL>
                <p class="tabular-nums">{format!("{} ({} %)", shown(&budget.spent, &budget.currency), budget.percent)}</p>
                <Meter percent=budget.percent label=spent />
            </td>
            <td class=FIGURE>{shown(&budget.amount, &budget.currency)}</td>
            <td class=CELL>{told.join(", ")}</td>
            <td class=FIGURE>{actions}</td>
        </tr>
    }
}

#[component]
fn Actions(cursor: String, id: String, name: String) -> impl IntoView {
    let link = move |word: &'static str, dialog: &str| {
        let label = format!("{word} the budget of {name}");
        view! {
            <ButtonLink href=paths::budget_dialog(&cursor, dialog, &id) tone=ButtonTone::Quiet size=ButtonSize::Small attr:aria-label=label>
                {word}
            </ButtonLink>
        }
    };
    view! { <span class="inline-flex gap-1">{link("Change", "change")} {link("Delete", "delete")}</span> }
}

/// What people call what a budget is for.
fn name(budget: &BudgetView) -> String {
    budget.namespace.clone().unwrap_or_else(|| "Whole account".to_owned())
}

fn state(budget: &BudgetView) -> (Tone, &'static str) {
    match (budget.stopped, budget.percent) {
        (true, _) => (Tone::Fail, "New pods refused"),
        (false, 100..) => (Tone::Fail, "Spent"),
        (false, 80..) => (Tone::Wait, "Nearly spent"),
        _ => (Tone::Ok, "Within budget"),
    }
}
