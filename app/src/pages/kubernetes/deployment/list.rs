//! What runs in a namespace, live.

use std::sync::Arc;

use domain::deployment::DeploymentView;
use domain::namespace::{NamespaceStatus, NamespaceView};
use leptos::prelude::*;

use crate::api::deployment::ListDeployments;
use crate::features::live::{LiveDot, use_live};
use crate::features::load::load;
use crate::features::problem::ErrorBanner;
use crate::features::status;
use crate::pages::kubernetes::namespace::detail::InNamespace;
use crate::paths;
use crate::ui::badge::Badge;
use crate::ui::button::{ButtonLink, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::empty::EmptyState;
use crate::ui::keyed::Keyed;
use crate::ui::money::per_hour;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The tab *Workloads*.
#[component]
pub fn WorkloadsPage() -> impl IntoView {
    let page = |namespace| view! { <Workloads namespace=namespace /> }.into_any();
    view! { <InNamespace page=Arc::new(page) /> }.into_any()
}

#[component]
fn Workloads(namespace: NamespaceView) -> impl IntoView {
    if namespace.status != NamespaceStatus::Active {
        return view! { <NotReady status=namespace.status /> }.into_any();
    }
    let id = namespace.id.clone();
    load(Signal::stored(namespace.id), |namespace| ListDeployments { namespace }).show_or(
        move |deployments| view! { <LiveList namespace_id=id.clone() loaded=deployments /> }.into_any(),
        |error| view! { <ErrorBanner error=error /> }.into_any(),
    )
}

/// The page follows by itself once the namespace is active.
#[component]
fn NotReady(status: NamespaceStatus) -> impl IntoView {
    let (title, text) = match status {
        NamespaceStatus::Deleting => ("Being deleted", "Everything in this namespace is being removed."),
        NamespaceStatus::Failed => ("Not set up", "This namespace could not be set up. Its message stands above."),
        _ => (
            "Being created",
            "Limits, rights and isolation are being set up. This takes a few seconds; the page follows by itself.",
        ),
    };
    view! { <EmptyState title=title text=text /> }
}

const COLUMNS: &[Column] = &[
    Column::Words("Name"),
    Column::Words("Status"),
    Column::Words("SKU"),
    Column::Figures("Ready"),
    Column::Figures("Price"),
    Column::Figures("Created"),
];

/// The list as loaded, then as the stream says.
#[component]
fn LiveList(namespace_id: String, loaded: Vec<DeploymentView>) -> impl IntoView {
    let (live, link) = use_live::<Vec<DeploymentView>>(Signal::stored(paths::live_deployments(&namespace_id)));
    let shown = Memo::new(move |_| live.get().unwrap_or_else(|| loaded.clone()));
    let empty = Memo::new(move |_| shown.with(Vec::is_empty));
    let names = Signal::derive(move || shown.with(|all| all.iter().map(|d| (d.name.clone(), String::new())).collect()));
    let id = StoredValue::new(namespace_id);
    let row = move |name, _| view! { <Row namespace_id=id.get_value() name=name all=shown /> }.into_any();
    let table = move || {
        view! {
            <Table label="Deployments" columns=COLUMNS>
                <Keyed items=names draw=Arc::new(row) />
            </Table>
        }
    };
    view! {
        <div class="grid gap-2">
            <p class="flex min-h-5 justify-end">
                <LiveDot link=link />
            </p>
            {move || {
                if empty.get() {
                    view! { <NothingRuns namespace_id=id.get_value() /> }.into_any()
                } else {
                    table().into_any()
                }
            }}
        </div>
    }
}

/// One row; its cells follow the stream, the row itself stays.
#[component]
fn Row(namespace_id: String, name: String, all: Memo<Vec<DeploymentView>>) -> impl IntoView {
    let href = paths::deployment(&namespace_id, &name);
    let wanted = name.clone();
    let mine = Memo::new(move |_| all.with(|all| all.iter().find(|d| d.name == wanted).cloned()));
    let text = move |read: fn(&DeploymentView) -> String| {
        Signal::derive(move || mine.with(|d| d.as_ref().map(read).unwrap_or_default()))
    };
    let tone = Signal::derive(move || {
        mine.with(|d| d.as_ref().map_or(crate::ui::badge::Tone::Ended, |d| status::deployment(d).0))
    });
    let word = text(|d| status::deployment(d).1.to_owned());
    let (reason, sku) = (text(|d| d.reason.clone()), text(|d| d.sku_code.clone()));
    let ready = text(|d| format!("{}/{}", d.ready, d.replicas));
    let price = text(|d| d.price_per_hour.as_ref().map_or_else(|| "–".to_owned(), per_hour));
    view! {
        <tr class=ROW>
            <td class=CELL>
                <a href=href class="font-medium hover:underline">
                    {name}
                </a>
                <p class="max-w-70 truncate font-mono text-sm text-muted">{text(|d| d.image.clone())}</p>
            </td>
            <td class=CELL>
                <Badge tone=tone label=word />
                <p class="max-w-80 text-sm text-muted">{move || reason.get()}</p>
            </td>
            <td class=CELL>
                <code class="font-mono text-sm whitespace-nowrap">{move || sku.get()}</code>
            </td>
            <td class=FIGURE>{move || ready.get()}</td>
            <td class=FIGURE>{move || price.get()}</td>
            <td class=FIGURE>
                <Ago at=text(|d| d.created_at.clone()) />
            </td>
        </tr>
    }
}

#[component]
fn NothingRuns(namespace_id: String) -> impl IntoView {
    view! {
        <EmptyState
            title="Nothing runs here yet"
            text="Deploy from the console, or with kubectl apply: everything in this namespace appears here, whoever made it."
        >
            <ButtonLink href=paths::deploy(&namespace_id) tone=ButtonTone::Primary>
                "Deploy"
            </ButtonLink>
            <ButtonLink href=paths::access(&namespace_id)>"Use kubectl"</ButtonLink>
        </EmptyState>
    }
}
