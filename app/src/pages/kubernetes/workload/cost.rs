//! What a workload costs: per hour, and so far, ticking between two reports of the server; and for how long it has run.

use domain::money::Money;
use domain::workload::{WorkloadStatus, WorkloadView};
use leptos::prelude::*;

use crate::ui::clock::{absolute, duration, use_clock};
use crate::ui::money::{amount, grown, per_hour_and_day};
use crate::ui::readout::{Readout, Readouts};

/// The figures of a workload.
#[component]
pub fn Cost(shown: Memo<WorkloadView>, gone: Memo<bool>) -> impl IntoView {
    let price = Memo::new(move |_| shown.with(hourly));
    let so_far = so_far(shown, gone);
    let cost = Signal::derive(move || so_far.get().unwrap_or_else(|| "–".to_owned()));
    let hour =
        Signal::derive(move || price.with(|p| p.as_ref().map_or_else(|| "–".to_owned(), |p| per_hour_and_day(p).0)));
    let day = Signal::derive(move || {
        price.with(|p| p.as_ref().map_or_else(|| "Nothing runs yet".to_owned(), |p| per_hour_and_day(p).1))
    });
    let ready = Signal::derive(move || shown.with(|d| format!("{}/{}", d.ready, d.wanted)));
    let restarts = Signal::derive(move || shown.with(|d| d.restarts.to_string()));
    let exits = move |d: &WorkloadView| d.pods.iter().find_map(|pod| pod.last_exit.clone());
    let last_exit = Signal::derive(move || match shown.with(exits) {
        Some(exit) => format!("last end: {}", exit.to_lowercase()),
        None => "over all pods".to_owned(),
    });
    view! {
        <Readouts>
            <Readout label="Ready" value=ready note="pods of those wanted" />
            <Readout label="Price now" value=hour note=day />
            <Readout label="Cost so far" value=cost note="of the pods that exist now" />
            <Readout label="Restarts" value=restarts note=last_exit />
        </Readouts>
    }
}

/// For how long it has run and what it has cost, as the end of the sentence that says where it runs; nothing while it does
/// not run as it should.
#[component]
pub fn RunningFor(shown: Memo<WorkloadView>, gone: Memo<bool>) -> impl IntoView {
    let (clock, so_far) = (use_clock(), so_far(shown, gone));
    let since = Memo::new(move |_| shown.with(running_since).filter(|_| !gone.get()));
    let running = Memo::new(move |_| {
        let words = |at: &String| match clock.seconds_since(at) {
            Some(seconds) => format!(" for {}", duration(seconds)),
            None => format!(" since {}", absolute(at)),
        };
        since.with(|since| since.as_ref().map(words))
    });
    let cost = move || so_far.get().map(|cost| format!(", {cost} so far")).unwrap_or_default();
    let sentence = move || running.get().map(|running| format!("{running}{}", cost())).unwrap_or_default();
    view! { <span class="tabular-nums" data-testid="running-for">{sentence}</span> }
}

/// The last reported cost, plus what has run up since; stands still once the workload is gone.
fn so_far(shown: Memo<WorkloadView>, gone: Memo<bool>) -> Signal<Option<String>> {
    let clock = use_clock();
    let price = Memo::new(move |_| shown.with(hourly));
    let reported = Memo::new(move |_| (shown.with(reported), clock.now_ms_once()));
    Signal::derive(move || {
        let (cost, at) = reported.get();
        let since = at.zip(clock.now_ms()).map_or(0.0, |(at, now)| (now - at) / 1000.0);
        let seconds = if gone.get() { 0 } else { since.max(0.0) as u64 };
        Some(grown(&cost?, price.get().as_ref(), seconds).display())
    })
}

/// What it had cost when the server said so, in the currency of what its pods cost: nothing runs once it is over.
fn reported(workload: &WorkloadView) -> Option<Money> {
    amount(workload.cost_so_far.as_deref()?, workload.cost_currency.as_deref()?)
}

/// Since when the oldest of its pods runs; none while not all that are wanted do, and where not all are told of.
fn running_since(workload: &WorkloadView) -> Option<String> {
    let runs = workload.status == WorkloadStatus::Running && workload.wanted > 0;
    let all_told = workload.pods.len() as u32 == workload.pod_count;
    let ready = workload.pods.iter().filter(|pod| pod.ready && runs && all_told);
    ready.filter_map(|pod| pod.started_at.clone()).min()
}

fn hourly(workload: &WorkloadView) -> Option<Money> {
    let price = workload.price_per_hour.as_ref()?;
    amount(&price.amount, &price.currency)
}

#[cfg(test)]
mod tests {
    use domain::pod::PodView;
    use domain::workload::WorkloadKind;

    use super::*;
    use crate::features::status::tests::running;

    fn pod(started_at: &str, ready: bool) -> PodView {
        PodView {
            name: "demo-1".into(),
            phase: "Running".into(),
            ready,
            node: Some("local".into()),
            ip: None,
            restarts: 0,
            created_at: "2026-11-21T08:00:00Z".into(),
            started_at: Some(started_at.into()),
            reason: String::new(),
            last_exit: None,
            containers: Vec::new(),
            conditions: Vec::new(),
        }
    }

    #[test]
    fn what_is_over_still_says_what_it_cost() {
        let cost = |currency: Option<&str>| {
            let mut over = running(WorkloadKind::Job, 1, None);
            (over.status, over.price_per_hour) = (WorkloadStatus::Succeeded, None);
            (over.cost_so_far, over.cost_currency) = (Some("0.329".into()), currency.map(str::to_owned));
            reported(&over).map(|cost| cost.display())
        };
        assert_eq!([cost(Some("EUR")), cost(None)], [Some("€0.33".to_owned()), None]);
    }

    #[test]
    fn it_runs_since_its_oldest_pod_that_is_ready_started() {
        let mut workload = running(WorkloadKind::Deployment, 2, None);
        let pods = [("2026-11-21T09:05:00Z", true), ("2026-11-21T09:01:00Z", true), ("2026-11-21T08:59:00Z", false)];
        workload.pods = pods.map(|(at, ready)| pod(at, ready)).to_vec();
        workload.pod_count = 3;
        assert_eq!(running_since(&workload).as_deref(), Some("2026-11-21T09:01:00Z"));
        workload.pod_count = 300;
        assert_eq!(running_since(&workload), None, "an older one may be among those that are left out");
        (workload.pod_count, workload.wanted) = (3, 0);
        assert_eq!(running_since(&workload), None, "scaled to zero, the last pods still end");
        (workload.wanted, workload.status) = (2, WorkloadStatus::Degraded);
        assert_eq!(running_since(&workload), None);
    }
}
