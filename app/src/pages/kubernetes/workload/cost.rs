//! What a workload costs: per hour, and so far, ticking between two reports of the server.

use domain::money::Money;
use domain::workload::WorkloadView;
use leptos::prelude::*;

use crate::ui::clock::use_clock;
use crate::ui::money::{amount, grown, per_hour_and_day};
use crate::ui::readout::{Readout, Readouts};

/// The figures of a workload.
#[component]
pub fn Cost(shown: Memo<WorkloadView>, gone: Memo<bool>) -> impl IntoView {
    let price = Memo::new(move |_| shown.with(hourly));
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
            <Readout label="Cost so far" value=ticking(shown, price, gone) note="of the pods that exist now" />
            <Readout label="Restarts" value=restarts note=last_exit />
        </Readouts>
    }
}

/// The last reported cost, plus what has run up since; stands still once the workload is gone.
fn ticking(shown: Memo<WorkloadView>, price: Memo<Option<Money>>, gone: Memo<bool>) -> Signal<String> {
    let clock = use_clock();
    let reported = Memo::new(move |_| {
        let cost = shown.with(|d| amount(d.cost_so_far.as_deref()?, &d.price_per_hour.as_ref()?.currency));
        (cost, clock.now_ms_once())
    });
    Signal::derive(move || {
        let (cost, at) = reported.get();
        let Some(cost) = cost else { return "–".to_owned() };
        let since = at.zip(clock.now_ms()).map_or(0.0, |(at, now)| (now - at) / 1000.0);
        let seconds = if gone.get() { 0 } else { since.max(0.0) as u64 };
        grown(&cost, price.get().as_ref(), seconds).display()
    })
}

fn hourly(workload: &WorkloadView) -> Option<Money> {
    let price = workload.price_per_hour.as_ref()?;
    amount(&price.amount, &price.currency)
}
