//! One webhook: its state, its settings, what became of each delivery.

use domain::webhook::WebhookView;
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::create::{FIELDS, Fields};
use super::deliveries::Deliveries;
use super::dialogs::WebhookDialog;
use super::list::status;
use crate::api::webhook::{ChangeWebhook, GetWebhook, SwitchWebhook, TestWebhook, WebhookDetail};
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::{Loaded, load};
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::visits::list_key;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::banner::Banner;
use crate::ui::button::{Button, ButtonLink, ButtonTone};
use crate::ui::clock::{Ago, absolute};
use crate::ui::panel::Panel;

/// The webhook's page; its dialogs are states of the URL.
#[component]
pub fn WebhookPage() -> impl IntoView {
    let params = use_params_map();
    // The key is `id cursor visits`: after something was done, and behind a dialog, the page is another.
    let visits = list_key(&["do"]);
    let key = Memo::new(move |_| format!("{} {}", params.read().get("webhook").unwrap_or_default(), visits.get()));
    let loaded: Loaded<WebhookDetail> = load(key, |key| {
        let mut parts = key.split(' ').map(str::to_owned);
        GetWebhook { id: parts.next().unwrap_or_default(), cursor: parts.next().unwrap_or_default() }
    });
    let again = Callback::new(move |()| loaded.refetch());
    loaded.show(move |detail| view! { <Body detail=detail again=again /> }.into_any())
}

#[component]
fn Body(detail: WebhookDetail, again: Callback<()>) -> impl IntoView {
    let (webhook, deliveries, operator) = detail;
    let query = use_query_map();
    let asked = Memo::new(move |_| query.read().get("do"));
    let (for_dialog, close) = (webhook.clone(), paths::webhook(&webhook.id));
    let id = webhook.id.clone();
    view! {
        <Head webhook=webhook.clone() />
        <Notes webhook=webhook.clone() />
        <Deliveries webhook=id deliveries=deliveries enabled=webhook.enabled again=again />
        <Edit webhook=webhook operator=operator />
        {move || {
            asked.get().map(|which| view! { <WebhookDialog webhook=for_dialog.clone() which=which close=close.clone() /> })
        }}
    }
}

#[component]
fn Head(webhook: WebhookView) -> impl IntoView {
    let (tone, word) = status(&webhook);
    let rest = paths::rest(&["webhooks", &webhook.id]);
    let dialog = |which: &str| paths::webhook_dialog(&webhook.id, which);
    let (rotate, delete) = (dialog("rotate"), dialog("delete"));
    let topics: Vec<&str> = webhook.topics.iter().map(|topic| topic.title()).collect();
    let for_actions = webhook.clone();
    let actions = move || {
        let (rotate, delete) = (rotate.clone(), delete.clone());
        view! {
            <Switches webhook=for_actions.clone() />
            <ButtonLink href=rotate>"New secret"</ButtonLink>
            <ButtonLink href=delete tone=ButtonTone::Danger>
                "Delete"
            </ButtonLink>
        }
    };
    view! {
        <PageHead
            title=webhook.name
            trail=vec![(paths::webhooks(), "Webhooks".to_owned())]
            badge=move || view! { <Badge tone=tone label=word /> }
            actions=actions
        >
            <span>"told of " {topics.join(", ")}</span>
            <span>"created " <Ago at=webhook.created_at /></span>
            <CopyAs rest=rest />
        </PageHead>
    }
}

/// Test, off and on: small forms, they work without JavaScript.
#[component]
fn Switches(webhook: WebhookView) -> impl IntoView {
    let (test, switch) = (Sending::to::<TestWebhook>(), Sending::to::<SwitchWebhook>());
    let (test_refused, switch_refused) = (test.refusal(), switch.refusal());
    let refusal = move || test_refused.get().or_else(|| switch_refused.get());
    let enabled = webhook.enabled;
    let before = Signal::stored(Some(enabled.to_string()));
    let id = webhook.id.clone();
    view! {
        {move || refusal().map(|error| view! { <ErrorBanner error=error /> })}
        {enabled
            .then(|| {
                view! {
                    <PostForm sending=test>
                        <input type="hidden" name="id" value=id />
                        <input type="hidden" name="name" value=webhook.name />
                        <Button tone=ButtonTone::Primary blocked=test.blocked("Sending")>
                            "Send a test"
                        </Button>
                    </PostForm>
                }
            })}
        <PostForm sending=switch before=("enabled", before)>
            <input type="hidden" name="id" value=webhook.id />
            <input type="hidden" name="enabled" value=(!enabled).to_string() />
            <Button blocked=switch.blocked("Saving")>{if enabled { "Disable" } else { "Enable" }}</Button>
        </PostForm>
    }
}

/// What a person should know now.
#[component]
fn Notes(webhook: WebhookView) -> impl IntoView {
    let off = webhook.disabled_reason.map(|reason| {
        view! { <Banner tone=Tone::Wait title=format!("Nothing is sent. {}", reason.words())>"What happens meanwhile is not told later."</Banner> }
    });
    let failing = webhook.failing_since.map(|since| {
        let title = format!("Every try failed since {}", absolute(&since));
        view! { <Banner tone=Tone::Fail title=title>"After five days of that it is disabled by itself."</Banner> }
    });
    let overlap = webhook.old_secret_until.map(|until| {
        let title = format!("Two secrets sign until {}", absolute(&until));
        view! { <Banner tone=Tone::Wait title=title>"Then the old one ends."</Banner> }
    });
    view! { {off} {failing} {overlap} }
}

#[component]
fn Edit(webhook: WebhookView, operator: bool) -> impl IntoView {
    let sending = Sending::to::<ChangeWebhook>();
    let elsewhere = sending.elsewhere(FIELDS);
    let id = webhook.id.clone();
    view! {
        <Panel title="Settings">
            <PostForm sending=sending>
                <div class="grid gap-4 p-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="id" value=id />
                    <Fields sending=sending operator=operator webhook=webhook />
                    <div>
                        <Button tone=ButtonTone::Primary blocked=sending.blocked("Saving")>
                            "Save"
                        </Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}
