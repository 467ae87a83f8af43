//! The one state badge: colour, shape and word together, never colour alone.

use leptos::prelude::*;

/// What a state means to the person looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Works.
    Ok,
    /// Will be there.
    Wait,
    /// Needs a person.
    Fail,
    /// Over.
    Ended,
    /// Works, on a simulated engine.
    Simulated,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Ok => "text-ok bg-ok-soft",
            Self::Wait => "text-wait bg-wait-soft",
            Self::Fail => "text-fail bg-fail-soft",
            Self::Ended => "text-muted bg-sunken",
            Self::Simulated => "text-sim bg-sim-soft",
        }
    }

    /// Drawn in a 10 × 10 box; each state has its own shape.
    fn shape(self) -> &'static str {
        match self {
            Self::Ok => "M5 1.2a3.8 3.8 0 1 1 0 7.6 3.8 3.8 0 0 1 0-7.6z",
            Self::Wait => "M5 1a4 4 0 1 1 0 8 4 4 0 0 1 0-8zm0 1.4v5.2a2.6 2.6 0 0 0 0-5.2z",
            Self::Fail => "M2 .8L5 3.8 8 .8 9.2 2 6.2 5l3 3L8 9.2l-3-3-3 3L.8 8l3-3-3-3z",
            Self::Ended => "M5 1a4 4 0 1 1 0 8 4 4 0 0 1 0-8zm0 1.3a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.4z",
            Self::Simulated => "M5 .6L9.4 5 5 9.4.6 5z",
        }
    }
}

/// A state as a word with its light.
#[component]
pub fn Badge(#[prop(into)] tone: Signal<Tone>, #[prop(into)] label: Signal<String>) -> impl IntoView {
    view! {
        <span class=move || {
            tailwind_fuse::tw_join!(
                "inline-flex items-center gap-1.5 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap",
                tone.get().class()
            )
        }>
            <svg class="size-2.5 shrink-0" viewBox="0 0 10 10" fill="currentColor" fill-rule="evenodd" aria-hidden="true">
                <path d=move || tone.get().shape() />
            </svg>
            {move || label.get()}
        </span>
    }
}
