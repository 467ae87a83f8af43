//! What is done to a webhook in a dialog: a new secret, the end. Each names the webhook and the consequence.

use domain::webhook::{WebhookSecret, WebhookView};
use leptos::prelude::*;

use super::create::{NoScriptNote, Secret};
use crate::api::webhook::{DeleteWebhook, RotateWebhook};
use crate::features::form_dialog::{FormDialog, FormEnd};
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::ui::dialog::Dialog;

/// The dialog that the URL asks for (`?do=…`).
#[component]
pub fn WebhookDialog(webhook: WebhookView, which: String, close: String) -> impl IntoView {
    match which.as_str() {
        "rotate" => view! { <RotateDialog webhook=webhook close=close /> }.into_any(),
        "delete" => view! { <DeleteDialog webhook=webhook close=close /> }.into_any(),
        _ => ().into_any(),
    }
}

#[component]
fn RotateDialog(webhook: WebhookView, close: String) -> impl IntoView {
    let sending = Sending::to::<RotateWebhook>();
    let title = format!("New secret for {}", webhook.name);
    let done = close.clone();
    view! {
        <Dialog title=title close=close>
            {move || match sending.accepted::<WebhookSecret>() {
                Some(made) => view! { <Secret made=made done=done.clone() /> }.into_any(),
                None => view! { <RotateForm id=webhook.id.clone() sending=sending close=done.clone() /> }.into_any(),
            }}
        </Dialog>
    }
}

#[component]
fn RotateForm(id: String, sending: Sending, close: String) -> impl IntoView {
    let refusal = sending.refusal();
    view! {
        <PostForm sending=sending>
            <div class="grid gap-4">
                <NoScriptNote />
                {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                <p>"For a day every message carries the signatures of both secrets. Then the old one signs nothing any more."</p>
                <input type="hidden" name="id" value=id />
                <FormEnd sending=sending close=close button="Make a new secret" busy="Rotating" />
            </div>
        </PostForm>
    }
}

#[component]
fn DeleteDialog(webhook: WebhookView, close: String) -> impl IntoView {
    let sending = Sending::to::<DeleteWebhook>();
    view! {
        <FormDialog
            title=format!("Delete {}", webhook.name)
            sending=sending
            close=close
            button="Delete webhook"
            busy="Deleting"
        >
            <p>"What is on its way is not sent any more, and the list of deliveries goes. This cannot be undone."</p>
            <input type="hidden" name="id" value=webhook.id />
            <input type="hidden" name="name" value=webhook.name />
        </FormDialog>
    }
}
