//! What a plan becomes, and how many of it.

use domain::deployment::PlanKind;
use leptos::prelude::*;

use super::container::{Errors, Text};
use crate::features::plan_signals::PlanSignals;
use crate::ui::choice::ChoiceCard;
use crate::ui::field::Field;

const KINDS: [(PlanKind, &str, &str); 3] = [
    (PlanKind::Deployment, "Deployment", "Runs until you stop it; pods that end are replaced."),
    (PlanKind::Job, "Job", "Runs to its end; what it cost stays known. A failed pod is tried again up to six times."),
    (PlanKind::Pod, "Interactive pod", "One pod that waits for your terminal; it is not replaced."),
];

/// Kind and number.
#[component]
pub fn Scale(plan: PlanSignals, error: Errors) -> impl IntoView {
    let card = move |(kind, title, text): (PlanKind, &'static str, &'static str)| {
        view! {
            <ChoiceCard name="form[kind]" value=kind.as_str() chosen=plan.kind>
                <p class="font-medium">{title}</p>
                <p class="text-sm text-muted">{text}</p>
            </ChoiceCard>
        }
    };
    let one = move || plan.kind.with(|kind| kind == PlanKind::Pod.as_str());
    view! {
        <fieldset class="grid gap-2 sm:grid-cols-3">
            <legend class="sr-only">"Kind"</legend>
            {KINDS.map(card).collect_view()}
        </fieldset>
        <div class="max-w-40" class:hidden=one>
            <Field id="replicas" label="Replicas" error=error.field("replicas") hint="Of a job: pods that run at once.">
                <Text id="replicas" name="form[replicas]" value=plan.replicas error=error.field("replicas") kind="number" />
            </Field>
        </div>
    }
}
