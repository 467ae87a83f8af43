//! What of the logs is shown, and the switches that choose it.

use domain::workload::WorkloadView;
use leptos::prelude::*;

use super::log::started;
use crate::features::log_stream::LogStream;
use crate::paths;
use crate::ui::button::{ButtonLink, ButtonSize};
use crate::ui::field::SMALL_SELECT;

/// How much of the past one may begin with: a number of lines, or of seconds.
const PAST: [(&str, &str); 8] = [
    ("100", "last 100 lines"),
    ("500", "last 500 lines"),
    ("2000", "last 2,000 lines"),
    ("10000", "last 10,000 lines"),
    ("100000", "last 100,000 lines"),
    ("900s", "last 15 minutes"),
    ("3600s", "last hour"),
    ("86400s", "last day"),
];

/// What of the logs is shown.
#[derive(Clone, Copy)]
pub struct Choice {
    /// Pods that have a log.
    pub all: Memo<Vec<String>>,
    /// Those that are shown.
    pub pods: Memo<Vec<String>>,
    /// Of the run before the last restart.
    pub previous: RwSignal<bool>,
    chosen: RwSignal<String>,
    containers: Memo<Vec<String>>,
    container: RwSignal<String>,
    past: RwSignal<String>,
}

// === impl Choice ===

impl Choice {
    /// Of the pods of a workload: at first all together.
    pub fn new(workload: Memo<WorkloadView>) -> Self {
        let chosen = RwSignal::new(String::new());
        let all = Memo::new(move |_| workload.with(started));
        let pods = Memo::new(move |_| all.with(|all| pick(all, &chosen.get())));
        let names = |w: &WorkloadView| w.pods.first().map(|p| p.containers.iter().map(|c| c.name.clone()).collect());
        let containers = Memo::new(move |_| workload.with(names).unwrap_or_default());
        let (previous, container) = (RwSignal::new(false), RwSignal::new(String::new()));
        Self { all, pods, previous, chosen, containers, container, past: RwSignal::new("500".to_owned()) }
    }

    /// The options of the stream.
    pub fn with_options<T>(self, run: impl FnOnce(&[(&str, &str)]) -> T) -> T {
        let (container, past) = (self.container.get(), self.past.get());
        let mut options = vec![past_option(&past)];
        options.extend((!container.is_empty()).then_some(("container", container.as_str())));
        options.extend(self.previous.get().then_some(("previous", "true")));
        run(&options)
    }

    fn file(self, namespace_id: &str) -> Option<String> {
        let pods = self.pods.get();
        let (pod, container) = (pods.first().filter(|_| pods.len() == 1)?, self.container.get());
        let mut options = Vec::new();
        options.extend((!container.is_empty()).then_some(("container", container.as_str())));
        options.extend(self.previous.get().then_some(("previous", "true")));
        Some(paths::pod_log(namespace_id, pod, &options))
    }
}

/// The option of the stream for a choice of [`PAST`].
fn past_option(choice: &str) -> (&'static str, &str) {
    choice.strip_suffix('s').map_or(("tail", choice), |seconds| ("since", seconds))
}

/// The chosen pod while it is there, else all.
fn pick(pods: &[String], chosen: &str) -> Vec<String> {
    match pods.iter().find(|pod| *pod == chosen) {
        Some(pod) => vec![pod.clone()],
        None => pods.to_vec(),
    }
}

/// The row of switches.
#[component]
pub fn Switches(log: LogStream, choice: Choice, namespace_id: String) -> impl IntoView {
    let many = move || choice.all.with(|pods| pods.len() > 1);
    let pods = Signal::derive(move || {
        let all = choice.all.get().into_iter().map(|pod| (pod.clone(), pod));
        [(String::new(), "all pods".to_owned())].into_iter().chain(all).collect()
    });
    let containers = Signal::derive(move || {
        let all = choice.containers.get().into_iter().enumerate();
        all.map(|(i, name)| (if i == 0 { String::new() } else { name.clone() }, name)).collect()
    });
    let past = Signal::stored(PAST.map(|(value, words)| (value.to_owned(), words.to_owned())).to_vec());
    let file = Memo::new(move |_| choice.file(&namespace_id));
    view! {
        <div class="js-only flex flex-wrap items-center gap-3 text-sm">
            <span class:hidden=move || !many()>
                <Select label="Pod" options=pods value=choice.chosen />
            </span>
            <span class:hidden=move || choice.containers.with(|all| all.len() < 2)>
                <Select label="Container" options=containers value=choice.container />
            </span>
            <Select label="How much" options=past value=choice.past />
            <input
                type="search"
                class="h-7 w-36 rounded border border-control bg-surface px-2"
                placeholder="Find in log"
                aria-label="Find in log"
                on:input:target=move |event| log.find.set(event.target().value())
            />
            <Tick label="Wrap" value=log.wrap />
            <Tick label="Follow" value=log.follow />
            <Tick label="Previous run" value=choice.previous />
            {move || match file.get() {
                Some(href) => view! { <ButtonLink href=href size=ButtonSize::Small download=true>"Download"</ButtonLink> }.into_any(),
                None => view! { <span class="text-faint">"Choose one pod to download its whole log"</span> }.into_any(),
            }}
        </div>
    }
}

#[component]
fn Select(label: &'static str, options: Signal<Vec<(String, String)>>, value: RwSignal<String>) -> impl IntoView {
    let option = move |(key, words): (String, String)| {
        let selected = value.with_untracked(|value| *value == key);
        view! {
            <option value=key selected=selected>
                {words}
            </option>
        }
    };
    view! {
        <select class=SMALL_SELECT aria-label=label on:change:target=move |event| value.set(event.target().value())>
            {move || options.get().into_iter().map(option).collect_view()}
        </select>
    }
}

#[component]
fn Tick(label: &'static str, value: RwSignal<bool>) -> impl IntoView {
    view! {
        <label class="inline-flex cursor-pointer items-center gap-1.5">
            <input
                type="checkbox"
                class="size-3.5 accent-accent"
                prop:checked=move || value.get()
                on:change:target=move |event| value.set(event.target().checked())
            />
            {label}
        </label>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_asked_for_in_lines_or_in_seconds() {
        assert_eq!((past_option("500"), past_option("3600s")), (("tail", "500"), ("since", "3600")));
    }

    #[test]
    fn the_log_stays_with_the_chosen_pod_until_it_is_gone() {
        let pods = ["a".to_owned(), "b".to_owned()];
        assert_eq!(pick(&pods, "b"), ["b"]);
        assert_eq!(pick(&pods, "gone"), ["a", "b"]);
        assert!(pick(&[], "a").is_empty());
    }
}
