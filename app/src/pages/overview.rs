//! The first page: what needs me, what runs, what it costs, what is free.

use domain::budget::BudgetView;
use domain::idle_gpu::IdleWorkload;
use domain::permission::Permission;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::ask::ask;
use crate::api::overview::GetOverview;
use crate::api::packed::unpack;
use crate::features::first_steps::FirstSteps;
use crate::features::head::PageHead;
use crate::features::live::use_news;
use crate::features::load::load;
use crate::features::overview::{ExpiringKey, Overview};
use crate::features::right::use_holds;
use crate::features::status;
use crate::features::words::count;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::banner::Banner;
use crate::ui::clock::{Ago, Until};
use crate::ui::money::{amount, per_hour, per_hour_and_day};
use crate::ui::readout::{Readout, Readouts};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The overview. Who comes back to it, from a shell or another window, sees what happened meanwhile; who has first steps
/// before them sees each ticked off as it is done.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let looks = Looks { seen: RwSignal::new((0, None)), asked: RwSignal::new(0) };
    Effect::new(move || {
        let back = window_event_listener(leptos::ev::focus, move |_| looks.again());
        on_cleanup(move || back.remove());
    });
    let body = load(Signal::stored(String::new()), |_| GetOverview {})
        .show(move |first| view! { <Newest first=first looks=looks /> }.into_any());
    view! {
        <PageHead title="Overview" />
        {body}
    }
    .into_any()
}

/// What was asked for since the page came.
#[derive(Clone, Copy)]
struct Looks {
    /// The newest answer, and as which one it was asked for.
    seen: RwSignal<(u32, Option<Overview>)>,
    /// How often somebody asked.
    asked: RwSignal<u32>,
}

// === impl Looks ===

impl Looks {
    /// Without an answer what was seen stays, and so it does when an older answer comes late.
    fn again(self) {
        let asked = self.asked.try_update(|asked| {
            *asked += 1;
            *asked
        });
        // The page may be another by now: then nobody looks.
        let Some(this) = asked else { return };
        spawn_local(async move {
            let answer = ask(GetOverview {}).await;
            let Ok(overview) = answer.and_then(|json| unpack::<Overview>(&json)) else { return };
            let _ = self.seen.try_update(|seen| {
                if seen.0 < this {
                    *seen = (this, Some(overview));
                }
            });
        });
    }
}

/// What was asked for last, at first what the page came with.
#[component]
fn Newest(first: Overview, looks: Looks) -> impl IntoView {
    let now = Memo::new(move |_| looks.seen.with(|(_, seen)| seen.clone()).unwrap_or_else(|| first.clone()));
    let reads_log = use_holds(Permission::ReadAudit);
    let url = Memo::new(move |_| {
        let steps = now.with(Overview::steps);
        reads_log.get().map(|reads_log| told_by(steps, reads_log)).unwrap_or_default()
    });
    let news = use_news(url.into());
    // A stream says something as it begins, too: what happened before that is not missed.
    Effect::new(move |heard: Option<bool>| {
        let heard = heard.unwrap_or_default();
        let tells = news.with(|news| news.as_deref().map(|news| !heard || !is_about_a_session(news)));
        if tells == Some(true) {
            looks.again();
        }
        heard || tells.is_some()
    });
    move || view! { <Body overview=now.get() /> }
}

/// Whether the newest row of the log is about a session: none ticks a step, and who signed out may ask no more.
fn is_about_a_session(news: &str) -> bool {
    news.split_once("\"action\":\"").is_some_and(|(_, action)| action.starts_with("session."))
}

/// The stream that tells of the first steps which are left; none when all are done. The log has namespaces, keys and
/// their use; what kubectl deploys, which comes after those, is heard of with the namespaces.
fn told_by(steps: [bool; 4], reads_log: bool) -> String {
    if steps == [true; 4] {
        return String::new();
    }
    let before_deploying = steps[..3].contains(&false);
    if before_deploying && reads_log { paths::live_audit(false, "", "") } else { paths::live_namespaces("") }
}

#[component]
fn Body(overview: Overview) -> impl IntoView {
    let (ready, wanted) = overview.pods;
    let (hour, day) =
        overview.spending.rate().map_or_else(|| ("–".to_owned(), "Nothing runs".to_owned()), |p| per_hour_and_day(&p));
    let (month, forecast) = overview.spending.this_month();
    let (free, classes) = overview.free_gpus();
    let trouble = overview.attention();
    let unfinished = overview.steps().contains(&false);
    let steps = overview.clone();
    view! {
        <Readouts>
            <Readout label="Pods ready" value=format!("{ready}/{wanted}") note="of those wanted" />
            <Readout label="Cost now" value=hour note=day />
            <Readout label="This month" value=month note=forecast />
            <Readout label="Free GPUs" value=free note=classes />
            <Readout label="Namespaces" value=overview.namespaces.to_string() note=count(overview.keys, "active API key") />
            <Readout label="Needs attention" value=trouble.to_string() note=if trouble == 0 { "All is well" } else { "See below" } />
        </Readouts>
        {unfinished.then(|| view! { <FirstSteps overview=steps /> })}
        <FailedNamespaces failed=overview.failed_namespaces.clone() />
        <UsedUp budgets=overview.used_up.clone() />
        <ExpiringKeys keys=overview.expiring.clone() />
        <IdleGpus idle=overview.idle.clone() />
        <Work overview=overview />
    }
}

#[component]
fn FailedNamespaces(failed: Vec<(String, String)>) -> impl IntoView {
    let banner = |(name, why): (String, String)| {
        view! {
            <Banner tone=Tone::Fail title=format!("Namespace {name} could not be set up")>
                {why} " " <a href=paths::namespaces() class="link">"Look at the namespaces"</a>
            </Banner>
        }
    };
    failed.into_iter().map(banner).collect_view()
}

/// Budgets of which nothing is left.
#[component]
fn UsedUp(budgets: Vec<BudgetView>) -> impl IntoView {
    let banner = |budget: BudgetView| {
        let whose = budget.namespace.map_or_else(|| "the account".to_owned(), |name| format!("namespace {name}"));
        let spent = amount(&budget.spent, &budget.currency).map_or(budget.spent, |spent| spent.display());
        let of = amount(&budget.amount, &budget.currency).map_or(budget.amount, |all| all.display());
        let stop =
            if budget.stopped { " New pods are refused until the month ends or the budget is raised." } else { "" };
        let tone = if budget.stopped { Tone::Fail } else { Tone::Wait };
        view! {
            <Banner tone=tone title=format!("The budget of {whose} is used up")>
                {format!("{spent} of {of} this month.{stop} ")} <a href=paths::budgets() class="link">"Look at the budgets"</a>
            </Banner>
        }
    };
    budgets.into_iter().map(banner).collect_view()
}

/// Keys whose programs will stand still soon.
#[component]
fn ExpiringKeys(keys: Vec<ExpiringKey>) -> impl IntoView {
    let banner = |key: ExpiringKey| {
        view! {
            <Banner tone=Tone::Wait title=format!("API key {} ends soon", key.name)>
                "It ends " <Until at=key.at /> ". " <a href=paths::api_key(&key.id) class="link">"Rotate it"</a>
            </Banner>
        }
    };
    keys.into_iter().map(banner).collect_view()
}

/// GPUs that are paid for and do nothing.
#[component]
fn IdleGpus(idle: Vec<IdleWorkload>) -> impl IntoView {
    let banner = |one: IdleWorkload| {
        let href = paths::workload(&one.namespace_id, one.kind, &one.name);
        let stops = one.idle.stops_at.map(|at| view! { " It is stopped " <Until at=at /> "." });
        view! {
            <Banner tone=Tone::Wait title=format!("The GPUs of {} are idle", one.name)>
                "Since " <Ago at=Signal::stored(one.idle.since_at) /> {format!(" in {}.", one.namespace)} {stops} " "
                <a href=href class="link">"Look at it"</a>
            </Banner>
        }
    };
    idle.into_iter().map(banner).collect_view()
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
    let rest = overview.rest().map(|rest| {
        view! { <p class="text-sm text-muted"><a href=paths::namespaces() class="link">{rest}</a></p> }
    });
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
            {rest}
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_listens_where_the_next_steps_are_told_of_and_to_nothing_once_they_are_done() {
        let (log, namespaces) = ("/live/audit?after=", "/live/namespaces");
        assert_eq!([[false; 4], [true, true, false, false]].map(|steps| told_by(steps, true)), [log, log]);
        assert_eq!(told_by([true, true, true, false], true), namespaces);
        assert_eq!([false, true].map(|own| told_by([own, own, false, false], false)), [namespaces, namespaces]);
        assert_eq!([false, true].map(|reads_log| told_by([true; 4], reads_log)), ["", ""]);
    }
}
