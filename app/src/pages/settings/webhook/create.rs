//! The form of a webhook, for a new one and for one that exists, and the secret, once.

use domain::webhook::{Topic, WebhookSecret, WebhookView};
use leptos::prelude::*;

use crate::api::webhook::CreateWebhook;
use crate::features::form_dialog::FormEnd;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::paths;
use crate::ui::banner::WithoutScript;
use crate::ui::button::{ButtonLink, ButtonTone};
use crate::ui::copy::SecretBox;
use crate::ui::dialog::Dialog;
use crate::ui::field::{Field, INPUT, invalid};

/// The fields that [`Fields`] shows errors for.
pub const FIELDS: &[&str] = &["name", "url", "topics"];

/// Name, address, topics, then the secret, once.
#[component]
pub fn NewWebhookDialog(operator: bool) -> impl IntoView {
    let sending = Sending::to::<CreateWebhook>();
    view! {
        <Dialog title="New webhook" close=paths::webhooks()>
            {move || match sending.accepted::<WebhookSecret>() {
                Some(made) => {
                    let done = paths::webhook(&made.webhook.id);
                    view! { <Secret made=made done=done /> }.into_any()
                }
                None => view! { <NewForm sending=sending operator=operator /> }.into_any(),
            }}
        </Dialog>
    }
}

#[component]
fn NewForm(sending: Sending, operator: bool) -> impl IntoView {
    let elsewhere = sending.elsewhere(FIELDS);
    view! {
        <PostForm sending=sending>
            <div class="grid gap-4">
                <NoScriptNote />
                {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                <Fields sending=sending operator=operator />
                <FormEnd sending=sending close=paths::webhooks() button="Create webhook" busy="Creating" />
            </div>
        </PostForm>
    }
}

/// The fields; `webhook` is what they begin with.
#[component]
pub fn Fields(sending: Sending, operator: bool, #[prop(optional)] webhook: Option<WebhookView>) -> impl IntoView {
    let (name_error, url_error) = (sending.field("name"), sending.field("url"));
    let (name, url, topics, platform) = webhook.map(|w| (w.name, w.url, w.topics, w.platform)).unwrap_or_default();
    view! {
        <Field id="webhook-name" label="Name" error=name_error hint="What it is for, for example chat or pager.">
            <input
                id="webhook-name"
                name="form[name]"
                class=INPUT
                value=name
                required
                maxlength="100"
                autocomplete="off"
                aria-describedby="webhook-name-note"
                aria-invalid=invalid(name_error)
            />
        </Field>
        <Field id="webhook-url" label="Address" error=url_error hint="https only. Whoever knows it may see what is in its path, so keep it to yourself.">
            <input
                id="webhook-url"
                name="form[url]"
                type="url"
                inputmode="url"
                class=INPUT
                value=url
                required
                maxlength="2048"
                placeholder="https://hooks.example.com/remotegpu"
                autocomplete="off"
                spellcheck="false"
                aria-describedby="webhook-url-note"
                aria-invalid=invalid(url_error)
            />
        </Field>
        <Topics error=sending.field("topics") ticked=topics />
        {operator
            .then(|| {
                view! {
                    <label class="flex items-center gap-2">
                        <input type="checkbox" class="size-4 accent-accent" name="form[platform]" value="true" checked=platform />
                        "Also of the engines of the platform (operators only)"
                    </label>
                }
            })}
    }
}

#[component]
fn Topics(error: Signal<Option<String>>, ticked: Vec<Topic>) -> impl IntoView {
    let tick = |topic: Topic| {
        view! {
            <label class="flex items-center gap-2">
                <input
                    type="checkbox"
                    class="size-4 accent-accent"
                    name="form[topics][]"
                    value=topic.as_str()
                    checked=ticked.contains(&topic)
                />
                {topic.words()}
            </label>
        }
    };
    view! {
        <fieldset class="grid gap-1.5">
            <legend class="mb-1 text-sm font-medium">"Told of"</legend>
            {Topic::ALL.map(tick).collect_view()}
            <p class="text-sm text-fail empty:hidden" aria-live="polite">
                {move || error.get()}
            </p>
        </fieldset>
    }
}

/// A redirect cannot carry the secret back, so these forms need JavaScript.
#[component]
pub fn NoScriptNote() -> impl IntoView {
    view! {
        <WithoutScript>
            "The secret is shown once, which needs JavaScript here. Without it, use POST /v1/webhooks."
        </WithoutScript>
    }
}

/// The secret, and what it is for; `done` is the page behind it.
#[component]
pub fn Secret(made: WebhookSecret, done: String) -> impl IntoView {
    view! {
        <div class="grid gap-4">
            <p>
                "Give this secret to the program behind " <span class="font-medium">{made.webhook.name}</span>
                ": any library for Standard Webhooks verifies the signatures with it."
            </p>
            <SecretBox text=made.secret label="webhook secret" />
            <div class="flex justify-end">
                <ButtonLink href=done tone=ButtonTone::Primary>
                    "Done"
                </ButtonLink>
            </div>
        </div>
    }
}
