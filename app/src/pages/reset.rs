//! Behind a reset link: a new password. A plain form: it works without JavaScript.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use crate::api::password::ResetPassword;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::pages::settings::profile::password::NewPassword;
use crate::paths;
use crate::ui::button::{Button, ButtonTone};

/// The same page for every link: whether one works shows only when it is used.
#[component]
pub fn ResetPage() -> impl IntoView {
    let sending = Sending::to::<ResetPassword>();
    let params = use_params_map();
    let token = move || params.read().get("token").unwrap_or_default();
    let elsewhere = sending.elsewhere(&["new"]);
    view! {
        <Title text="New password" />
        <main class="grid min-h-dvh place-items-center px-4 py-10">
            <div class="grid w-full max-w-90 gap-6">
                <PostForm sending=sending>
                    <div class="grid gap-4 rounded-md border border-line bg-surface p-5">
                        <h1 class="text-lg font-semibold">"Choose a new password"</h1>
                        {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                        <input type="hidden" name="token" value=token />
                        <NewPassword error=sending.field("new") />
                        <p class="text-sm text-muted">"This link works once. You are signed out everywhere."</p>
                        <Button tone=ButtonTone::Primary blocked=sending.blocked("Saving")>
                            "Save password"
                        </Button>
                    </div>
                </PostForm>
                <p class="text-sm text-muted">
                    "Used already, or too old? Ask whoever gave you the link for another. "
                    <a class="link" href=paths::login(None)>
                        "Sign in"
                    </a>
                </p>
            </div>
        </main>
    }
    .into_any()
}
