//! Usage in sums: what runs now, what the days cost, and by namespace, SKU, member and key. Range and filters are the URL.

use domain::figure::grouped;
use domain::usage::{UsageShare, UsageSummary};
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};

use super::UsageTabs;
use crate::api::error::AppError;
use crate::api::usage::GetUsage;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::problem::Problem;
use crate::features::words::count;
use crate::paths;
use crate::ui::button::{Button, ButtonLink};
use crate::ui::chart::{Guide, StackedBars};
use crate::ui::empty::EmptyState;
use crate::ui::field::{Field, INPUT};
use crate::ui::money::{amount, per_hour_and_day};
use crate::ui::panel::Panel;
use crate::ui::readout::{Readout, Readouts};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// What the sums may be narrowed to, as it stands in the address.
const FILTERS: [&str; 4] = ["namespace", "sku", "member", "key"];

/// The page.
#[component]
pub fn UsagePage() -> impl IntoView {
    let search = use_location().search;
    let query = Memo::new(move |_| search.get().trim_start_matches('?').to_owned());
    let body = load(query, |query| GetUsage { query })
        .show_or(move |summary| view! { <Body summary=summary query=query.get_untracked() /> }.into_any(), wrong);
    view! {
        <PageHead title="Usage">
            <p>"What the account's pods cost, from their first container running to their end. Days are UTC."</p>
            <CopyAs rest=paths::rest(&["usage", "summary"]) />
        </PageHead>
        <UsageTabs />
        {body}
    }
    .into_any()
}

/// A range that cannot be: its sentence, and the way back.
fn wrong(error: AppError) -> AnyView {
    let clear = (!error.errors.is_empty())
        .then(|| view! { <p><ButtonLink href=paths::usage("")>"Show this month"</ButtonLink></p> });
    view! {
        <Problem error=error />
        {clear}
    }
    .into_any()
}

#[component]
fn Body(summary: UsageSummary, query: String) -> impl IntoView {
    let [total, month, forecast] =
        [&summary.total, &summary.month, &summary.forecast].map(|decimal| shown(decimal, &summary.currency));
    let rate = amount(&summary.per_hour, &summary.currency).filter(|_| summary.running > 0);
    let (hour, day) = rate.map_or_else(|| ("–".to_owned(), "Nothing runs".to_owned()), |rate| per_hour_and_day(&rate));
    let now = if summary.running == 0 { day } else { format!("{}, {day}", count(summary.running, "pod")) };
    let hours = format!("{} pod hours", hours(summary.seconds));
    let (since, until) = (summary.since.clone(), summary.until.clone());
    view! {
        <Range since=since until=until query=query.clone() />
        <Readouts>
            <Readout label="Cost now" value=hour note=now />
            <Readout label="In these days" value=total note=hours />
            <Readout label="This month" value=month note="so far" />
            <Readout label="Forecast" value=forecast note="this month, if what runs now goes on" />
        </Readouts>
        <Figures summary=summary query=query />
    }
}

/// The days, and what is filtered by. A plain form: it works without JavaScript.
#[component]
fn Range(since: String, until: String, query: String) -> impl IntoView {
    let map = use_query_map();
    let kept = FILTERS.into_iter().filter_map(move |name| {
        let value = map.read_untracked().get(name).filter(|value| !value.is_empty())?;
        Some(view! { <input type="hidden" name=name value=value /> })
    });
    let filtered = FILTERS.iter().any(|name| paths::without_cursor(&query).contains(&format!("{name}=")));
    view! {
        <form method="get" action=paths::usage("") class="flex flex-wrap items-end gap-3 print:hidden" aria-label="Days">
            {kept.collect_view()}
            <Field id="since" label="From day (UTC)">
                <input id="since" name="since" type="date" class=INPUT value=since />
            </Field>
            <Field id="until" label="To day (UTC)">
                <input id="until" name="until" type="date" class=INPUT value=until />
            </Field>
            <div class="flex gap-2 pb-1">
                <Button>"Show"</Button>
                {(!query.is_empty())
                    .then(|| {
                        let word = if filtered { "Show everything" } else { "This month" };
                        view! { <ButtonLink href=paths::usage("")>{word}</ButtonLink> }
                    })}
            </div>
        </form>
    }
}

#[component]
fn Figures(summary: UsageSummary, query: String) -> impl IntoView {
    if summary.skus.is_empty() {
        let text = "Usage appears here once a pod with a SKU runs: seconds after it started, to the second.";
        return view! {
            <EmptyState title="Nothing was used in these days" text=text>
                <ButtonLink href=paths::catalogue()>"See what there is to run"</ButtonLink>
            </EmptyState>
        }
        .into_any();
    }
    let currency = summary.currency.clone();
    let chart = summary.clone();
    let days = summary.days.into_iter().rev().map(|day| {
        view! {
            <tr class=ROW>
                <td class=CELL>{day.day}</td>
                <td class=FIGURE>{shown(&day.cost, &currency)}</td>
            </tr>
        }
    });
    let days = days.collect_view();
    let of = |filter, title, shares| {
        view! { <Breakdown filter=filter title=title shares=shares currency=summary.currency.clone() query=query.clone() /> }
    };
    view! {
        <Panel title="Cost by day">
            <div class="grid gap-2 p-4">
                <Chart summary=chart />
                <details>
                    <summary class="cursor-pointer text-sm text-muted">"As a table"</summary>
                    <div class="pt-2">
                        <Table label="Cost by day" columns=DAY_COLUMNS>
                            {days}
                        </Table>
                    </div>
                </details>
            </div>
        </Panel>
        {of("namespace", "By namespace", summary.namespaces)}
        {of("sku", "By SKU", summary.skus)}
        {of("member", "By member", summary.members)}
        {of("key", "By API key", summary.keys)}
        <p class="text-sm text-muted">
            "A pod is of the key that ordered it and of the key's owner, or of the person who ordered it in the console. Where nobody knows, it is of the member who made the namespace."
        </p>
    }
    .into_any()
}

/// The days as bars; dashed, what those that have not ended will cost if what runs now goes on; and the budget's share of
/// each day.
#[component]
fn Chart(summary: UsageSummary) -> impl IntoView {
    let series: Vec<String> = summary.skus.iter().map(|sku| sku.name.clone()).collect();
    let bars: Vec<Vec<f64>> =
        summary.days.iter().map(|day| day.skus.iter().map(|cost| number(cost)).collect()).collect();
    let guides = guides(&summary);
    let forecast = summary.ahead.last().map(|last| format!("; dashed, the forecast to {}", last.day));
    let UsageSummary { since, until, .. } = summary;
    let label = format!("Cost by day and SKU from {since} to {until}{}", forecast.unwrap_or_default());
    let end = summary.ahead.into_iter().map(|day| day.day).chain([until]).max();
    view! {
        <StackedBars label=label series=series bars=bars guides=guides />
        <p class="flex justify-between text-sm text-faint">
            <span>{since}</span>
            <span>{end}</span>
        </p>
    }
}

fn number(decimal: &str) -> f64 {
    decimal.parse().unwrap_or_default()
}

/// The lines over the bars. One for a budget that is far above all that is drawn would press the bars flat: it is left to
/// the legend.
fn guides(summary: &UsageSummary) -> Vec<Guide> {
    let today = summary.ahead.first().and_then(|today| summary.days.iter().position(|day| day.day == today.day));
    let mut ahead: Vec<Option<f64>> = vec![None; today.unwrap_or_default()];
    ahead.extend(summary.ahead.iter().map(|day| Some(number(&day.cost))));
    let costs = summary.days.iter().map(|day| &day.cost).chain(summary.ahead.iter().map(|day| &day.cost));
    let highest = costs.map(|cost| number(cost)).fold(0.0, f64::max);
    let budget: Vec<f64> = summary.budget_by_day.iter().map(|share| number(share)).collect();
    let above = budget.iter().all(|share| *share > 4.0 * highest);
    let month = shown(&summary.budget, &summary.currency);
    let budget = Guide {
        amounts: budget.into_iter().map(|share| (!above).then_some(share)).collect(),
        label: format!("Budget of {month} a month, day by day{}", if above { ", above this drawing" } else { "" }),
        dashed: false,
    };
    vec![Guide { amounts: ahead, label: "Forecast, if what runs now goes on".to_owned(), dashed: true }, budget]
}

const DAY_COLUMNS: &[Column] = &[Column::Words("Day"), Column::Figures("Cost")];

const COLUMNS: &[Column] =
    &[Column::Words("Name"), Column::Figures("Pod hours"), Column::Figures("Share"), Column::Figures("Cost")];

/// One breakdown; each name leads to its own sums.
#[component]
fn Breakdown(
    filter: &'static str,
    title: &'static str,
    shares: Vec<UsageShare>,
    currency: String,
    query: String,
) -> impl IntoView {
    let row = move |share: UsageShare| {
        view! {
            <tr class=ROW>
                <td class=CELL>
                    <a href=paths::usage_of(&query, filter, &share.key) class="font-medium hover:underline">
                        {share.name}
                    </a>
                </td>
                <td class=FIGURE>{hours(share.seconds)}</td>
                <td class=FIGURE>{format!("{} %", share.percent)}</td>
                <td class=FIGURE>{shown(&share.cost, &currency)}</td>
            </tr>
        }
    };
    view! {
        <section class="grid gap-2">
            <h2 class="font-semibold">{title}</h2>
            <Table label=title columns=COLUMNS>
                {shares.into_iter().map(row).collect_view()}
            </Table>
        </section>
    }
}

/// `€3.29`; the plain decimal while no currency is known.
pub(super) fn shown(decimal: &str, currency: &str) -> String {
    amount(decimal, currency).map_or_else(|| decimal.to_owned(), |amount| amount.display())
}

/// Hours with two decimals, cut: nobody is shown more than was used.
pub(super) fn hours(seconds: i64) -> String {
    let hundredths = seconds.max(0) / 36;
    format!("{}.{:02}", grouped(hundredths / 100), hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_cut_to_two_decimals() {
        let all = [0, 35, 36, 3599, 3600, 1_252_800, 4_500_000].map(hours);
        assert_eq!(all, ["0.00", "0.00", "0.01", "0.99", "1.00", "348.00", "1\u{202f}250.00"]);
    }

    #[test]
    fn an_amount_without_a_currency_is_its_decimal() {
        assert_eq!((shown("3.29", "EUR"), shown("0.00", "")), ("€3.29".to_owned(), "0.00".to_owned()));
    }
}
