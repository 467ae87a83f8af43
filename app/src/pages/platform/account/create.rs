//! A new account with the invitation of its first owner.

use domain::platform_account::CreatedAccount;
use leptos::prelude::*;

use crate::api::platform_account::CreatePlatformAccount;
use crate::features::form_dialog::FormEnd;
use crate::features::invitation_link::{LinkBox, LinkNeedsJavaScript};
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::paths;
use crate::ui::button::{ButtonLink, ButtonTone};
use crate::ui::dialog::Dialog;
use crate::ui::field::{Field, INPUT, invalid};

/// The form, then the owner's link.
#[component]
pub fn NewAccountDialog() -> impl IntoView {
    let sending = Sending::to::<CreatePlatformAccount>();
    let made = move || sending.accepted::<CreatedAccount>();
    view! {
        <Dialog title="New account" close=paths::platform_accounts()>
            {move || match made() {
                Some(made) => view! { <Made made=made /> }.into_any(),
                None => view! { <AccountFields sending=sending /> }.into_any(),
            }}
        </Dialog>
    }
}

#[component]
fn Made(made: CreatedAccount) -> impl IntoView {
    let href = paths::platform_account(&made.account.id);
    view! {
        <div class="grid gap-4">
            <p>
                "Account " <span class="font-medium">{made.account.name}</span> " is ready."
            </p>
            {made.invitation.map(|made| view! { <LinkBox made=made /> })}
            <div class="flex justify-end">
                <ButtonLink href=href tone=ButtonTone::Primary>
                    "Open account"
                </ButtonLink>
            </div>
        </div>
    }
}

#[component]
fn AccountFields(sending: Sending) -> impl IntoView {
    let (name, email) = (sending.field("name"), sending.field("email"));
    let elsewhere = sending.elsewhere(&["name", "email"]);
    view! {
        <PostForm sending=sending>
            <div class="grid gap-4">
                <LinkNeedsJavaScript route="POST /v1/platform/accounts" />
                {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                <Field id="new-account" label="Name" error=name>
                    <input
                        id="new-account"
                        name="name"
                        class=INPUT
                        required
                        maxlength="100"
                        autocomplete="off"
                        aria-describedby="new-account-note"
                        aria-invalid=invalid(name)
                    />
                </Field>
                <Field id="owner-email" label="First owner's e-mail" error=email hint="They get a link; without one nobody can enter the account.">
                    <input
                        id="owner-email"
                        name="owner_email"
                        type="email"
                        class=INPUT
                        autocomplete="off"
                        aria-describedby="owner-email-note"
                        aria-invalid=invalid(email)
                    />
                </Field>
                <FormEnd sending=sending close=paths::platform_accounts() button="Create account" busy="Creating" />
            </div>
        </PostForm>
    }
}
