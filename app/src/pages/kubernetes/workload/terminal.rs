//! A terminal in a container of a workload's pods. The terminal itself is a script of its own that only this page loads.

use domain::permission::Permission;
use domain::pod::ContainerPhase;
use domain::workload::WorkloadView;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;

use super::detail::Shown;
use crate::features::right::use_refusal;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{Button, ButtonSize};
use crate::ui::code::CodeBlock;
use crate::ui::field::SMALL_SELECT;

const NOTE: &str = "What you do here is done with your own rights; opening and closing stands in the audit log. \
    It closes after 15 minutes without a key. In it, Tab goes to the shell; F6 leads back to this page.";
/// The element that F6 leads to.
const LEAVE: &str = "terminal-connect";

/// The tab *Terminal*.
#[component]
pub fn TerminalTab(shown: Shown) -> impl IntoView {
    Effect::new(load_script);
    let now = shown.now;
    let places = Memo::new(move |_| now.with(running));
    let (chosen, shell) = (RwSignal::new(String::new()), RwSignal::new("auto".to_owned()));
    let attempt = RwSignal::new(0_u32);
    let namespace = shown.namespace.id.clone();
    let url = Signal::derive(move || {
        let place = places.with(|all| all.iter().find(|p| **p == chosen.get()).or(all.first()).cloned());
        let place = place.unwrap_or_default();
        let (pod, container) = place.split_once('/').unwrap_or_default();
        paths::terminal(&namespace, pod, container, &shell.get())
    });
    let refused = use_refusal(Permission::Deploy);
    let nowhere = move || places.with(Vec::is_empty).then(|| "No container runs now".to_owned());
    let blocked = Signal::derive(move || refused.get().or_else(nowhere));
    let connect = move || {
        if blocked.with_untracked(Option::is_none) {
            attempt.update(|n| *n += 1);
        }
    };
    let word = move || if attempt.get() == 0 { "Connect" } else { "Connect again" };
    let command = shown.exec_command();
    view! {
        <section class="grid gap-2">
            <div class="js-only flex flex-wrap items-center gap-3 text-sm">
                <h2 class="text-base font-semibold">"Terminal"</h2>
                <Choices places=places chosen=chosen shell=shell />
                <Button
                    kind="button"
                    size=ButtonSize::Small
                    blocked=blocked
                    attr:id=LEAVE
                    on:click=move |_| connect()
                >
                    {word}
                </Button>
            </div>
            <p class="js-only text-sm text-muted" id="terminal-note">
                {NOTE}
            </p>
            <Screen url=url attempt=attempt />
            <noscript>
                <CodeBlock code=command label="A terminal needs JavaScript; in a shell" />
            </noscript>
        </section>
    }
}

/// Where the shell runs, and which one.
#[component]
fn Choices(places: Memo<Vec<String>>, chosen: RwSignal<String>, shell: RwSignal<String>) -> impl IntoView {
    let option = |place: String| view! { <option value=place.clone()>{place.clone()}</option> };
    view! {
        <select class=SMALL_SELECT aria-label="Container" on:change:target=move |event| chosen.set(event.target().value())>
            {move || places.with(Vec::is_empty).then(|| view! { <option value="">"No container runs"</option> })}
            {move || places.get().into_iter().map(option).collect_view()}
        </select>
        <select class=SMALL_SELECT aria-label="Shell" on:change:target=move |event| shell.set(event.target().value())>
            <option value="auto">"bash or sh"</option>
            <option value="bash">"bash"</option>
            <option value="sh">"sh"</option>
        </select>
    }
}

/// The terminal once somebody connected, and how it is.
#[component]
fn Screen(url: Signal<String>, attempt: RwSignal<u32>) -> impl IntoView {
    let (state, why) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let follow = move |event: web_sys::Event| {
        let element = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let read = |name| element.as_ref().and_then(|e| e.get_attribute(name)).unwrap_or_default();
        state.set(read("data-state"));
        why.set(read("data-why"));
    };
    let asked = Memo::new(move |_| attempt.get() > 0);
    let look = move || match state.get().as_str() {
        "open" => (Tone::Ok, "Connected"),
        "closed" => (Tone::Ended, "Closed"),
        _ => (Tone::Wait, "Connecting"),
    };
    let screen = move || {
        view! {
            <p class="flex min-h-5 flex-wrap items-center gap-2 text-sm text-muted" role="status" data-testid="terminal-state">
                <Badge tone=Signal::derive(move || look().0) label=Signal::derive(move || look().1.to_owned()) />
                {move || why.get()}
            </p>
            <remote-terminal
                role="group"
                aria-label="Terminal"
                aria-describedby="terminal-note"
                class="block h-[min(36rem,70dvh)] overflow-hidden rounded-md border border-line bg-sunken p-2 font-mono text-ink"
                data-leave=LEAVE
                data-url=move || url.get()
                data-attempt=move || attempt.get().to_string()
                on:terminalstate=follow
            ></remote-terminal>
        }
    };
    move || asked.get().then(screen)
}

/// Containers that a shell can be opened in, as `pod/container`.
fn running(workload: &WorkloadView) -> Vec<String> {
    let of = |pod: &domain::pod::PodView| {
        let runs = pod.containers.iter().filter(|c| c.phase == ContainerPhase::Running);
        runs.map(|c| format!("{}/{}", pod.name, c.name)).collect::<Vec<_>>()
    };
    workload.pods.iter().flat_map(of).collect()
}

/// Once a page load: the script lies beside the style sheet of this build.
fn load_script() {
    let document = document();
    let found = |what: &str| document.query_selector(what).ok().flatten();
    let sheet = found("link#style").and_then(|link| link.get_attribute("href"));
    let (None, Some(sheet), Some(head)) = (found("script[data-terminal]"), sheet, found("head")) else { return };
    let Ok(script) = document.create_element("script") else { return };
    let folder = sheet.rsplit_once('/').map_or("", |(folder, _)| folder);
    let source = format!("{folder}/terminal/terminal.js");
    for (name, value) in [("type", "module"), ("data-terminal", ""), ("src", source.as_str())] {
        // It fails only for names that no attribute can have.
        let _ = script.set_attribute(name, value);
    }
    // A page whose head takes no child has lost its scripts already.
    let _ = head.append_child(&script);
}

// === impl Shown ===

impl Shown {
    fn exec_command(&self) -> String {
        let (namespace, kind) = (&self.namespace.kubernetes_name, self.kind.as_str());
        format!("kubectl -n {namespace} exec -it {kind}/{} -- sh\n", self.name)
    }
}
