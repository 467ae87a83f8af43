//! Every account of the platform.

use domain::account::AccountStatus;
use domain::figure::grouped;
use domain::order::SortBy;
use domain::page::Page;
use domain::platform_account::PlatformAccountView;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::create::NewAccountDialog;
use crate::api::platform_account::ListPlatformAccounts;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::sort::{ServerColumns, next_page, use_server_sort};
use crate::features::visits::{cursor_of, sort_of, sorted_list_key};
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{ButtonLink, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The list; making one is a state of the URL.
#[component]
pub fn PlatformAccountsPage() -> impl IntoView {
    let query = use_query_map();
    let creating = move || query.read().get("new").is_some();
    let key = sorted_list_key(&["new"]);
    let body = load(key, |key| ListPlatformAccounts { cursor: cursor_of(&key), sort: sort_of(&key) })
        .show(|accounts| view! { <Listing accounts=accounts /> }.into_any());
    let new_account = || {
        view! {
            <ButtonLink href=paths::new_platform_account() tone=ButtonTone::Primary>
                <Glyph icon=Icon::Plus />
                "New account"
            </ButtonLink>
        }
    };
    view! {
        <PageHead title="Accounts" actions=new_account>
            <p>"The customers of this installation, what they have and may have."</p>
            <CopyAs rest=paths::rest(&["platform", "accounts"]) />
        </PageHead>
        {body}
        {move || creating().then(|| view! { <NewAccountDialog /> })}
    }
    .into_any()
}

/// An account's state.
pub fn status(status: AccountStatus) -> (Tone, &'static str) {
    match status {
        AccountStatus::Active => (Tone::Ok, "Active"),
        AccountStatus::Suspended => (Tone::Fail, "Suspended"),
    }
}

const COLUMNS: &[Column] = &[
    Column::Words("Name"),
    Column::Words("Status"),
    Column::Figures("Namespaces"),
    Column::Figures("Members"),
    Column::Figures("API keys"),
    Column::Figures("Created"),
];

const SORTS: ServerColumns = &[("Name", SortBy::Name), ("Created", SortBy::Created)];

#[component]
fn Listing(accounts: Page<PlatformAccountView>) -> impl IntoView {
    let next = accounts.next_cursor.map(|cursor| next_page(&paths::platform_accounts(), &cursor));
    let of = |have: u32, limit: u32| format!("{} of {}", grouped(have.into()), grouped(limit.into()));
    let row = move |account: PlatformAccountView| {
        let (tone, word) = status(account.status);
        view! {
            <tr class=ROW>
                <td class=CELL>
                    <a class="link font-medium" href=paths::platform_account(&account.id)>
                        {account.name}
                    </a>
                    <p class="font-mono text-sm text-muted">{account.customer}</p>
                </td>
                <td class=CELL>
                    <Badge tone=tone label=word />
                </td>
                <td class=FIGURE>{of(account.namespaces, account.quota.namespaces)}</td>
                <td class=FIGURE>{of(account.members, account.quota.members)}</td>
                <td class=FIGURE>{of(account.api_keys, account.quota.api_keys)}</td>
                <td class=FIGURE>
                    <Ago at=account.created_at />
                </td>
            </tr>
        }
    };
    view! {
        <Table label="Accounts" columns=COLUMNS sorts=use_server_sort(SORTS)>
            {accounts.items.into_iter().map(row).collect_view()}
        </Table>
        {next.map(|href| view! { <p><ButtonLink href=href>"Next page"</ButtonLink></p> })}
    }
}
