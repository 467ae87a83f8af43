//! The outgoing webhooks of the account.

use domain::page::Page;
use domain::permission::Permission;
use domain::webhook::WebhookView;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::create::NewWebhookDialog;
use crate::api::webhook::ListWebhooks;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::right::ActionLink;
use crate::features::sort::{SortColumns, SortKey, use_sort};
use crate::features::visits::{cursor_of, list_key};
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{ButtonLink, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::empty::EmptyState;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The list; making a webhook is a state of the URL, all else happens on its own page.
#[component]
pub fn WebhooksPage() -> impl IntoView {
    let body = load(list_key(&["new"]), |key| ListWebhooks { cursor: cursor_of(&key) })
        .show(|(webhooks, operator)| view! { <Body webhooks=webhooks operator=operator /> }.into_any());
    let new_webhook = || {
        view! {
            <ActionLink href=paths::new_webhook() permission=Permission::ManageAccount tone=ButtonTone::Primary>
                <Glyph icon=Icon::Plus />
                "New webhook"
            </ActionLink>
        }
    };
    view! {
        <PageHead title="Webhooks" actions=new_webhook>
            <p>"Signed messages to a program of yours when something happens: a budget, an engine, a key that ends, a deployment."</p>
            <CopyAs rest=paths::rest(&["webhooks"]) />
        </PageHead>
        {body}
    }
    .into_any()
}

#[component]
fn Body(webhooks: Page<WebhookView>, operator: bool) -> impl IntoView {
    let query = use_query_map();
    let creating = Memo::new(move |_| query.read().get("new").is_some());
    view! {
        <Listing webhooks=webhooks />
        {move || creating.get().then(|| view! { <NewWebhookDialog operator=operator /> })}
    }
}

const COLUMNS: &[Column] =
    &[Column::Words("Name"), Column::Words("Told of"), Column::Words("Status"), Column::Figures("Created")];

const SORTS: SortColumns<WebhookView> = &[
    ("Name", |webhook| SortKey::text(&webhook.name)),
    ("Status", |webhook| SortKey::text(status(webhook).1)),
    ("Created", |webhook| SortKey::time(&webhook.created_at)),
];

#[component]
fn Listing(webhooks: Page<WebhookView>) -> impl IntoView {
    if webhooks.items.is_empty() {
        return view! { <NoWebhooks /> }.into_any();
    }
    // An account has 20 at the most, so that its page is always all of them.
    let sort = use_sort(SORTS).if_whole(webhooks.next_cursor.is_none());
    let items = webhooks.items;
    let next = webhooks.next_cursor.map(|cursor| paths::with_query(&paths::webhooks(), &[("cursor", &cursor)]));
    let row = |webhook: WebhookView| view! { <Row webhook=webhook /> };
    let rows = move || sort.rows(items.clone()).into_iter().map(row).collect_view();
    view! {
        <Table label="Webhooks" columns=COLUMNS sorts=sort.heads()>
            {rows}
        </Table>
        {next.map(|href| view! { <p><ButtonLink href=href>"Next page"</ButtonLink></p> })}
    }
    .into_any()
}

#[component]
fn Row(webhook: WebhookView) -> impl IntoView {
    let topics: Vec<&str> = webhook.topics.iter().map(|topic| topic.title()).collect();
    let host = webhook.url.split('/').nth(2).unwrap_or_default().to_owned();
    let (tone, word) = status(&webhook);
    view! {
        <tr class=ROW>
            <td class=CELL>
                <a href=paths::webhook(&webhook.id) class="font-medium hover:underline">
                    {webhook.name}
                </a>
                <p>
                    <code class="font-mono text-sm text-muted">{host}</code>
                </p>
            </td>
            <td class=CELL>{topics.join(", ")}</td>
            <td class=CELL>
                <Badge tone=tone label=word />
            </td>
            <td class=FIGURE>
                <Ago at=webhook.created_at />
            </td>
        </tr>
    }
}

/// The badge of a webhook.
pub fn status(webhook: &WebhookView) -> (Tone, &'static str) {
    match (webhook.enabled, &webhook.failing_since) {
        (false, _) => (Tone::Ended, "Disabled"),
        (true, Some(_)) => (Tone::Fail, "Failing"),
        (true, None) => (Tone::Ok, "Enabled"),
    }
}

#[component]
fn NoWebhooks() -> impl IntoView {
    view! {
        <EmptyState
            title="No webhook yet"
            text="A webhook posts a signed message to an https address of yours when something happens here. It is tried for a day, and every try is listed."
            learn=paths::learn::WEBHOOKS
        >
            <ButtonLink href=paths::new_webhook() tone=ButtonTone::Primary>
                "New webhook"
            </ButtonLink>
        </EmptyState>
    }
}
