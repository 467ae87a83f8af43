//! The namespaces of the account.

use std::sync::Arc;

use domain::namespace::NamespaceView;
use domain::page::Page;
use domain::permission::Permission;
use domain::sku::PriceView;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::create::NewNamespaceDialog;
use crate::api::namespace::ListNamespaces;
use crate::features::head::PageHead;
use crate::features::live::{LiveDot, use_live};
use crate::features::load::load;
use crate::features::right::{ActionLink, menu_item};
use crate::features::sort::{SortColumns, SortKey, use_sort};
use crate::features::{quota, status};
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{ButtonLink, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::copy::CopyLine;
use crate::ui::empty::EmptyState;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::keyed::Keyed;
use crate::ui::menu::{MenuItem, RowMenu};
use crate::ui::money::sums_per_hour;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The list, with the form for a new one as a state of the URL.
#[component]
pub fn NamespacesPage() -> impl IntoView {
    let query = use_query_map();
    let cursor = Memo::new(move |_| query.read().get("cursor").unwrap_or_default());
    let page = load(cursor, |cursor| ListNamespaces { cursor });
    let creating = move || query.read().get("new").is_some();
    let body = page.show(move |page| view! { <LiveList cursor=cursor.get_untracked() loaded=page /> }.into_any());
    view! {
        <PageHead
            title="Kubernetes"
            actions=|| {
                view! {
                    <ActionLink href=paths::new_namespace() permission=Permission::CreateNamespace tone=ButtonTone::Primary>
                        <Glyph icon=Icon::Plus />
                        "New namespace"
                    </ActionLink>
                }
            }
        />
        {body}
        {move || creating().then(|| view! { <NewNamespaceDialog /> })}
    }
    .into_any()
}

const COLUMNS: &[Column] = &[
    Column::Words("Name"),
    Column::Words("Status"),
    Column::Figures("Deployments"),
    Column::Figures("GPUs"),
    Column::Figures("Price"),
    Column::Figures("Created"),
    Column::Actions("Actions"),
];

const SORTS: SortColumns<NamespaceView> = &[
    ("Name", |namespace| SortKey::text(&namespace.name)),
    ("Status", |namespace| SortKey::text(status::namespace(namespace.status).1)),
    ("Deployments", |namespace| SortKey::Number(namespace.deployments.into())),
    ("Price", |namespace| SortKey::price(prices(namespace).first())),
    ("Created", |namespace| SortKey::time(&namespace.created_at)),
];

/// What runs in it costs; nothing where nothing does, and for who may not see it.
fn prices(namespace: &NamespaceView) -> &[PriceView] {
    namespace.price_per_hour.as_deref().unwrap_or_default()
}

/// The page of the list as loaded, then as the stream says.
#[component]
fn LiveList(cursor: String, loaded: Page<NamespaceView>) -> impl IntoView {
    let (live, link) = use_live::<Page<NamespaceView>>(Signal::stored(paths::live_namespaces(&cursor)));
    let shown = Memo::new(move |_| live.get().unwrap_or_else(|| loaded.clone()));
    let empty = Memo::new(move |_| shown.with(|page| page.items.is_empty()));
    let key = |namespace: &NamespaceView| (namespace.id.clone(), String::new());
    let whole = Memo::new(move |_| shown.with(|page| page.next_cursor.is_none()));
    let sort = use_sort(SORTS);
    let ids = Signal::derive(move || sort.if_whole(whole.get()).rows(shown.get().items).iter().map(key).collect());
    let row = move |id, _| view! { <Row id=id all=shown /> }.into_any();
    let next = Memo::new(move |_| shown.with(|page| page.next_cursor.clone()));
    view! {
        <div class="grid gap-2">
            <p class="flex min-h-5 justify-end text-sm text-muted">
                <LiveDot link=link />
            </p>
            {move || {
                if empty.get() {
                    view! { <NoNamespaces /> }.into_any()
                } else {
                    view! {
                        <Table label="Namespaces" columns=COLUMNS sorts=sort.if_whole(whole.get()).heads()>
                            <Keyed items=ids draw=Arc::new(row) />
                        </Table>
                    }
                        .into_any()
                }
            }}
            {move || {
                let href = next.get().map(|cursor| paths::with_query(&paths::namespaces(), &[("cursor", &cursor)]));
                href.map(|href| view! { <p><ButtonLink href=href>"Next page"</ButtonLink></p> })
            }}
        </div>
    }
}

/// One row; its cells follow the stream, the row itself stays.
#[component]
fn Row(id: String, all: Memo<Page<NamespaceView>>) -> impl IntoView {
    let (href, menu) = (paths::workloads(&id), menu(&id));
    let mine = Memo::new(move |_| all.with(|all| all.items.iter().find(|namespace| namespace.id == id).cloned()));
    let text = move |read: fn(&NamespaceView) -> String| {
        Signal::derive(move || mine.with(|namespace| namespace.as_ref().map(read).unwrap_or_default()))
    };
    let tone = Signal::derive(move || mine.with(|n| n.as_ref().map_or(Tone::Ended, |n| status::namespace(n.status).0)));
    let word = text(|namespace| status::namespace(namespace.status).1.to_owned());
    let (name, kubernetes_name) = (text(|n| n.name.clone()), text(|n| n.kubernetes_name.clone()));
    let own_label = Memo::new(move |_| mine.with(|n| n.as_ref().and_then(NamespaceView::own_label).map(str::to_owned)));
    let label = Signal::derive(move || format!("Actions for {}", name.get()));
    let (message, gpus) = (text(|n| n.status_message.clone().unwrap_or_default()), text(|n| quota::gpus(&n.quota)));
    let price = text(|n| sums_per_hour(prices(n)));
    let (deployments, created) = (text(|n| n.deployments.to_string()), text(|n| n.created_at.clone()));
    view! {
        <tr class=ROW>
            <td class=CELL>
                <a href=href class="font-medium hover:underline">
                    {move || name.get()}
                </a>
                <p class="max-w-80 text-sm wrap-anywhere empty:hidden">{move || own_label.get()}</p>
                <p class="text-muted">
                    <CopyLine text=kubernetes_name label="Kubernetes name" />
                </p>
            </td>
            <td class=CELL>
                <Badge tone=tone label=word />
                <p class="max-w-80 text-sm text-muted">{move || message.get()}</p>
            </td>
            <td class=FIGURE>{move || deployments.get()}</td>
            <td class=FIGURE>{move || gpus.get()}</td>
            <td class=FIGURE>{move || price.get()}</td>
            <td class=FIGURE>
                <Ago at=created />
            </td>
            <td class=FIGURE>
                <RowMenu label=label items=menu />
            </td>
        </tr>
    }
}

/// Where the menu of a row leads.
fn menu(id: &str) -> Vec<MenuItem> {
    let settings = paths::namespace_settings(id);
    let delete = paths::with_query(&settings, &[("delete", "namespace")]);
    vec![
        menu_item(paths::deploy(id), "Deploy", Permission::Deploy),
        MenuItem::open(paths::access(id), "Access"),
        MenuItem::open(settings, "Settings"),
        menu_item(delete, "Delete", Permission::CreateNamespace),
    ]
}

#[component]
fn NoNamespaces() -> impl IntoView {
    view! {
        <EmptyState
            title="No namespace yet"
            text="A namespace is your own place in the cluster: your deployments, your limits, your kubectl access, kept apart from everybody else's."
            learn=paths::learn::NAMESPACES
        >
            <ActionLink href=paths::new_namespace() permission=Permission::CreateNamespace tone=ButtonTone::Primary>
                "New namespace"
            </ActionLink>
        </EmptyState>
    }
}
