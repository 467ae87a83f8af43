//! The choice: features, names, how the manifest is written. A form that only asks, so its state is the URL.

use domain::skypilot::{Feature, FeatureState, FeatureView, Preset, SkypilotChoice, SkypilotView};
use leptos::prelude::*;

use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::Button;
use crate::ui::field::{Field, INPUT};
use crate::ui::panel::Panel;

/// Ticks and names; the files beside it follow.
#[component]
pub fn ChoiceForm(access: SkypilotView, choice: SkypilotChoice) -> impl IntoView {
    let action = paths::skypilot(&access.namespace_id);
    let ticked = choice.features.clone();
    let boxes = access.features.into_iter().map(move |feature| {
        let on = feature.feature == Feature::Base || ticked.contains(&feature.feature);
        view! { <FeatureBox feature=feature on=on /> }
    });
    view! {
        <Panel title="What SkyPilot is to do">
            <form method="get" action=action>
                <div class="grid gap-4 p-4">
                    <input type="hidden" name="chosen" value="1" />
                    <ul class="grid gap-3">{boxes.collect_view()}</ul>
                    <Names choice=choice />
                    <div>
                        <Button>"Show the files"</Button>
                    </div>
                </div>
            </form>
        </Panel>
    }
}

#[component]
fn FeatureBox(feature: FeatureView, on: bool) -> impl IntoView {
    let id = format!("feature-{}", feature.feature.as_str());
    let note = format!("{id}-note");
    let fixed = feature.feature == Feature::Base;
    let state = match feature.state {
        FeatureState::Off => None,
        FeatureState::Waiting => Some((Tone::Wait, "Waits for an operator")),
        FeatureState::On => Some((Tone::Ok, "On")),
        FeatureState::Withheld => Some((Tone::Ended, "Not given")),
    };
    view! {
        <li class="flex gap-2.5">
            <input
                id=id.clone()
                type="checkbox"
                class="mt-0.5 size-4 shrink-0 accent-accent"
                name="feature"
                value=feature.feature.as_str()
                checked=on
                disabled=fixed
                aria-describedby=note.clone()
            />
            <div class="min-w-0">
                <span class="flex flex-wrap items-center gap-2">
                    <label for=id class="font-medium">
                        {feature.words}
                    </label>
                    {state.map(|(tone, word)| view! { <Badge tone=tone label=word /> })}
                </span>
                <p id=note class="text-sm text-muted">
                    {feature.consequence}
                </p>
            </div>
        </li>
    }
}

/// Names that SkyPilot's page says can be changed, the SKU, and how the manifest is written.
#[component]
fn Names(choice: SkypilotChoice) -> impl IntoView {
    let names = choice.names;
    let field = |id: &'static str, label: &'static str, value: String| {
        view! {
            <Field id=id label=label>
                <input
                    id=id
                    name=id
                    class=INPUT
                    value=value
                    required
                    maxlength="63"
                    pattern="[a-z0-9]([\\-a-z0-9]*[a-z0-9])?"
                    autocomplete="off"
                    spellcheck="false"
                />
            </Field>
        }
    };
    view! {
        {field("service_account", "ServiceAccount", names.service_account)}
        <Field id="sku" label="SKU of every pod (optional)" hint="Without one, a task's GPUs choose the SKU.">
            <input
                id="sku"
                name="sku"
                class=INPUT
                value=choice.sku_code.unwrap_or_default()
                maxlength="63"
                autocomplete="off"
                spellcheck="false"
                aria-describedby="sku-note"
            />
        </Field>
        <details class="min-w-0 rounded border border-line">
            <summary class="cursor-pointer px-3 py-2 font-medium hover:bg-hover">"Names in create-sky-sa.yaml"</summary>
            <div class="grid gap-3 border-t border-line p-3">
                <PresetField documented=choice.preset == Preset::Documented />
                {field("role", "Role", names.role)}
                {field("role_binding", "RoleBinding", names.role_binding)}
                {field("cluster_role", "ClusterRole", names.cluster_role)}
                {field("cluster_role_binding", "ClusterRoleBinding", names.cluster_role_binding)}
            </div>
        </details>
    }
}

/// How the manifest is written.
#[component]
fn PresetField(documented: bool) -> impl IntoView {
    view! {
        <Field id="preset" label="Rights" hint="As documented: SkyPilot's published example with its broken rules mended.">
            <select id="preset" name="preset" class=INPUT aria-describedby="preset-note">
                <option value="smallest" selected=!documented>
                    "The least that SkyPilot uses"
                </option>
                <option value="documented" selected=documented>
                    "As documented"
                </option>
            </select>
        </Field>
    }
}
