//! "Confirm it is you": asked before what is dangerous. A plain form: it works without JavaScript.

use domain::session::SessionView;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::api::session::{CurrentSession, Reauthenticate};
use crate::features::load::load;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::paths;
use crate::ui::button::{Button, ButtonLink, ButtonTone};
use crate::ui::field::{Field, INPUT};

/// The password once more; goes back to where one came from.
#[component]
pub fn ReauthenticatePage() -> impl IntoView {
    let body = load(Signal::stored(String::new()), |_| CurrentSession {})
        .show(|(session, _)| view! { <ReauthenticateForm session=session /> }.into_any());
    view! {
        <Title text="Confirm it is you" />
        <main class="grid min-h-dvh place-items-center px-4 py-10">
            <div class="grid w-full max-w-90 gap-6">{body}</div>
        </main>
    }
    .into_any()
}

#[component]
fn ReauthenticateForm(session: SessionView) -> impl IntoView {
    let sending = Sending::to::<Reauthenticate>();
    let query = use_query_map();
    let next = move || query.read().get("next").unwrap_or_default();
    let back = move || paths::local(&next()).map_or_else(paths::overview, ToOwned::to_owned);
    let refusal = sending.refusal();
    view! {
        <PostForm sending=sending>
            <div class="grid gap-4 rounded-md border border-line bg-surface p-5">
                <h1 class="text-lg font-semibold">"Confirm it is you"</h1>
                <p class="text-muted">
                    "What you are about to do needs a fresh proof of who you are. It lasts ten minutes."
                </p>
                {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                <input type="hidden" name="next" value=next />
                <Field id="email" label="E-mail">
                    <input id="email" type="email" class=INPUT autocomplete="username" value=session.user.email readonly />
                </Field>
                <Field id="password" label="Password">
                    <input id="password" name="password" type="password" class=INPUT autocomplete="current-password" required autofocus />
                </Field>
                <div class="flex justify-end gap-2">
                    <ButtonLink href=Signal::derive(back)>"Cancel"</ButtonLink>
                    <Button tone=ButtonTone::Primary blocked=sending.blocked("Checking")>
                        "Confirm"
                    </Button>
                </div>
            </div>
        </PostForm>
    }
}
