//! The shape of what is being loaded; appears only when loading takes a moment.

use leptos::prelude::*;

/// Rows of a table that is not there yet.
#[component]
pub fn SkeletonRows(#[prop(default = 4)] rows: usize) -> impl IntoView {
    let row = || {
        view! {
            <div class="flex h-11 items-center gap-6 border-b border-line px-4 last:border-0">
                <span class="h-2.5 w-40 rounded-full bg-line"></span>
                <span class="h-2.5 w-16 rounded-full bg-line"></span>
                <span class="ml-auto h-2.5 w-24 rounded-full bg-line"></span>
            </div>
        }
    };
    view! {
        <div class="late rounded-md border border-line bg-surface" aria-busy="true" aria-label="Loading">
            {(0..rows).map(|_| row()).collect_view()}
        </div>
    }
}
