//! A new ConfigMap.

use leptos::prelude::*;

use crate::api::config_map::CreateConfigMap;
use crate::features::form_dialog::FormDialog;
use crate::features::key_values::{FIELDS, NameField, ValueFields};
use crate::features::post_form::Sending;
use crate::paths;
use crate::ui::button::ButtonTone;

/// Its name and first keys.
#[component]
pub fn NewConfigMapDialog(namespace_id: String) -> impl IntoView {
    let sending = Sending::to::<CreateConfigMap>();
    view! {
        <FormDialog
            title="New ConfigMap"
            sending=sending
            shown=FIELDS
            close=paths::config(&namespace_id)
            tone=ButtonTone::Primary
            button="Create ConfigMap"
            busy="Creating"
        >
            <input type="hidden" name="namespace" value=namespace_id />
            <NameField sending=sending placeholder="settings" />
            <ValueFields sending=sending />
            <p class="text-sm text-muted">"Plain text for everybody who may look at this namespace: no passwords."</p>
        </FormDialog>
    }
}
