//! The four steps of a first visit, each ticked off once it is done.

use leptos::prelude::*;

use crate::features::overview::Overview;
use crate::paths;
use crate::ui::button::{ButtonLink, ButtonTone};
use crate::ui::icon::{Glyph, Icon};

/// What is done and what comes next; only the next step has a button.
#[component]
pub fn FirstSteps(overview: Overview) -> impl IntoView {
    let done = overview.steps();
    let next = done.iter().position(|done| !done).unwrap_or(done.len());
    let in_namespace = |path: fn(&str) -> String| overview.newest.as_deref().map_or_else(paths::new_namespace, path);
    let steps = [
        (
            "Create a namespace",
            "A place of your own in the cluster, with its own limits.",
            "New namespace",
            paths::new_namespace(),
        ),
        ("Create an API key", "kubectl uses it to fetch short-lived credentials.", "New API key", paths::new_api_key()),
        ("Use kubectl", "Download a kubeconfig and list your pods.", "Get access", in_namespace(paths::access)),
        ("Deploy something", "Pick a SKU, name an image, watch it run.", "Deploy", in_namespace(paths::deploy)),
    ];
    let row = |(i, (title, text, action, href)): (usize, (&'static str, &'static str, &'static str, String))| {
        let is_done = done[i];
        view! {
            <li class="flex items-center gap-3 border-b border-line px-4 py-3 last:border-0">
                <StepMark number=i + 1 done=is_done />
                <div class="min-w-0 flex-1">
                    <p class=if is_done { "text-muted line-through" } else { "font-medium" }>{title}</p>
                    <p class="text-sm text-muted">{text}</p>
                </div>
                {(i == next).then(|| view! { <ButtonLink href=href tone=ButtonTone::Primary>{action}</ButtonLink> })}
            </li>
        }
    };
    view! {
        <section class="rounded-md border border-line bg-surface" aria-label="First steps">
            <header class="border-b border-line px-4 py-2.5">
                <h2 class="font-semibold">"First steps"</h2>
            </header>
            <ol>{steps.into_iter().enumerate().map(row).collect_view()}</ol>
        </section>
    }
}

#[component]
fn StepMark(number: usize, done: bool) -> impl IntoView {
    if done {
        view! {
            <span class="grid size-6 shrink-0 place-items-center rounded-full bg-ok-soft text-ok">
                <Glyph icon=Icon::Check />
                <span class="sr-only">"Done"</span>
            </span>
        }
        .into_any()
    } else {
        view! {
            <span class="grid size-6 shrink-0 place-items-center rounded-full border border-line-strong font-mono text-xs text-muted">
                {number}
            </span>
        }
        .into_any()
    }
}
