//! How to sign in on an imported cluster: a token, or a name and a password behind a proxy.

use leptos::prelude::*;

use super::fields::{Filled, Line, line};
use crate::features::post_form::Sending;
use crate::ui::badge::Tone;
use crate::ui::banner::Banner;
use crate::ui::choice::ChoiceCard;

/// Both options; the fields of the one that is not chosen are hidden and not used.
#[component]
pub fn Authentication(sending: Sending, filled: Filled) -> impl IntoView {
    let basic = Memo::new(move |_| filled.auth.with(|auth| auth == "basic"));
    let token = Line("bearer_token", "Bearer Token", "Of a ServiceAccount of its own. Paste the token here.");
    let username = Line("basic_username", "Basic Username", "");
    let password = Line("basic_password", "Basic Password", "");
    let notice = "Kubernetes 1.19 and later does not accept basic authentication. Use this only if a proxy in front of \
                  the API server checks the password.";
    view! {
        <fieldset class="grid gap-3">
            <legend class="mb-1 text-sm font-medium">"Authentication"</legend>
            <div class="grid gap-2 sm:grid-cols-2">
                <ChoiceCard name="form[auth]" value="token" chosen=filled.auth>
                    <span class="font-medium">"Option A: Static Bearer token"</span>
                    <p class="text-sm text-muted">"Recommended."</p>
                </ChoiceCard>
                <ChoiceCard name="form[auth]" value="basic" chosen=filled.auth>
                    <span class="font-medium">"Option B: Basic authentication"</span>
                    <p class="text-sm text-muted">"Behind a proxy only."</p>
                </ChoiceCard>
            </div>
            <div class="grid gap-3" class:hidden=move || basic.get()>
                {line(sending, token, "password", filled.token)}
            </div>
            <div class="grid gap-3" class:hidden=move || !basic.get()>
                <Banner tone=Tone::Wait title=notice />
                <div class="grid items-start gap-3 sm:grid-cols-2">
                    {line(sending, username, "text", filled.username)}
                    {line(sending, password, "password", filled.password)}
                </div>
            </div>
        </fieldset>
    }
}
