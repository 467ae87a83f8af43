//! Behind an invitation link: who invites, and the way in. Plain forms: they work without JavaScript.

use domain::invitation::InvitationOffer;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use crate::api::error::AppError;
use crate::api::invitation::{AcceptInvitation, GetInvitationOffer};
use crate::api::session::SignOut;
use crate::features::load::load;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::paths;
use crate::ui::button::{Button, ButtonTone};
use crate::ui::field::{Field, INPUT, invalid};

/// The offer, or the one sentence of every dead link.
#[component]
pub fn InvitePage() -> impl IntoView {
    let params = use_params_map();
    let token = Memo::new(move |_| params.read().get("token").unwrap_or_default());
    let body = load(token, |token| GetInvitationOffer { token }).show_or(
        move |(offer, signed_in)| {
            let token = token.get_untracked();
            match signed_in {
                None => view! { <WithPassword offer=offer token=token /> }.into_any(),
                Some(email) if email == offer.email => view! { <AsMyself offer=offer token=token /> }.into_any(),
                Some(email) => view! { <SomebodyElse offer=offer email=email /> }.into_any(),
            }
        },
        |error| view! { <DeadLink error=error /> }.into_any(),
    );
    view! {
        <Title text="Invitation" />
        <main class="grid min-h-dvh place-items-center px-4 py-10">
            <div class="grid w-full max-w-90 gap-4 rounded-md border border-line bg-surface p-5">
                <h1 class="text-lg font-semibold">"Invitation"</h1>
                {body}
            </div>
        </main>
    }
    .into_any()
}

/// Whoever has an account already finds the way in.
#[component]
fn DeadLink(error: AppError) -> impl IntoView {
    view! {
        <ErrorBanner error=error />
        <a class="link text-sm" href=paths::login(None)>
            "Sign in"
        </a>
    }
}

#[component]
fn Words(offer: InvitationOffer) -> impl IntoView {
    view! {
        <p>
            "Join " <span class="font-medium">{offer.account}</span> " as " {offer.role.as_str()} ", with the address "
            <span class="font-medium">{offer.email}</span> "."
        </p>
    }
}

/// The same form for people who are new and people who are not: it must not tell which.
#[component]
fn WithPassword(offer: InvitationOffer, token: String) -> impl IntoView {
    let sending = Sending::to::<AcceptInvitation>();
    let (error, elsewhere) = (sending.field("password"), sending.elsewhere(&["password"]));
    let sign_in = paths::login(Some(&paths::invite(&token)));
    let email = offer.email.clone();
    view! {
        <PostForm sending=sending>
            <div class="grid gap-4">
                <Words offer=offer />
                {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                <input type="hidden" name="token" value=token />
                <input type="hidden" autocomplete="username" value=email />
                <Field
                    id="password"
                    label="Password"
                    error=error
                    hint="New here: choose one of 12 characters at least. Otherwise your own."
                >
                    <input
                        id="password"
                        name="password"
                        type="password"
                        class=INPUT
                        required
                        minlength="12"
                        maxlength="1024"
                        autocomplete="new-password"
                        aria-describedby="password-note"
                        aria-invalid=invalid(error)
                    />
                </Field>
                <Button tone=ButtonTone::Primary blocked=sending.blocked("Joining")>
                    "Join"
                </Button>
                <a class="link text-sm" href=sign_in>
                    "Sign in another way first"
                </a>
            </div>
        </PostForm>
    }
}

#[component]
fn AsMyself(offer: InvitationOffer, token: String) -> impl IntoView {
    let sending = Sending::to::<AcceptInvitation>();
    let refusal = sending.refusal();
    view! {
        <PostForm sending=sending>
            <div class="grid gap-4">
                <Words offer=offer />
                {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                <input type="hidden" name="token" value=token />
                <Button tone=ButtonTone::Primary blocked=sending.blocked("Joining")>
                    "Join"
                </Button>
            </div>
        </PostForm>
    }
}

#[component]
fn SomebodyElse(offer: InvitationOffer, email: String) -> impl IntoView {
    let sending = Sending::to::<SignOut>();
    view! {
        <Words offer=offer />
        <p class="text-muted">"You are signed in as " {email} ". Sign out, then open the link again."</p>
        <PostForm sending=sending>
            <Button>"Sign out"</Button>
        </PostForm>
    }
}
