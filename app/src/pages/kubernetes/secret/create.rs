//! A new Secret: free values, or the sign-in of a registry.

use leptos::prelude::*;

use crate::api::secret::{CreatePullSecret, CreateSecret};
use crate::features::form_dialog::FormDialog;
use crate::features::key_values::{FIELDS, NameField, ValueFields};
use crate::features::post_form::Sending;
use crate::paths;
use crate::ui::button::ButtonTone;
use crate::ui::field::{Field, INPUT, invalid, unsaved};

/// Free values.
#[component]
pub fn NewSecretDialog(namespace_id: String) -> impl IntoView {
    let sending = Sending::to::<CreateSecret>();
    view! {
        <FormDialog
            title="New secret"
            sending=sending
            shown=FIELDS
            close=paths::config(&namespace_id)
            tone=ButtonTone::Primary
            button="Create secret"
            busy="Creating"
        >
            <input type="hidden" name="namespace" value=namespace_id />
            <NameField sending=sending placeholder="database" />
            <ValueFields sending=sending />
            <p class="text-sm text-muted">"Nobody sees the values again: not here, not in the audit log."</p>
        </FormDialog>
    }
}

/// The sign-in of a registry.
#[component]
pub fn NewPullSecretDialog(namespace_id: String) -> impl IntoView {
    let sending = Sending::to::<CreatePullSecret>();
    view! {
        <FormDialog
            title="New pull secret"
            sending=sending
            shown=PULL_FIELDS
            close=paths::config(&namespace_id)
            tone=ButtonTone::Primary
            button="Create pull secret"
            busy="Creating"
        >
            <input type="hidden" name="namespace" value=namespace_id />
            <NameField sending=sending placeholder="registry" />
            <RegistryFields sending=sending />
        </FormDialog>
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
                        autocomplete=unsaved(kind)
                        spellcheck="false"
                        aria-describedby=format!("{name}-note")
                        aria-invalid=invalid(error)
                    />
                </Field>
            }
        };
    fields.map(field).collect_view()
}
