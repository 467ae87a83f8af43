//! Every tenant of the platform: the namespaces by the names that the tenant API gives them.

use domain::order::SortBy;
use domain::page::Page;
use domain::tenant::PlatformTenantView;
use leptos::prelude::*;

use crate::api::platform_tenant::ListPlatformTenants;
use crate::features::connector::ConnectorCommands;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::sort::{ServerColumns, next_page, use_server_sort};
use crate::features::status;
use crate::features::visits::{cursor_of, sort_of, sorted_list_key};
use crate::features::words::count;
use crate::paths;
use crate::ui::badge::Badge;
use crate::ui::button::ButtonLink;
use crate::ui::clock::Ago;
use crate::ui::copy::CopyLine;
use crate::ui::empty::EmptyState;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The list, and how a customer connects a cluster.
#[component]
pub fn PlatformTenantsPage() -> impl IntoView {
    let body = load(sorted_list_key(&[]), |key| ListPlatformTenants { cursor: cursor_of(&key), sort: sort_of(&key) })
        .show(|tenants| view! { <Listing tenants=tenants /> }.into_any());
    view! {
        <PageHead title="Tenants">
            <p>"Each namespace is a tenant of the API under /k8sgpu/v1. Its connector runs in the customer's own cluster."</p>
            <CopyAs rest=paths::rest(&["platform", "tenants"]) />
        </PageHead>
        {body}
        <section class="grid gap-3">
            <div>
                <h2 class="font-semibold">"Connect a customer's cluster"</h2>
                <p class="max-w-prose text-muted">
                    "With the tenant's id and its kubeconfig, which its account downloads on the namespace's Access page or through the API."
                </p>
            </div>
            <ConnectorCommands tenant="skg00000" />
        </section>
    }
    .into_any()
}

const COLUMNS: &[Column] = &[
    Column::Words("Tenant"),
    Column::Words("Account"),
    Column::Words("Status"),
    Column::Figures("Connectors"),
    Column::Figures("Created"),
];

const SORTS: ServerColumns = &[("Tenant", SortBy::Name), ("Created", SortBy::Created)];

#[component]
fn Listing(tenants: Page<PlatformTenantView>) -> impl IntoView {
    if tenants.items.is_empty() {
        let text = "Each namespace that somebody makes is one, in the console or through the tenant API.";
        return view! { <EmptyState title="No tenant yet" text=text /> }.into_any();
    }
    let next = tenants.next_cursor.map(|cursor| next_page(&paths::platform_tenants(), &cursor));
    view! {
        <Table label="Tenants" columns=COLUMNS sorts=use_server_sort(SORTS)>
            {tenants.items.into_iter().map(|tenant| view! { <Row tenant=tenant /> }).collect_view()}
        </Table>
        {next.map(|href| view! { <p><ButtonLink href=href>"Next page"</ButtonLink></p> })}
    }
    .into_any()
}

#[component]
fn Row(tenant: PlatformTenantView) -> impl IntoView {
    let (tone, word) = status::namespace(tenant.status);
    let id = match tenant.tenant {
        Some(id) => view! { <CopyLine text=id label="tenant id" /> }.into_any(),
        None => "not numbered yet".into_any(),
    };
    view! {
        <tr class=ROW>
            <td class=CELL>
                <p class="font-medium">{id}</p>
                <p class="max-w-56 truncate text-sm text-muted" title=tenant.kubernetes_name>
                    {tenant.label}
                </p>
            </td>
            <td class=CELL>
                <a class="link" href=paths::platform_account(&tenant.account_id)>
                    {tenant.account_name}
                </a>
                <p class="font-mono text-sm text-muted">{tenant.customer}</p>
            </td>
            <td class=CELL>
                <Badge tone=tone label=word />
            </td>
            <td class=FIGURE>{count(tenant.connectors, "connector")}</td>
            <td class=FIGURE>
                <Ago at=tenant.created_at />
            </td>
        </tr>
    }
}
