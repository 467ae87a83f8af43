//! The plan beside the deploy form: what it costs, whether it would be admitted, what it becomes.

use domain::deployment::PlanKind;
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
use crate::ui::money::{amount, per_hour_and_day};

const HINT: &str = "Fill in name and image: the plan is checked as you type, by the rule the cluster decides with.";

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
    let yaml = Memo::new(move |_| form.with(|form| plan_yaml(&form.draft().0, &namespace.kubernetes_name)));
    let title = move || form.with(title);
    view! {
        <aside class="grid min-w-0 gap-3 rounded-md border border-line bg-surface p-4 lg:sticky lg:top-6" aria-label="Plan">
            <div>
                <h2 class="font-semibold">"Plan"</h2>
                <p class="font-mono text-sm text-muted wrap-anywhere">{title}</p>
            </div>
            <p class="flex items-baseline justify-between gap-3 border-y border-line py-2">
                <span class="font-mono text-xl tabular-nums">{move || price.get().0}</span>
                <span class="text-sm text-muted">{move || price.get().1}</span>
            </p>
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

/// Price of the plan at once, from the catalogue: (per hour, per day).
fn price(form: &PlanForm, skus: &[SkuView]) -> (String, String) {
    let sku = skus.iter().find(|sku| sku.code == form.sku_code);
    let one = sku.and_then(|sku| amount(&sku.price.amount, &sku.price.currency));
    let replicas = form.draft().0.replicas;
    one.map_or_else(|| ("–".to_owned(), String::new()), |one| per_hour_and_day(&one.times(replicas)))
}
