//! Which SKUs an account may use.

use domain::sku::SkuGrantsView;
use leptos::prelude::*;

use crate::api::platform_account::GrantSkus;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::ui::button::Button;
use crate::ui::choice::ChoiceCard;
use crate::ui::panel::Panel;

/// Every SKU, or ticked ones of `codes`.
#[component]
pub fn Grants(id: String, grants: SkuGrantsView, codes: Vec<String>) -> impl IntoView {
    let sending = Sending::to::<GrantSkus>();
    let refusal = sending.refusal();
    let which = RwSignal::new(if grants.all { "all" } else { "some" }.to_owned());
    let tick = |code: String| {
        let checked = !grants.all && grants.codes.contains(&code);
        view! {
            <label class="flex items-center gap-2">
                <input type="checkbox" class="size-4 accent-accent" name="form[codes][]" value=code.clone() checked=checked />
                <code class="font-mono text-sm">{code}</code>
            </label>
        }
    };
    let ticks = codes.into_iter().map(tick).collect_view();
    view! {
        <Panel title="SKUs">
            <PostForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="id" value=id />
                    <fieldset class="grid gap-2">
                        <legend class="sr-only">"Which SKUs this account may use"</legend>
                        <ChoiceCard name="form[which]" value="all" chosen=which>
                            <p class="font-medium">"Every SKU"</p>
                            <p class="text-sm text-muted">"Those of tomorrow included."</p>
                        </ChoiceCard>
                        <ChoiceCard name="form[which]" value="some" chosen=which>
                            <p class="font-medium">"Only these"</p>
                            <p class="text-sm text-muted">"It sees no others, and admission refuses them."</p>
                        </ChoiceCard>
                        <div class="grid gap-1.5 pl-9">{ticks}</div>
                    </fieldset>
                    <p class="text-sm text-muted">"Pods that run go on."</p>
                    <div>
                        <Button blocked=sending.blocked("Saving")>"Save SKUs"</Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}
