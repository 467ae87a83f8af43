//! A new SKU.

use leptos::prelude::*;

use super::fields::SkuFields;
use crate::api::platform_sku::CreatePlatformSku;
use crate::features::head::PageHead;
use crate::features::post_form::{PostForm, Sending};
use crate::features::sku_form::SkuForm;
use crate::paths;
use crate::ui::button::{Button, ButtonLink, ButtonTone};

/// The form on a page of its own; works without JavaScript.
#[component]
pub fn NewSku() -> impl IntoView {
    let sending = Sending::to::<CreatePlatformSku>();
    let trail = vec![(paths::platform_skus(), "SKUs".to_owned())];
    view! {
        <PageHead title="New SKU" trail=trail>
            <p>"Tenants see it in the catalogue at once, and what of it is free."</p>
        </PageHead>
        <PostForm sending=sending>
            <div class="grid max-w-4xl gap-4">
                <SkuFields sending=sending form=SkuForm::fresh() new=true />
                <div class="flex gap-2">
                    <Button tone=ButtonTone::Primary blocked=sending.blocked("Creating")>
                        "Put on sale"
                    </Button>
                    <ButtonLink href=paths::platform_skus()>"Cancel"</ButtonLink>
                </div>
            </div>
        </PostForm>
    }
    .into_any()
}
