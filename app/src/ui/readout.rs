//! Figures the way an instrument shows them: small label, large number, unit.

use leptos::prelude::*;

/// A row of readouts, parted by hairlines.
#[component]
pub fn Readouts(children: Children) -> impl IntoView {
    view! {
        <dl class="grid grid-cols-[repeat(auto-fit,minmax(150px,1fr))] gap-px overflow-hidden rounded-md border border-line bg-line">
            {children()}
        </dl>
    }
}

/// One figure.
#[component]
pub fn Readout(
    #[prop(into)] label: String,
    #[prop(into)] value: Signal<String>,
    /// One quiet line below.
    #[prop(optional, into)]
    note: Signal<String>,
) -> impl IntoView {
    view! {
        <div class="grid content-start gap-0.5 bg-surface px-4 py-3">
            <dt class="text-sm text-muted">{label}</dt>
            <dd class="font-mono text-xl tracking-tight text-ink tabular-nums">{move || value.get()}</dd>
            <dd class="text-sm text-faint empty:hidden">{move || note.get()}</dd>
        </div>
    }
}
