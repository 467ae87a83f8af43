//! "Confirm it is you": asked before what is dangerous. A plain form: it works without JavaScript.

use domain::identity::ProviderView;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::api::session::{GetProfile, Profile, Reauthenticate};
use crate::features::load::load;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::provider_link::ProviderLink;
use crate::paths;
use crate::ui::button::{Button, ButtonLink, ButtonTone};
use crate::ui::field::{Field, INPUT};

/// The password once more, or the provider; goes back to where one came from.
#[component]
pub fn ReauthenticatePage() -> impl IntoView {
    let body = load(Signal::stored(String::new()), |cursor| GetProfile { cursor })
        .show(|profile| view! { <Ways profile=profile /> }.into_any());
    view! {
        <Title text="Confirm it is you" />
        <main class="grid min-h-dvh place-items-center px-4 py-10">
            <div class="grid w-full max-w-90 gap-6">{body}</div>
        </main>
    }
    .into_any()
}

#[component]
fn Ways(profile: Profile) -> impl IntoView {
    let query = use_query_map();
    let next = Signal::derive(move || query.read().get("next").unwrap_or_default());
    let linked = |provider: &ProviderView| profile.identities.iter().any(|identity| identity.provider == provider.id);
    let providers: Vec<ProviderView> = profile.providers.iter().filter(|provider| linked(provider)).cloned().collect();
    let link = move |provider: ProviderView| {
        let text = format!("Confirm with {}", provider.title);
        view! { <ProviderLink provider=provider.id purpose="reauthenticate" next=next text=text /> }
    };
    view! {
        <div class="grid gap-4 rounded-md border border-line bg-surface p-5">
            <h1 class="text-lg font-semibold">"Confirm it is you"</h1>
            <p class="text-muted">
                "What you are about to do needs a fresh proof of who you are. It lasts ten minutes."
            </p>
            {profile.has_password.then(|| view! { <PasswordForm email=profile.email next=next /> })}
            <div class="grid gap-2 empty:hidden">{providers.into_iter().map(link).collect_view()}</div>
        </div>
    }
}

#[component]
fn PasswordForm(email: String, next: Signal<String>) -> impl IntoView {
    let sending = Sending::to::<Reauthenticate>();
    let back = move || paths::local(&next.get()).map_or_else(paths::overview, ToOwned::to_owned);
    let refusal = sending.refusal();
    view! {
        <PostForm sending=sending>
            <div class="grid gap-4">
                {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                <input type="hidden" name="next" value=move || next.get() />
                <Field id="email" label="E-mail">
                    <input id="email" type="email" class=INPUT autocomplete="username" value=email readonly />
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
