//! Changing one's password; setting a first one after single sign-on.

use leptos::prelude::*;

use crate::api::password::ChangePassword;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::ui::button::{Button, ButtonTone};
use crate::ui::field::{Field, INPUT, invalid};
use crate::ui::panel::Panel;

/// The form. Other sessions end with the old password.
#[component]
pub fn PasswordPanel(email: String, has_password: bool) -> impl IntoView {
    let sending = Sending::to::<ChangePassword>();
    let elsewhere = sending.elsewhere(&["new"]);
    let current = has_password.then(|| {
        view! {
            <Field id="current" label="Current password">
                <input id="current" name="current" type="password" class=INPUT autocomplete="current-password" required />
            </Field>
        }
    });
    let button = if has_password { "Change password" } else { "Set password" };
    view! {
        <Panel title="Password">
            <PostForm sending=sending>
                <div class="grid max-w-90 gap-4 p-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="email" autocomplete="username" value=email hidden readonly />
                    {current}
                    <NewPassword error=sending.field("new") />
                    <p class="text-sm text-muted">"All your other sessions end."</p>
                    <div>
                        <Button tone=ButtonTone::Primary blocked=sending.blocked("Changing")>
                            {button}
                        </Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}

/// The field for a new password, here and behind a reset link.
#[component]
pub fn NewPassword(error: Signal<Option<String>>) -> impl IntoView {
    view! {
        <Field id="new" label="New password" error=error hint="12 to 1024 characters. A sentence is fine.">
            <input
                id="new"
                name="new"
                type="password"
                class=INPUT
                autocomplete="new-password"
                required
                minlength="12"
                maxlength="1024"
                aria-describedby="new-note"
                aria-invalid=invalid(error)
            />
        </Field>
    }
}
