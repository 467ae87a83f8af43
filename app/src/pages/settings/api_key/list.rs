//! The API keys of the account.

use domain::api_key::{ApiKeyView, ClusterState, KeyStatus};
use domain::namespace::NamespaceView;
use domain::order::SortBy;
use domain::page::Page;
use domain::permission::Permission;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::create::NewKeyDialog;
use super::dialogs::{self, RevokeSelected};
use crate::api::api_key::ListApiKeys;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::right::{ActionLink, use_refusal};
use crate::features::sort::{ServerColumns, SortColumns, SortKey, next_page, use_server_sort, use_sort};
use crate::features::visits::{cursor_of, sort_of, sorted_list_key};
use crate::features::{scope, status};
use crate::paths;
use crate::ui::badge::Badge;
use crate::ui::button::{Button, ButtonLink, ButtonSize, ButtonTone};
use crate::ui::clock::{Ago, absolute};
use crate::ui::empty::EmptyState;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::menu::RowMenu;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The list; making a key is a state of the URL, all else happens on the key's own page.
#[component]
pub fn ApiKeysPage() -> impl IntoView {
    let key = sorted_list_key(&["new", "item"]);
    let body = load(key, |key| ListApiKeys { cursor: cursor_of(&key), sort: sort_of(&key) })
        .show(|(keys, namespaces)| view! { <Body keys=keys namespaces=namespaces /> }.into_any());
    let new_key = || {
        view! {
            <ActionLink href=paths::new_api_key() permission=Permission::OwnKeys tone=ButtonTone::Primary>
                <Glyph icon=Icon::Plus />
                "New API key"
            </ActionLink>
        }
    };
    view! {
        <PageHead title="API keys" actions=new_key>
            <p>"They let kubectl and programs in. The console itself never takes a key."</p>
            <a rel="external" href=paths::api_reference() class="link">
                "API reference"
            </a>
            <CopyAs rest=paths::rest(&["api-keys"]) />
        </PageHead>
        {body}
    }
    .into_any()
}

#[component]
fn Body(keys: Page<ApiKeyView>, namespaces: Vec<NamespaceView>) -> impl IntoView {
    let query = use_query_map();
    let creating = Memo::new(move |_| query.read().get("new").is_some());
    let for_dialog = namespaces.clone();
    let chosen = Memo::new(move |_| query.read().get_all("item").unwrap_or_default());
    let all = StoredValue::new(keys.items.clone());
    let selected = move || {
        let wanted = |key: &&ApiKeyView| key.status != KeyStatus::Revoked && chosen.with(|ids| ids.contains(&key.id));
        let keys: Vec<ApiKeyView> = all.with_value(|all| all.iter().filter(wanted).cloned().collect());
        (!keys.is_empty()).then(|| view! { <RevokeSelected keys=keys /> })
    };
    view! {
        <Listing keys=keys namespaces=namespaces />
        {selected}
        {move || creating.get().then(|| view! { <NewKeyDialog namespaces=for_dialog.clone() /> })}
    }
}

/// The form that the boxes of the rows belong to; as in the list of workloads.
const SELECTED: &str = "selected";

const COLUMNS: &[Column] = &[
    Column::Words("Name"),
    Column::Words("Opens"),
    Column::Words("Status"),
    Column::Figures("Created"),
    Column::Figures("Last used"),
    Column::Figures("Ends"),
    Column::Actions("Actions"),
];

const SORTS: ServerColumns = &[("Name", SortBy::Name), ("Created", SortBy::Created)];

/// In order here, where one page holds all: an index by it would be written each time a key is used, and rows would
/// change their places between two pages. Those never used come last.
const SORTS_OF_ALL: SortColumns<ApiKeyView> =
    &[("Last used", |key| key.last_used_at.as_deref().map_or(SortKey::Absent, SortKey::time))];

#[component]
fn Listing(keys: Page<ApiKeyView>, namespaces: Vec<NamespaceView>) -> impl IntoView {
    if keys.items.is_empty() {
        return view! { <NoKeys /> }.into_any();
    }
    let all = use_sort(SORTS_OF_ALL).if_whole(keys.next_cursor.is_none());
    let heads = use_server_sort(SORTS).into_iter().chain(all.heads()).collect::<Vec<_>>();
    let (items, next) = (keys.items, keys.next_cursor.map(|cursor| next_page(&paths::api_keys(), &cursor)));
    let row = move |key: ApiKeyView| {
        let opens = scope::in_words(&key, &namespaces);
        view! { <Row key=key opens=opens /> }
    };
    let rows = move || all.rows(items.clone()).into_iter().map(&row).collect_view();
    let refused = use_refusal(Permission::OwnKeys);
    // The form keeps the page of the list and its order, so that the dialog finds what was ticked on it.
    let query = use_query_map();
    let kept = ["sort", "cursor"].into_iter().filter_map(move |name| {
        let value = query.read_untracked().get(name)?;
        Some(view! { <input type="hidden" name=name value=value /> })
    });
    view! {
        <div class="group grid gap-2">
            <form id=SELECTED method="get" action=paths::api_keys() class="hidden group-has-[input:checked]:block">
                {kept.collect_view()}
                <Button tone=ButtonTone::Danger size=ButtonSize::Small blocked=refused>
                    "Revoke selected"
                </Button>
            </form>
            <Table label="API keys" columns=COLUMNS sorts=heads>
                {rows}
            </Table>
        </div>
        {next.map(|href| view! { <p><ButtonLink href=href>"Next page"</ButtonLink></p> })}
    }
    .into_any()
}

#[component]
fn Row(key: ApiKeyView, opens: String) -> impl IntoView {
    let (tone, word) = status::api_key(key.status);
    let (menu, label) = (dialogs::actions(&key), format!("Actions for {}", key.name));
    let alive = key.status != KeyStatus::Revoked;
    let id = key.id.clone();
    let pending = key.cluster == ClusterState::RemovalPending;
    let used = match key.last_used_at {
        Some(at) => view! { <Ago at=at /> }.into_any(),
        None => "never".into_any(),
    };
    view! {
        <tr class=ROW>
            <td class=CELL>
                <span class="flex flex-wrap items-center gap-x-2">
                    {alive.then(|| view! { <Select id=id name=key.name.clone() /> })}
                    <a href=paths::api_key(&key.id) class="font-medium wrap-anywhere hover:underline">
                        {key.name}
                    </a>
                </span>
                <p>
                    <code class="font-mono text-sm text-muted">{key.prefix}</code>
                </p>
            </td>
            <td class=CELL>{opens}</td>
            <td class=CELL>
                <Badge tone=tone label=word />
                {pending.then(|| view! { <p class="text-sm text-wait">"leaving the cluster"</p> })}
            </td>
            <td class=FIGURE>
                <Ago at=key.created_at />
            </td>
            <td class=FIGURE>{used}</td>
            <td class=FIGURE>
                <Ends at=key.expires_at soon=key.expires_soon />
            </td>
            <td class=FIGURE>
                <RowMenu label=label items=menu />
            </td>
        </tr>
    }
}

#[component]
fn Select(id: String, name: String) -> impl IntoView {
    view! {
        <input
            type="checkbox"
            form=SELECTED
            name="item"
            value=id
            aria-label=format!("Select {name}")
            class="size-4 accent-accent print:hidden"
        />
    }
}

/// When a key ends; amber, with a word, when that is near.
#[component]
pub fn Ends(at: Option<String>, soon: bool) -> impl IntoView {
    let text = at.as_deref().map_or_else(|| "never".to_owned(), absolute);
    match soon {
        true => {
            view! { <span class="font-medium text-wait" title="Ends within 14 days">{text} " – soon"</span> }.into_any()
        }
        false => text.into_any(),
    }
}

#[component]
fn NoKeys() -> impl IntoView {
    view! {
        <EmptyState
            title="No API key yet"
            text="A key lets kubectl fetch short-lived credentials for the namespaces you choose. It is shown once and can be revoked at any time."
            learn=paths::learn::API_KEYS
        >
            <ActionLink href=paths::new_api_key() permission=Permission::OwnKeys tone=ButtonTone::Primary>
                "New API key"
            </ActionLink>
        </EmptyState>
    }
}
