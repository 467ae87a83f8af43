//! Radio buttons as cards, for choices that need a sentence each.

use leptos::prelude::*;

/// One choice of a radio group. `children` describe it.
#[component]
pub fn ChoiceCard(
    /// Name of the radio group.
    name: &'static str,
    /// What is sent when chosen.
    #[prop(into)]
    value: String,
    /// The chosen value of the group.
    chosen: RwSignal<String>,
    /// Cannot be chosen.
    #[prop(optional)]
    disabled: bool,
    children: Children,
) -> impl IntoView {
    let mine = value.clone();
    let is_chosen = move || chosen.with(|chosen| *chosen == mine);
    let sent = value.clone();
    view! {
        <label class="group relative flex cursor-pointer gap-2.5 rounded border border-line bg-surface px-3 py-2.5 hover:border-faint has-checked:border-accent has-checked:bg-accent-soft has-disabled:cursor-not-allowed has-disabled:opacity-55 has-focus-visible:outline-2 has-focus-visible:outline-offset-1 has-focus-visible:outline-accent">
            <input
                type="radio"
                class="mt-0.5 size-4 shrink-0 accent-accent outline-none"
                name=name
                value=value
                checked=is_chosen.clone()
                prop:checked=is_chosen
                disabled=disabled
                on:change=move |_| chosen.set(sent.clone())
            />
            <div class="min-w-0 flex-1">{children()}</div>
        </label>
    }
}
