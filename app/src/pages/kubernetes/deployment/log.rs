//! The log of one pod, line by line as it is written.

use std::sync::Arc;

use domain::deployment::DeploymentView;
use domain::namespace::NamespaceView;
use leptos::html;
use leptos::prelude::*;

use crate::features::live::{Link, LiveDot};
use crate::features::log_stream::{End, LogStream, use_log};
use crate::paths;
use crate::ui::code::CodeBlock;
use crate::ui::keyed::Keyed;

/// Log with its switches: which pod, follow, wrap, find.
#[component]
pub fn LogPanel(namespace: NamespaceView, shown: Memo<DeploymentView>) -> impl IntoView {
    let name = shown.with_untracked(|d| d.name.clone());
    let chosen = RwSignal::new(None::<String>);
    let pods = Memo::new(move |_| shown.with(started_pods));
    let pod = Memo::new(move |_| pods.with(|pods| pick(pods, chosen.get().as_deref())));
    let id = namespace.id.clone();
    let for_url = name.clone();
    let url =
        Signal::derive(move || pod.get().map(|pod| paths::live_log(&id, &for_url, Some(&pod))).unwrap_or_default());
    let log = use_log(url);
    let command = format!("kubectl -n {} logs -f deployment/{name}\n", namespace.kubernetes_name);
    view! {
        <section class="grid gap-2">
            <div class="flex flex-wrap items-center gap-x-4 gap-y-2">
                <h2 class="font-semibold">"Log"</h2>
                <LiveDot link=log.link />
                <Switches log=log pods=pods pod=pod chosen=chosen />
            </div>
            <Lines log=log waiting=Signal::derive(move || pod.with(Option::is_none)) />
            <noscript>
                <CodeBlock code=command label="Logs stream with JavaScript, or in a shell" />
            </noscript>
        </section>
    }
}

/// Pods whose containers have run: only they have a log.
fn started_pods(deployment: &DeploymentView) -> Vec<String> {
    deployment.pods.iter().filter(|p| p.started_at.is_some()).map(|p| p.name.clone()).collect()
}

/// The chosen pod while it is there, else the first.
fn pick(pods: &[String], chosen: Option<&str>) -> Option<String> {
    pods.iter().find(|pod| Some(pod.as_str()) == chosen).or_else(|| pods.first()).cloned()
}

#[component]
fn Switches(
    log: LogStream,
    pods: Memo<Vec<String>>,
    pod: Memo<Option<String>>,
    chosen: RwSignal<Option<String>>,
) -> impl IntoView {
    let many = move || pods.with(|pods| pods.len() > 1);
    let options = move || {
        let option = |name: String| {
            let selected = pod.with(|pod| pod.as_deref() == Some(&*name));
            view! { <option value=name.clone() selected=selected>{name.clone()}</option> }
        };
        pods.get().into_iter().map(option).collect_view()
    };
    view! {
        <div class="js-only ml-auto flex flex-wrap items-center gap-3 text-sm">
            <select
                class="h-7 rounded border border-line-strong bg-surface px-1.5 font-mono text-sm"
                class:hidden=move || !many()
                aria-label="Pod"
                on:change:target=move |event| chosen.set(Some(event.target().value()))
            >
                {options}
            </select>
            <input
                type="search"
                class="h-7 w-36 rounded border border-line-strong bg-surface px-2"
                placeholder="Find in log"
                aria-label="Find in log"
                on:input:target=move |event| log.find.set(event.target().value())
            />
            <Tick label="Wrap" value=log.wrap />
            <Tick label="Follow" value=log.follow />
        </div>
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

fn line(_: String, text: String) -> AnyView {
    view! { <span class="block min-h-5 wrap-anywhere">{text}</span> }.into_any()
}

/// The lines; scrolled to the end while following.
#[component]
fn Lines(log: LogStream, waiting: Signal<bool>) -> impl IntoView {
    let node = NodeRef::<html::Pre>::new();
    Effect::new(move || {
        log.lines.track();
        if let Some(pre) = node.get().filter(|_| log.follow.get()) {
            pre.set_scroll_top(pre.scroll_height());
        }
    });
    let empty = move || log.lines.with(|lines| lines.is_empty());
    let note = move || match (waiting.get(), log.link.get()) {
        (true, _) => "The log begins when the first pod has started.",
        (false, Link::Live) if empty() => "Connected. Nothing has been written yet.",
        _ => "",
    };
    let last = move || match log.end.get() {
        Some(End::Over) => "The container has ended; this is its whole log.",
        Some(End::Broken) => "The line to the cluster broke. Trying again.",
        None => "",
    };
    view! {
        <pre
            node_ref=node
            role="log"
            aria-label="Log"
            tabindex="0"
            class="h-80 overflow-auto rounded-md border border-line bg-sunken px-3 py-2.5 font-mono text-sm leading-5"
            class:whitespace-pre-wrap=move || log.wrap.get()
        >
            <span class="text-faint">{note}</span>
            <Keyed items=Signal::derive(move || log.found()) draw=Arc::new(line) />
            <span class="text-faint">{last}</span>
        </pre>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_stays_with_the_chosen_pod_until_it_is_gone() {
        let pods = ["a".to_owned(), "b".to_owned()];
        assert_eq!(pick(&pods, Some("b")).as_deref(), Some("b"));
        assert_eq!(pick(&pods, Some("gone")).as_deref(), Some("a"));
        assert_eq!(pick(&[], Some("a")), None);
    }
}
