//! The plan beside the deploy form: what it costs, whether it would be admitted, what it becomes.

use domain::deployment::PlanKind;
use domain::money::Money;
use domain::namespace::NamespaceView;
use domain::sku::SkuView;
use leptos::prelude::*;

use crate::api::deployment::CheckDeployment;
use crate::features::manifest::{kubectl_apply, plan_yaml};
use crate::features::plan_form::PlanForm;
use crate::features::plan_signals::PlanSignals;
use crate::features::verdict::{VerdictLines, use_verdict};
use crate::ui::button::{Button, ButtonTone};
use crate::ui::code::CodeBlock;
use crate::ui::field::{Field, INPUT, invalid};
use crate::ui::money::{amount, for_hours, per_hour_and_day};

const HINT: &str = "Fill in name and image: the plan is checked as you type, by the rule the cluster decides with.";
/// Ten years: what is longer was mistyped.
const MOST_HOURS: u32 = 87_600;

/// The panel with the button that sends the form around it.
#[component]
pub fn PlanPanel(
    namespace: NamespaceView,
    skus: Vec<SkuView>,
    plan: PlanSignals,
    #[prop(into)] blocked: Signal<Option<String>>,
) -> impl IntoView {
    let form = Memo::new(move |_| plan.form());
    let id = namespace.id.clone();
    let asked = Memo::new(move |_| {
        let form = form.get();
        (form.is_filled() && form.plan().is_ok()).then(|| (id.clone(), form))
    });
    let verdict = use_verdict(asked, |(namespace, form)| CheckDeployment { namespace, form });
    let price = Memo::new(move |_| form.with(|form| price(form, &skus)));
    let lines = Memo::new(move |_| {
        price.with(|price| price.as_ref().map_or_else(|| ("–".to_owned(), String::new()), per_hour_and_day))
    });
    let yaml = Memo::new(move |_| form.with(|form| plan_yaml(&form.draft().0, &namespace.kubernetes_name)));
    let title = move || form.with(title);
    view! {
        <aside class="grid min-w-0 gap-3 rounded-md border border-line bg-surface p-4 lg:sticky lg:top-6" aria-label="Plan">
            <div>
                <h2 class="font-semibold">"Plan"</h2>
                <p class="font-mono text-sm text-muted wrap-anywhere">{title}</p>
            </div>
            <p class="flex items-baseline justify-between gap-3 border-y border-line py-2">
                <span class="font-mono text-xl tabular-nums">{move || lines.get().0}</span>
                <span class="text-sm text-muted">{move || lines.get().1}</span>
            </p>
            <ExpectedHours price=price />
            <VerdictLines verdict=verdict hint=HINT />
            <Button tone=ButtonTone::Primary blocked=blocked>
                {move || form.with(|form| action(form.kind()))}
            </Button>
            <details>
                <summary class="cursor-pointer py-1 text-sm text-muted hover:text-ink">"YAML"</summary>
                <CodeBlock code=yaml label="manifest.yaml" />
            </details>
            <details>
                <summary class="cursor-pointer py-1 text-sm text-muted hover:text-ink">"kubectl"</summary>
                <CodeBlock code=Signal::derive(move || yaml.with(|yaml| kubectl_apply(yaml))) label="Shell" />
            </details>
        </aside>
    }
}

/// What it costs for as long as it is meant to run. For the eye only: nothing of it is sent, and nothing stops then.
#[component]
fn ExpectedHours(price: Memo<Option<Money>>) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let error = Signal::derive(move || {
        let wrong = typed.with(|typed| !typed.trim().is_empty() && hours(typed).is_none());
        wrong.then(|| format!("Whole hours, from 1 to {MOST_HOURS}"))
    });
    let cost = move || {
        let hours = typed.with(|typed| hours(typed))?;
        price.with(|price| price.as_ref().map(|price| for_hours(price, hours)))
    };
    view! {
        <div class="js-only">
            <Field id="expected-hours" label="Expected hours" error=error hint="For the price alone: it runs until you stop it or it ends.">
                <input
                    id="expected-hours"
                    type="number"
                    step="any"
                    class=INPUT
                    autocomplete="off"
                    aria-describedby="expected-hours-note"
                    aria-invalid=invalid(error)
                    prop:value=move || typed.get()
                    on:input:target=move |event| typed.set(event.target().value())
                />
            </Field>
            <p class="font-mono tabular-nums" aria-live="polite">
                {cost}
            </p>
        </div>
    }
}

/// Whole hours, as the REST check takes them.
fn hours(typed: &str) -> Option<u32> {
    typed.trim().parse().ok().filter(|hours| (1..=MOST_HOURS).contains(hours))
}

/// What the button does, by kind.
fn action(kind: PlanKind) -> &'static str {
    match kind {
        PlanKind::Deployment => "Deploy",
        PlanKind::Job => "Run job",
        PlanKind::Pod => "Start pod",
    }
}

fn title(form: &PlanForm) -> String {
    let (name, sku) = (or_dash(&form.name), or_dash(&form.sku_code));
    let replicas = form.draft().0.replicas;
    format!("{name} · {sku} × {replicas}")
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

/// Price of the plan an hour, at once, from the catalogue.
fn price(form: &PlanForm, skus: &[SkuView]) -> Option<Money> {
    let sku = skus.iter().find(|sku| sku.code == form.sku_code)?;
    let one = amount(&sku.price.amount, &sku.price.currency)?;
    Some(one.times(form.draft().0.replicas))
}

#[cfg(test)]
mod tests {
    use domain::sku::{AvailabilityView, PriceView};

    use super::*;

    #[test]
    fn hours_are_whole_and_more_than_none() {
        assert_eq!(["1", " 24 ", "87600"].map(hours), [Some(1), Some(24), Some(87_600)]);
        assert_eq!(["", "0", "-1", "1.5", "87601", "many"].map(hours), [None; 6]);
    }

    #[test]
    fn the_price_is_that_of_all_replicas() {
        let sku = SkuView {
            code: "gpu".into(),
            title: "gpu".into(),
            kind: "gpu".into(),
            gpu: None,
            cpu: "2".into(),
            memory: "8Gi".into(),
            storage: None,
            price: PriceView { amount: "3.29".into(), currency: "EUR".into(), unit: "hour".into() },
            available: AvailabilityView { free: 1, total: 1, as_of: None },
            granted: true,
            engines: Vec::new(),
            runtime_class: None,
            usual_start_seconds: None,
        };
        let form = |sku_code: &str, replicas: &str| PlanForm {
            sku_code: sku_code.into(),
            replicas: replicas.into(),
            ..PlanForm::default()
        };
        let skus = [sku];
        let said = |form: &PlanForm| price(form, &skus).map(|price| for_hours(&price, 3));
        assert_eq!(said(&form("gpu", "2")).as_deref(), Some("€19.74 for 3 hours"));
        assert_eq!(said(&form("gone", "2")), None);
    }
}
