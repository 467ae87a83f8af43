//! A message that belongs to a page or a form, not to one field.

use leptos::prelude::*;

use crate::ui::badge::Tone;
use crate::ui::icon::{Glyph, Icon};

/// Said only without JavaScript: what a form needs it for, and what does the same.
#[component]
pub fn WithoutScript(children: Children) -> impl IntoView {
    view! {
        <noscript>
            <p class="rounded border border-wait/40 bg-wait-soft px-3 py-2 text-sm text-wait">{children()}</p>
        </noscript>
    }
}

/// A framed message: what happened, then what to do.
#[component]
pub fn Banner(tone: Tone, #[prop(into)] title: String, #[prop(optional)] children: Option<Children>) -> impl IntoView {
    let (frame, icon) = match tone {
        Tone::Fail => ("border-fail/40 bg-fail-soft text-fail", Icon::Warning),
        Tone::Wait => ("border-wait/40 bg-wait-soft text-wait", Icon::Warning),
        Tone::Simulated => ("border-sim/40 bg-sim-soft text-sim", Icon::Warning),
        Tone::Ok => ("border-ok/40 bg-ok-soft text-ok", Icon::Check),
        Tone::Ended => ("border-line bg-sunken text-muted", Icon::Terminal),
    };
    let role = if tone == Tone::Fail { "alert" } else { "status" };
    view! {
        <div role=role class=tailwind_fuse::tw_join!("flex gap-2.5 rounded border px-3 py-2.5", frame)>
            <span class="mt-0.5">
                <Glyph icon=icon />
            </span>
            <div class="min-w-0 flex-1">
                <p class="font-medium wrap-anywhere">{title}</p>
                {children.map(|children| view! { <div class="mt-1 text-sm text-ink">{children()}</div> })}
            </div>
        </div>
    }
}
