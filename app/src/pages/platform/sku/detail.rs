//! One SKU: what is free of it where, what it is, its end and return.

use domain::platform_sku::PlatformSkuView;
use domain::sku::{SkuEngineStatus, SkuStatus};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::fields::SkuFields;
use super::list::status;
use crate::api::platform_sku::{ChangePlatformSku, GetPlatformSku, RetirePlatformSku};
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::notice::times_done;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::sku_facts::Free;
use crate::features::sku_form::SkuForm;
use crate::paths;
use crate::ui::badge::Badge;
use crate::ui::button::{Button, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::copy::CopyLine;
use crate::ui::money::per_hour;
use crate::ui::panel::Panel;
use crate::ui::table::{CELL, Column, ROW, Table};

/// The page; it loads anew when its query says that something was done.
#[component]
pub fn PlatformSkuPage() -> impl IntoView {
    let (params, done) = (use_params_map(), times_done());
    let code = move || params.read().get("sku").unwrap_or_default();
    let key = Memo::new(move |_| format!("{} {}", code(), done.get()));
    load(key, |key| GetPlatformSku { code: key.split_once(' ').unwrap_or_default().0.to_owned() })
        .show(|sku| view! { <Body sku=sku /> }.into_any())
}

#[component]
fn Body(sku: PlatformSkuView) -> impl IntoView {
    let PlatformSkuView { code, version, spec, status: now } = sku;
    let (tone, word) = status(spec.retired);
    let trail = vec![(paths::platform_skus(), "SKUs".to_owned())];
    let command = format!("kubectl get sku {code} -o yaml");
    let rest = paths::rest(&["platform", "skus", &code]);
    let (shown, price, at) = (code.clone(), per_hour(&spec.price.view()), format!("version {version}"));
    view! {
        <PageHead title=spec.title.clone() trail=trail badge=move || view! { <Badge tone=tone label=word /> }>
            <CopyLine text=shown label="SKU code" />
            <p>{price}</p>
            <p>{at}</p>
            <CopyLine text=command label="command" />
            <CopyAs rest=rest />
        </PageHead>
        <div class="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
            <Change code=code.clone() version=version form=SkuForm::of(&code, &spec) />
            <div class="grid gap-4">
                <Availability now=now />
                <Retire code=code retired=spec.retired />
            </div>
        </div>
    }
}

const COLUMNS: &[Column] = &[Column::Words("Engine"), Column::Words("Free now")];

#[component]
fn Availability(now: SkuStatus) -> impl IntoView {
    let row = |engine: SkuEngineStatus| {
        view! {
            <tr class=ROW>
                <td class=CELL>{engine.name}</td>
                <td class=CELL>
                    <Free free=engine.free total=engine.total />
                </td>
            </tr>
        }
    };
    let counted = now.as_of.map(|at| view! { <p class="text-sm text-muted">"Counted " <Ago at=at /></p> });
    let none =
        now.engines.is_empty().then(|| view! { <p class="text-sm text-muted">"No engine has a node for it yet."</p> });
    let table = (!now.engines.is_empty()).then(|| {
        view! {
            <Table label="Free by engine" columns=COLUMNS>
                {now.engines.into_iter().map(row).collect_view()}
            </Table>
        }
    });
    view! {
        <Panel title="Free now">
            <div class="grid gap-3 p-4">
                <Free free=now.free total=now.total />
                {table}
                {none}
                {counted}
            </div>
        </Panel>
    }
}

#[component]
fn Change(code: String, version: String, form: SkuForm) -> impl IntoView {
    let sending = Sending::to::<ChangePlatformSku>();
    view! {
        <section aria-label=format!("Change {code}")>
            <PostForm sending=sending>
                <div class="grid gap-4">
                    <input type="hidden" name="version" value=version />
                    <SkuFields sending=sending form=form new=false />
                    <div>
                        <Button tone=ButtonTone::Primary blocked=sending.blocked("Saving")>
                            "Save changes"
                        </Button>
                    </div>
                </div>
            </PostForm>
        </section>
    }
}

#[component]
fn Retire(code: String, retired: bool) -> impl IntoView {
    let sending = Sending::to::<RetirePlatformSku>();
    let refusal = sending.refusal();
    let before = Signal::stored(Some(retired.to_string()));
    let (words, button, tone) = match retired {
        false => (
            "No new pod can ask for it. Pods that run go on, at the price they were admitted with.",
            "Retire SKU",
            ButtonTone::Danger,
        ),
        true => ("Tenants may ask for it again.", "Sell again", ButtonTone::Secondary),
    };
    view! {
        <Panel title="Sale">
            <PostForm sending=sending before=("retired", before)>
                <div class="grid gap-3 p-4">
                    {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <p class="text-muted">{words}</p>
                    <input type="hidden" name="code" value=code />
                    <input type="hidden" name="retired" value=(!retired).to_string() />
                    <div>
                        <Button tone=tone blocked=sending.blocked("Saving")>
                            {button}
                        </Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}
