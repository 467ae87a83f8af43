//! A new Secret: free values, or the sign-in of a registry.

use leptos::prelude::*;

use crate::api::secret::{CreatePullSecret, CreateSecret};
use crate::features::key_values::{FIELDS, NameField, ValueFields};
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::paths;
use crate::ui::button::{Button, ButtonLink, ButtonTone};
use crate::ui::dialog::Dialog;
use crate::ui::field::{Field, INPUT, invalid};

/// Free values.
#[component]
pub fn NewSecretDialog(namespace_id: String) -> impl IntoView {
    let sending = Sending::to::<CreateSecret>();
    let elsewhere = sending.elsewhere(FIELDS);
    view! {
        <Dialog title="New secret" close=paths::config(&namespace_id)>
            <PostForm sending=sending>
                <div class="grid gap-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="namespace" value=namespace_id.clone() />
                    <NameField sending=sending placeholder="database" />
                    <ValueFields sending=sending />
                    <p class="text-sm text-muted">"Nobody sees the values again: not here, not in the audit log."</p>
                    <Buttons sending=sending close=paths::config(&namespace_id) word="Create secret" />
                </div>
            </PostForm>
        </Dialog>
    }
}

/// The sign-in of a registry.
#[component]
pub fn NewPullSecretDialog(namespace_id: String) -> impl IntoView {
    let sending = Sending::to::<CreatePullSecret>();
    let elsewhere = sending.elsewhere(PULL_FIELDS);
    view! {
        <Dialog title="New pull secret" close=paths::config(&namespace_id)>
            <PostForm sending=sending>
                <div class="grid gap-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="namespace" value=namespace_id.clone() />
                    <NameField sending=sending placeholder="registry" />
                    <RegistryFields sending=sending />
                    <Buttons sending=sending close=paths::config(&namespace_id) word="Create pull secret" />
                </div>
            </PostForm>
        </Dialog>
    }
}

/// Fields that [`RegistryFields`] and a name show errors of.
pub const PULL_FIELDS: &[&str] = &["name", "registry.server", "registry.username", "registry.password"];

/// Host, user, password.
#[component]
pub fn RegistryFields(sending: Sending) -> impl IntoView {
    let fields = [
        ("server", "Registry", "registry.server", "Its host, as images name it.", "ghcr.io", "text"),
        ("username", "User", "registry.username", "", "", "text"),
        ("password", "Password or access token", "registry.password", "Read access is enough.", "", "password"),
    ];
    let field =
        move |(name, label, of, hint, placeholder, kind): (&'static str, _, _, _, &'static str, &'static str)| {
            let error = sending.field(of);
            view! {
                <Field id=name label=label error=error hint=hint>
                    <input
                        id=name
                        name=name
                        type=kind
                        class=INPUT
                        required
                        placeholder=placeholder
                        autocomplete="off"
                        spellcheck="false"
                        aria-describedby=format!("{name}-note")
                        aria-invalid=invalid(error)
                    />
                </Field>
            }
        };
    fields.map(field).collect_view()
}

/// Cancel and create.
#[component]
pub fn Buttons(sending: Sending, close: String, word: &'static str) -> impl IntoView {
    view! {
        <div class="flex justify-end gap-2">
            <ButtonLink href=close>"Cancel"</ButtonLink>
            <Button tone=ButtonTone::Primary blocked=sending.blocked("Creating")>
                {word}
            </Button>
        </div>
    }
}
