//! A new ConfigMap.

use leptos::prelude::*;

use crate::api::config_map::CreateConfigMap;
use crate::features::key_values::{FIELDS, NameField, ValueFields};
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::pages::kubernetes::secret::create::Buttons;
use crate::paths;
use crate::ui::dialog::Dialog;

/// Its name and first keys.
#[component]
pub fn NewConfigMapDialog(namespace_id: String) -> impl IntoView {
    let sending = Sending::to::<CreateConfigMap>();
    let elsewhere = sending.elsewhere(FIELDS);
    view! {
        <Dialog title="New ConfigMap" close=paths::config(&namespace_id)>
            <PostForm sending=sending>
                <div class="grid gap-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="namespace" value=namespace_id.clone() />
                    <NameField sending=sending placeholder="settings" />
                    <ValueFields sending=sending />
                    <p class="text-sm text-muted">"Plain text for everybody who may look at this namespace: no passwords."</p>
                    <Buttons sending=sending close=paths::config(&namespace_id) word="Create ConfigMap" />
                </div>
            </PostForm>
        </Dialog>
    }
}
