//! The API keys of the account.

use domain::api_key::{ApiKeyView, KeyStatus};
use domain::namespace::NamespaceView;
use domain::page::Page;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;

use super::create::NewKeyDialog;
use crate::api::api_key::{ListApiKeys, RevokeApiKey};
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::{scope, status};
use crate::paths;
use crate::ui::badge::Badge;
use crate::ui::button::{Button, ButtonLink, ButtonSize, ButtonTone};
use crate::ui::clock::{Ago, absolute};
use crate::ui::dialog::Dialog;
use crate::ui::empty::EmptyState;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The list; making and revoking are states of the URL.
#[component]
pub fn ApiKeysPage() -> impl IntoView {
    let query = use_query_map();
    let visits = visits_to_the_list(query);
    // The key is `cursor visit`: another visit loads anew.
    let key = Memo::new(move |_| format!("{} {}", query.read().get("cursor").unwrap_or_default(), visits.get()));
    let body = load(key, |key| {
        let cursor = key.split_once(' ').unwrap_or_default().0.to_owned();
        ListApiKeys { cursor }
    })
    .show(|(keys, namespaces)| view! { <Body keys=keys namespaces=namespaces /> }.into_any());
    let new_key = || {
        view! {
            <ButtonLink href=paths::new_api_key() tone=ButtonTone::Primary>
                <Glyph icon=Icon::Plus />
                "New API key"
            </ButtonLink>
        }
    };
    view! {
        <PageHead title="API keys" actions=new_key>
            <p>"They let kubectl and programs in. The console itself never takes a key."</p>
        </PageHead>
        {body}
    }
    .into_any()
}

/// Grows each time a dialog closes: then the list may be another. Opening one must not load anew under its form.
fn visits_to_the_list(query: Memo<ParamsMap>) -> Memo<u32> {
    let open = Memo::new(move |_| query.read().get("new").is_some() || query.read().get("revoke").is_some());
    let counted = Memo::new(move |last: Option<&(bool, u32)>| match (open.get(), last) {
        (open, Some((was_open, visits))) => (open, visits + u32::from(*was_open && !open)),
        (open, None) => (open, 0),
    });
    Memo::new(move |_| counted.get().1)
}

#[component]
fn Body(keys: Page<ApiKeyView>, namespaces: Vec<NamespaceView>) -> impl IntoView {
    let query = use_query_map();
    let creating = Memo::new(move |_| query.read().get("new").is_some());
    let revoking = Memo::new(move |_| query.read().get("revoke"));
    let (for_dialog, all) = (namespaces.clone(), keys.items.clone());
    let doomed = move || revoking.get().and_then(|id| all.iter().find(|key| key.id == id).cloned());
    view! {
        <Listing keys=keys namespaces=namespaces />
        {move || creating.get().then(|| view! { <NewKeyDialog namespaces=for_dialog.clone() /> })}
        {move || doomed().map(|key| view! { <RevokeDialog key=key /> })}
    }
}

const COLUMNS: &[Column] = &[
    Column::Words("Name"),
    Column::Words("Opens"),
    Column::Words("Status"),
    Column::Figures("Last used"),
    Column::Figures("Ends"),
    Column::Actions("Actions"),
];

#[component]
fn Listing(keys: Page<ApiKeyView>, namespaces: Vec<NamespaceView>) -> impl IntoView {
    if keys.items.is_empty() {
        return view! { <NoKeys /> }.into_any();
    }
    let next = keys.next_cursor.map(|cursor| paths::with_query(&paths::api_keys(), &[("cursor", &cursor)]));
    let row = move |key: ApiKeyView| {
        let opens = scope::in_words(&key, &namespaces);
        view! { <Row key=key opens=opens /> }
    };
    view! {
        <Table label="API keys" columns=COLUMNS>
            {keys.items.into_iter().map(row).collect_view()}
        </Table>
        {next.map(|href| view! { <p><ButtonLink href=href>"Next page"</ButtonLink></p> })}
    }
    .into_any()
}

#[component]
fn Row(key: ApiKeyView, opens: String) -> impl IntoView {
    let (tone, word) = status::api_key(key.status);
    let revoke = paths::with_query(&paths::api_keys(), &[("revoke", &key.id)]);
    let alive = key.status != KeyStatus::Revoked;
    let label = format!("Revoke {}", key.name);
    let used = match key.last_used_at {
        Some(at) => view! { <Ago at=at /> }.into_any(),
        None => "never".into_any(),
    };
    view! {
        <tr class=ROW>
            <td class=CELL>
                <p class="font-medium">{key.name}</p>
                <code class="font-mono text-sm text-muted">{key.prefix}</code>
            </td>
            <td class=CELL>{opens}</td>
            <td class=CELL>
                <Badge tone=tone label=word />
            </td>
            <td class=FIGURE>{used}</td>
            <td class=FIGURE>{key.expires_at.as_deref().map_or_else(|| "never".to_owned(), absolute)}</td>
            <td class=FIGURE>
                {alive
                    .then(|| {
                        view! {
                            <ButtonLink href=revoke tone=ButtonTone::Quiet size=ButtonSize::Small attr:aria-label=label>
                                "Revoke"
                            </ButtonLink>
                        }
                    })}
            </td>
        </tr>
    }
}

#[component]
fn NoKeys() -> impl IntoView {
    view! {
        <EmptyState title="No API key yet" text="A key lets kubectl fetch short-lived credentials for the namespaces you choose. It is shown once and can be revoked at any time.">
            <ButtonLink href=paths::new_api_key() tone=ButtonTone::Primary>
                "New API key"
            </ButtonLink>
        </EmptyState>
    }
}

/// Names the key and what ends with it.
#[component]
fn RevokeDialog(key: ApiKeyView) -> impl IntoView {
    let sending = Sending::to::<RevokeApiKey>();
    let refusal = sending.refusal();
    view! {
        <Dialog title=format!("Revoke {}", key.name) close=paths::api_keys()>
            <PostForm sending=sending>
                <div class="grid gap-4">
                    {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <p>
                        "Whatever uses " <code class="font-mono text-sm">{key.prefix}</code>
                        " is refused from its next request on. Streams that are open go on until they end. This cannot be undone."
                    </p>
                    <input type="hidden" name="id" value=key.id />
                    <input type="hidden" name="name" value=key.name />
                    <div class="flex justify-end gap-2">
                        <ButtonLink href=paths::api_keys()>"Cancel"</ButtonLink>
                        <Button tone=ButtonTone::Danger blocked=sending.blocked("Revoking")>
                            "Revoke key"
                        </Button>
                    </div>
                </div>
            </PostForm>
        </Dialog>
    }
}
