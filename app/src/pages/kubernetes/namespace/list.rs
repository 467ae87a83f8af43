//! The namespaces of the account.

use std::time::Duration;

use domain::namespace::{NamespaceStatus, NamespaceView};
use domain::page::Page;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::create::NewNamespaceDialog;
use crate::api::namespace::ListNamespaces;
use crate::features::head::PageHead;
use crate::features::load::{Loaded, load};
use crate::features::{quota, status};
use crate::paths;
use crate::ui::badge::Badge;
use crate::ui::button::{ButtonLink, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::copy::CopyLine;
use crate::ui::empty::EmptyState;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The list, with the form for a new one as a state of the URL.
#[component]
pub fn NamespacesPage() -> impl IntoView {
    let query = use_query_map();
    let cursor = Memo::new(move |_| query.read().get("cursor").unwrap_or_default());
    let page = load(cursor, |cursor| ListNamespaces { cursor });
    let creating = move || query.read().get("new").is_some();
    follow_changes(page);
    let body = page.show(|page| view! { <Listing page=page /> }.into_any());
    view! {
        <PageHead
            title="Kubernetes"
            actions=|| {
                view! {
                    <ButtonLink href=paths::new_namespace() tone=ButtonTone::Primary>
                        <Glyph icon=Icon::Plus />
                        "New namespace"
                    </ButtonLink>
                }
            }
        />
        {body}
        {move || creating().then(|| view! { <NewNamespaceDialog /> })}
    }
    .into_any()
}

/// Asks again every two seconds while something is being made or removed.
fn follow_changes(page: Loaded<Page<NamespaceView>>) {
    let moving = |n: &NamespaceView| matches!(n.status, NamespaceStatus::Creating | NamespaceStatus::Deleting);
    Effect::new(move || {
        if page.get().is_some_and(|page| page.is_ok_and(|page| page.items.iter().any(moving))) {
            set_timeout(move || page.refetch(), Duration::from_secs(2));
        }
    });
}

const COLUMNS: &[Column] = &[
    Column::Words("Name"),
    Column::Words("Status"),
    Column::Figures("Deployments"),
    Column::Figures("GPUs"),
    Column::Figures("Created"),
];

#[component]
fn Listing(page: Page<NamespaceView>) -> impl IntoView {
    if page.items.is_empty() {
        return view! { <NoNamespaces /> }.into_any();
    }
    let next = page.next_cursor.map(|cursor| paths::with_query(&paths::namespaces(), &[("cursor", &cursor)]));
    view! {
        <Table label="Namespaces" columns=COLUMNS>
            {page.items.into_iter().map(|namespace| view! { <Row namespace=namespace /> }).collect_view()}
        </Table>
        {next
            .map(|href| {
                view! {
                    <p>
                        <ButtonLink href=href>"Next page"</ButtonLink>
                    </p>
                }
            })}
    }
    .into_any()
}

#[component]
fn Row(namespace: NamespaceView) -> impl IntoView {
    let (tone, word) = status::namespace(namespace.status);
    let gpus = quota::gpus(&namespace.quota);
    view! {
        <tr class=ROW>
            <td class=CELL>
                <a href=paths::workloads(&namespace.id) class="font-medium hover:underline">
                    {namespace.name}
                </a>
                <p class="text-muted">
                    <CopyLine text=namespace.kubernetes_name label="Kubernetes name" />
                </p>
            </td>
            <td class=CELL>
                <Badge tone=tone label=word />
                <p class="max-w-80 text-sm text-muted">{namespace.status_message}</p>
            </td>
            <td class=FIGURE>{namespace.deployments}</td>
            <td class=FIGURE>{gpus}</td>
            <td class=FIGURE>
                <Ago at=namespace.created_at />
            </td>
        </tr>
    }
}

#[component]
fn NoNamespaces() -> impl IntoView {
    view! {
        <EmptyState
            title="No namespace yet"
            text="A namespace is your own place in the cluster: your deployments, your limits, your kubectl access, kept apart from everybody else's."
        >
            <ButtonLink href=paths::new_namespace() tone=ButtonTone::Primary>
                "New namespace"
            </ButtonLink>
        </EmptyState>
    }
}
