//! The part of a namespace's settings that gives pods a SKU which name none.

use domain::permission::Permission;
use domain::sku::SkuView;
use leptos::prelude::*;

use crate::api::default_sku::{DefaultSkuPage, GetDefaultSku, SetDefaultSku};
use crate::features::load::load;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::blocked;
use crate::ui::button::Button;
use crate::ui::field::{Field, INPUT, invalid};
use crate::ui::panel::Panel;

/// The choice with what is chosen now.
#[component]
pub fn DefaultSkuPanel(namespace_id: String) -> impl IntoView {
    let loaded = load(Signal::stored(namespace_id.clone()), |namespace| GetDefaultSku { namespace });
    let form = loaded
        .show(move |page: DefaultSkuPage| view! { <Choice namespace_id=namespace_id.clone() page=page /> }.into_any());
    view! { <Panel title="Default SKU">{form}</Panel> }
}

#[component]
fn Choice(namespace_id: String, page: DefaultSkuPage) -> impl IntoView {
    let sending = Sending::to::<SetDefaultSku>();
    let (error, elsewhere) = (sending.field("sku_code"), sending.elsewhere(&["sku_code"]));
    let why = blocked(sending, "Saving", Permission::CreateNamespace);
    view! {
        <PostForm sending=sending>
            <div class="grid gap-3 p-4">
                {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                <input type="hidden" name="namespace" value=namespace_id />
                <Field
                    id="default-sku"
                    label="SKU of pods that name none"
                    error=error
                    hint="A pod's label and runtime class come first, and the GPUs that a SkyPilot task asks for."
                >
                    <select
                        id="default-sku"
                        name="sku_code"
                        class=INPUT
                        aria-describedby="default-sku-note"
                        aria-invalid=invalid(error)
                    >
                        <Options page=page />
                    </select>
                </Field>
                <div>
                    <Button blocked=why>"Save default SKU"</Button>
                </div>
            </div>
        </PostForm>
    }
}

/// The SKUs to choose from, and none.
#[component]
fn Options(page: DefaultSkuPage) -> impl IntoView {
    let DefaultSkuPage { skus, sku_code } = page;
    let none = sku_code.is_none();
    // Chosen once, and retired or taken from the account since: pods without a SKU are refused until another is chosen.
    let lost = sku_code.clone().filter(|code| skus.iter().all(|sku| sku.code != *code));
    let lost = lost.map(|code| {
        let words = format!("{code} (no longer yours to use)");
        view! {
            <option value=code selected=true>
                {words}
            </option>
        }
    });
    let option = move |sku: SkuView| {
        let chosen = sku_code.as_deref() == Some(sku.code.as_str());
        let words = format!("{} · {}", sku.code, sku.title);
        view! {
            <option value=sku.code selected=chosen>
                {words}
            </option>
        }
    };
    view! {
        <option value="" selected=none>
            "None: each pod names its own"
        </option>
        {lost}
        {skus.into_iter().map(option).collect_view()}
    }
}
