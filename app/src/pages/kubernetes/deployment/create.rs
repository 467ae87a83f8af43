//! The deploy page: shape, container, scale on the left; the live plan on the right. One form, one page.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::namespace::NamespaceView;
use domain::permission::Permission;
use domain::sku::SkuView;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::container::{Container, Errors, Offered};
use super::scale::Scale;
use super::sku_picker::SkuPicker;
use crate::api::deployment::{CreateDeployment, PlanSources};
use crate::features::load::load;
use crate::features::plan_panel::PlanPanel;
use crate::features::plan_signals::PlanSignals;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::blocked;
use crate::pages::kubernetes::namespace::detail::InNamespace;
use crate::ui::panel::Step;

/// Fields that show their own error.
const FIELDS: &[&str] = &[
    "name",
    "sku_code",
    "image",
    "replicas",
    "command",
    "args",
    "env_from",
    "env",
    "ports",
    "labels",
    "pull_secrets",
    "mounts",
];

/// The tab *Deploy*.
#[component]
pub fn DeployPage() -> impl IntoView {
    let page = |namespace| view! { <Deploy namespace=namespace /> }.into_any();
    view! { <InNamespace page=Arc::new(page) /> }.into_any()
}

#[component]
fn Deploy(namespace: NamespaceView) -> impl IntoView {
    load(Signal::stored(namespace.id.clone()), |namespace| PlanSources { namespace }).show(
        move |(skus, values, pulls, bare)| {
            view! { <DeployForm namespace=namespace.clone() skus=skus offers=(values, pulls) bare=bare /> }.into_any()
        },
    )
}

#[component]
fn DeployForm(
    namespace: NamespaceView,
    skus: Vec<SkuView>,
    offers: Offered,
    /// SKUs under which nothing is mounted, by code, and why.
    bare: BTreeMap<String, String>,
) -> impl IntoView {
    let sending = Sending::to::<CreateDeployment>();
    let asked = use_query_map().with_untracked(|query| query.get("sku"));
    let plan = PlanSignals::new(first_choice(&skus, asked.as_deref()), bare);
    let (id, container_id) = (namespace.id.clone(), namespace.id.clone());
    let (for_picker, for_panel) = (skus.clone(), skus);
    let error = Errors { plan, sending };
    let paste = crate::paths::paste_manifest(&namespace.id);
    let (elsewhere, why) = (sending.elsewhere(FIELDS), blocked(sending, "Deploying", Permission::Deploy));
    view! {
        <PostForm sending=sending>
            <input type="hidden" name="namespace" value=namespace.id.clone() />
            <div class="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_360px]">
                <div class="grid min-w-0 gap-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <p class="text-sm text-muted">
                        "Have a manifest already? " <a href=paste class="link">
                            "Paste it"
                        </a>
                    </p>
                    <Step number=1 title="Shape">
                        <SkuPicker namespace_id=id skus=for_picker chosen=plan.sku_code />
                    </Step>
                    <Step number=2 title="Container">
                        <Container namespace_id=container_id plan=plan error=error offers=offers />
                    </Step>
                    <Step number=3 title="Scale and run">
                        <Scale plan=plan error=error />
                    </Step>
                </div>
                <PlanPanel namespace=namespace skus=for_panel plan=plan blocked=why />
            </div>
        </PostForm>
    }
}

/// The SKU asked for in the URL, else the first that is granted and free, else the first.
fn first_choice(skus: &[SkuView], asked: Option<&str>) -> String {
    let by_url = skus.iter().find(|sku| Some(sku.code.as_str()) == asked);
    let free = || skus.iter().find(|sku| sku.granted && sku.available.free > 0);
    by_url.or_else(free).or(skus.first()).map(|sku| sku.code.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::sku::{AvailabilityView, PriceView};

    fn sku(code: &str, free: u32) -> SkuView {
        SkuView {
            code: code.into(),
            title: code.into(),
            kind: "cpu".into(),
            gpu: None,
            cpu: "2".into(),
            memory: "8Gi".into(),
            storage: None,
            price: PriceView { amount: "0.05".into(), currency: "EUR".into(), unit: "hour".into() },
            available: AvailabilityView { free, total: 4, as_of: None },
            granted: true,
            engines: Vec::new(),
            runtime_class: None,
            usual_start_seconds: None,
        }
    }

    #[test]
    fn the_first_choice_is_what_was_asked_for_or_what_is_free() {
        let skus = [sku("full", 0), sku("free", 2)];
        assert_eq!(first_choice(&skus, None), "free");
        assert_eq!(first_choice(&skus, Some("full")), "full");
        assert_eq!(first_choice(&skus, Some("unknown")), "free");
        assert_eq!(first_choice(&skus[..1], None), "full");
        assert_eq!(first_choice(&[], None), "");
    }
}
