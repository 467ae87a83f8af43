//! The logs of a workload, line by line as they are written: one pod, or several together.

use std::sync::Arc;

use domain::figure::grouped;
use domain::pod::{ContainerPhase, ContainerView, PodView};
use domain::workload::WorkloadView;
use leptos::html;
use leptos::prelude::*;

use super::detail::Shown;
use super::log_switches::{Choice, Switches};
use crate::features::live::{Link, LiveDot};
use crate::features::log_stream::{End, LogStream, RESTART, use_log};
use crate::features::words::count;
use crate::paths;
use crate::ui::clock::At;
use crate::ui::code::CodeBlock;
use crate::ui::keyed::Keyed;

/// Most pods whose logs are shown together; the stream takes no more.
const MOST_PODS: usize = domain::log::MOST_PODS;

/// Log with its switches: which pods, which container, how much of the past, follow, wrap, find.
#[component]
pub fn LogPanel(shown: Shown) -> impl IntoView {
    let id = StoredValue::new(shown.namespace.id.clone());
    let choice = Choice::new(shown.now);
    let url = Signal::derive(move || {
        let pods = choice.pods.get();
        if pods.is_empty() {
            return String::new();
        }
        choice.with_options(|options| paths::live_log(&id.get_value(), &pods, options))
    });
    let log = use_log(url);
    let several = Memo::new(move |_| choice.pods.with(|pods| pods.len() > 1));
    let command = shown.logs_command();
    view! {
        <section class="grid min-w-0 gap-2">
            <div class="flex flex-wrap items-center gap-x-4 gap-y-2">
                <h2 class="font-semibold">"Log"</h2>
                <LiveDot link=log.link />
                <Found log=log />
            </div>
            <Switches log=log choice=choice namespace_id=id.get_value() />
            <Lines log=log choice=choice several=several />
            <noscript>
                <CodeBlock code=command label="Logs stream with JavaScript, or in a shell" />
            </noscript>
        </section>
    }
}

/// Pods whose containers have run: only they have a log. What ran to prepare them is not the workload's.
pub fn started(workload: &WorkloadView) -> Vec<String> {
    // Between its first two runs it waits with no restart yet.
    let before = |c: &ContainerView| c.restarts > 0 || c.last_exit.is_some();
    let ran = |c: &ContainerView| !c.init && (c.phase != ContainerPhase::Waiting || before(c));
    let ran = |pod: &&PodView| pod.started_at.is_some() && pod.containers.iter().any(ran);
    workload.pods.iter().filter(ran).take(MOST_PODS).map(|pod| pod.name.clone()).collect()
}

/// How many lines there are, and how many the search leaves.
#[component]
fn Found(log: LogStream) -> impl IntoView {
    let text = move || {
        let all = log.lines.with(|lines| lines.len() as u32);
        match (log.find.with(String::is_empty), all) {
            (_, 0) => String::new(),
            (true, all) => count(all, "line"),
            (false, all) => format!("{} of {}", grouped(log.total() as i64), count(all, "line")),
        }
    };
    // Read out for who searches; a count that grows with each line is noise.
    let live = move || if log.find.with(String::is_empty) { "off" } else { "polite" };
    view! {
        <p class="text-sm text-muted" data-testid="lines" aria-live=live>
            {text}
        </p>
    }
}

/// Each pod's mark has a colour of its own beside its name.
const MARKS: [&str; 6] = ["text-accent", "text-ok", "text-wait", "text-sim", "text-fail", "text-muted"];

/// A line begins with the number of its pod.
fn line(text: &str, mark: Option<&[String]>) -> AnyView {
    let (number, text) = text.split_once(' ').unwrap_or(("0", text));
    let number: usize = number.parse().unwrap_or(0);
    let text = text.to_owned();
    let mark = mark.and_then(|pods| pods.get(number)).map(|pod| {
        // The end of a pod's name is what tells it from the others.
        let short = pod.rsplit('-').next().unwrap_or(pod).to_owned();
        let class = format!("mr-3 select-none {}", MARKS[number % MARKS.len()]);
        view! {
            <span class=class title=pod.clone()>
                {short}
            </span>
        }
    });
    match text.strip_prefix(RESTART) {
        Some(restart) => {
            let words = restarted(restart);
            view! { <span class="block min-h-5 wrap-anywhere text-wait" data-testid="restart">{mark} {words}</span> }
                .into_any()
        }
        None => view! { <span class="block min-h-5 wrap-anywhere">{mark} {text}</span> }.into_any(),
    }
}

/// What stands between two runs of a container: `── Container restarted after exit code 3 at 2026-11-21 09:00 UTC ──`.
fn restarted(text: &str) -> impl IntoView + use<> {
    let (at, words) = text.split_once(' ').unwrap_or(("-", text));
    let (at, words) = (at.to_owned(), words.to_owned());
    let when = (at != "-").then(|| view! { " at " <At at=at /> });
    view! { "── " {words} {when} " ──" }
}

/// Height of a line that is not broken, in pixels (`leading-5`).
const LINE: usize = 20;
/// Lines in the page at most; it shows some thirty of them.
const DRAWN: usize = 160;
/// Lines drawn above the first that is seen.
const ABOVE: usize = 60;

/// The lines; scrolled to the end while following. Only those around what is seen are in the page, between two spaces as
/// high as the others would be: a log of 100,000 lines scrolls like a short one.
#[component]
fn Lines(log: LogStream, choice: Choice, several: Memo<bool>) -> impl IntoView {
    let node = NodeRef::<html::Pre>::new();
    let top = RwSignal::new(0_usize);
    let total = Memo::new(move |_| log.total());
    let first = Memo::new(move |_| {
        let last = total.get().saturating_sub(DRAWN);
        if log.follow.get() { last } else { last.min(top.get()) }
    });
    stay_at_end(log, first, node);
    let scrolled = move |_| {
        let at = node.get_untracked().map_or(0, |pre| usize::try_from(pre.scroll_top()).unwrap_or(0));
        top.set((at / LINE).saturating_sub(ABOVE));
    };
    let up = move || log.follow.set(false);
    let keys = move |event: web_sys::KeyboardEvent| {
        if matches!(event.key().as_str(), "ArrowUp" | "PageUp" | "Home") {
            up();
        }
    };
    let wheel = move |event: web_sys::WheelEvent| {
        if event.delta_y() < 0.0 {
            up();
        }
    };
    // Who scrolls back draws old lines anew: they are not news.
    let live = move || if log.follow.get() { "polite" } else { "off" };
    let above = move || (first.get() * LINE).to_string();
    let below = move || (total.get().saturating_sub(first.get() + DRAWN) * LINE).to_string();
    let draw = move |_: String, text: String| {
        let pods = several.get_untracked().then(|| choice.pods.get_untracked());
        line(&text, pods.as_deref())
    };
    view! {
        <pre
            node_ref=node
            role="log"
            aria-label="Log"
            aria-live=live
            tabindex="0"
            class="h-[min(36rem,70dvh)] overflow-auto rounded-md border border-line bg-sunken px-3 py-2.5 font-mono text-sm leading-5 [overflow-anchor:none]"
            class:whitespace-pre-wrap=move || log.wrap.get()
            on:scroll=scrolled
            on:keydown=keys
            on:wheel=wheel
            on:touchmove=move |_| up()
        >
            <Note log=log choice=choice />
            <svg class="block" width="1" height=above aria-hidden="true"></svg>
            <Keyed items=Signal::derive(move || log.part(first.get(), DRAWN)) draw=Arc::new(draw) />
            <svg class="block" width="1" height=below aria-hidden="true"></svg>
            <Last log=log choice=choice />
        </pre>
    }
}

/// While following, each line that comes is seen.
fn stay_at_end(log: LogStream, first: Memo<usize>, node: NodeRef<html::Pre>) {
    Effect::new(move || {
        log.lines.track();
        first.track();
        if let Some(pre) = node.get().filter(|_| log.follow.get()) {
            pre.set_scroll_top(pre.scroll_height());
        }
    });
}

/// Why there is no line yet.
#[component]
fn Note(log: LogStream, choice: Choice) -> impl IntoView {
    let empty = move || log.lines.with(crate::features::log_stream::Lines::is_empty);
    let note = move || match (choice.pods.with(Vec::is_empty), log.link.get()) {
        (true, _) => "The log begins when the first pod has started.",
        (false, Link::Live) if empty() => "Connected. Nothing has been written yet.",
        _ => "",
    };
    view! { <span class="text-faint">{note}</span> }
}

/// Why no more lines come.
#[component]
fn Last(log: LogStream, choice: Choice) -> impl IntoView {
    let last = move || match log.end.get() {
        Some(End::Over) if choice.previous.get() => "This is the whole log of the run before the last restart.",
        Some(End::Over) => "The container has ended; this is its whole log.",
        Some(End::Broken) => "The line to the cluster broke. Trying again.",
        None => "",
    };
    view! { <span class="text-faint">{last}</span> }
}

// === impl Shown ===

impl Shown {
    fn logs_command(&self) -> String {
        let (namespace, kind) = (&self.namespace.kubernetes_name, self.kind.as_str());
        format!("kubectl -n {namespace} logs -f {kind}/{}\n", self.name)
    }
}
