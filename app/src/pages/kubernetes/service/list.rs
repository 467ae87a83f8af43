//! Where deployments of a namespace can be reached, and honestly where not.

use std::sync::Arc;

use domain::namespace::NamespaceView;
use domain::permission::Permission;
use domain::service::{Outside, ServiceReach, ServiceView, unreached};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::create::{DeleteServiceDialog, NewServiceDialog};
use crate::api::service::ListServices;
use crate::features::load::load;
use crate::features::right::ActionLink;
use crate::features::visits::list_key;
use crate::pages::kubernetes::namespace::detail::InNamespace;
use crate::paths;
use crate::ui::button::{ButtonSize, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::copy::CopyLine;
use crate::ui::empty::EmptyState;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::panel::Panel;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The tab *Network*.
#[component]
pub fn NetworkPage() -> impl IntoView {
    let visits = list_key(&["new", "delete"]);
    let page = move |namespace: NamespaceView| {
        let id = namespace.id.clone();
        let key = Memo::new(move |_| format!("{id} {}", visits.get()));
        let id = namespace.id;
        load(key, |key| ListServices { namespace: key.split_once(' ').unwrap_or_default().0.to_owned() }).show(
            move |(services, deployments)| {
                view! { <Body namespace_id=id.clone() services=services deployments=deployments /> }.into_any()
            },
        )
    };
    view! { <InNamespace page=Arc::new(page) /> }.into_any()
}

#[component]
fn Body(namespace_id: String, services: Vec<ServiceView>, deployments: Vec<String>) -> impl IntoView {
    let query = use_query_map();
    let expose = paths::new_service(&namespace_id);
    let (new_id, delete_id) = (namespace_id.clone(), namespace_id.clone());
    let names: Vec<String> = services.iter().map(|service| service.name.clone()).collect();
    let creating = move || {
        let asked = query.read().get("new").is_some();
        asked.then(|| view! { <NewServiceDialog namespace_id=new_id.clone() deployments=deployments.clone() /> })
    };
    let deleting = move || {
        let name = query.read().get("delete").filter(|name| names.contains(name))?;
        Some(view! { <DeleteServiceDialog namespace_id=delete_id.clone() name=name /> })
    };
    view! {
        <div class="grid gap-4">
            <div class="flex flex-wrap items-center justify-between gap-2">
                <h2 class="text-lg font-semibold">"Services"</h2>
                <ActionLink href=expose permission=Permission::Deploy tone=ButtonTone::Primary>
                    "Expose a port"
                </ActionLink>
            </div>
            <Services namespace_id=namespace_id services=services />
            <Reach />
        </div>
        {creating}
        {deleting}
    }
}

const COLUMNS: &[Column] = &[
    Column::Words("Name"),
    Column::Words("Address"),
    Column::Words("Goes to"),
    Column::Figures("Created"),
    Column::Actions("Actions"),
];

#[component]
fn Services(namespace_id: String, services: Vec<ServiceView>) -> impl IntoView {
    if services.is_empty() {
        let text = "A service gives the pods of a deployment one name and one address inside the cluster, however often \
            they are replaced.";
        let expose = paths::new_service(&namespace_id);
        return view! {
            <EmptyState title="Nothing is exposed yet" text=text learn=paths::learn::SERVICES>
                <ActionLink href=expose permission=Permission::Deploy tone=ButtonTone::Primary>
                    "Expose a port"
                </ActionLink>
            </EmptyState>
        }
        .into_any();
    }
    let row = move |service| view! { <Row namespace_id=namespace_id.clone() service=service /> };
    view! {
        <Table label="Services" columns=COLUMNS>
            {services.into_iter().map(row).collect_view()}
        </Table>
    }
    .into_any()
}

#[component]
fn Row(namespace_id: String, service: ServiceView) -> impl IntoView {
    let delete = paths::with_query(&paths::network(&namespace_id), &[("delete", &service.name)]);
    let which = format!(" {}", service.name);
    let addresses = service.addresses().into_iter().map(|address| {
        view! {
            <li>
                <CopyLine text=address label="address" />
            </li>
        }
    });
    let addresses = addresses.collect_view();
    let ports = service.ports.iter().map(|port| format!("{} {}", port.target_port, port.protocol));
    let ports = ports.collect::<Vec<_>>().join(", ");
    let selector = service.selector.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>();
    let selector = if selector.is_empty() { "addresses kept by hand".to_owned() } else { selector.join(", ") };
    let outside = service.exposed.then(|| view! { <FromOutside outside=service.outside /> });
    let reach = (!service.selector.is_empty()).then(|| view! { <Leads reach=service.reach /> });
    let address = service.cluster_ip.unwrap_or_else(|| "headless".to_owned());
    view! {
        <tr class=ROW data-testid="service">
            <td class=CELL>
                <p class="font-medium">{service.name}</p>
                <p class="text-sm text-muted">{service.kind}</p>
            </td>
            <td class=CELL>
                <ul>{addresses}</ul>
                <p class="font-mono text-sm text-muted">{address}</p>
                {reach}
                {outside}
            </td>
            <td class=CELL>
                <p>{format!("port {ports}")}</p>
                <p class="font-mono text-sm text-muted">{selector}</p>
            </td>
            <td class=FIGURE>
                <Ago at=service.created_at />
            </td>
            <td class=FIGURE>
                <ActionLink href=delete permission=Permission::Deploy tone=ButtonTone::Quiet size=ButtonSize::Small>
                    "Delete" <span class="sr-only">{which.clone()}</span>
                </ActionLink>
            </td>
        </tr>
    }
}

/// For each engine that runs its pods, by name, whether the address leads to them and why not.
#[component]
fn Leads(reach: Vec<ServiceReach>) -> impl IntoView {
    if reach.is_empty() {
        return view! { <p class="text-sm text-muted">"No pod has a node yet: the address leads nowhere."</p> }
            .into_any();
    }
    let line = |one: ServiceReach| {
        let (tone, icon) = if one.reached { ("text-ok", Icon::Check) } else { ("text-wait", Icon::Warning) };
        let reason = (!one.reason.is_empty()).then(|| view! { <p class="text-sm text-muted">{one.reason.clone()}</p> });
        view! {
            <li>
                <p class="flex gap-2 text-sm font-medium">
                    <span class=tone>
                        <Glyph icon=icon />
                    </span>
                    <span class="min-w-0 wrap-anywhere">{headline(&one)}</span>
                </p>
                {reason}
            </li>
        }
    };
    view! {
        <ul class="mt-2 grid gap-2" aria-label="Reach">
            {reach.into_iter().map(line).collect_view()}
        </ul>
    }
    .into_any()
}

/// `Does not lead to 2 pods on engine local`
fn headline(reach: &ServiceReach) -> String {
    let leads = if reach.reached { "Leads" } else { "Does not lead" };
    let pods = if reach.pods == 1 { "1 pod".to_owned() } else { format!("{} pods", reach.pods) };
    let place = match reach.engine.as_deref() {
        None => "the cluster's own nodes".to_owned(),
        Some("") => "an engine without a name".to_owned(),
        Some(engine) => format!("engine {engine}"),
    };
    format!("{leads} to {pods} on {place}")
}

/// Where a Service is reached from outside, engine by engine, or why not.
#[component]
fn FromOutside(outside: Vec<Outside>) -> impl IntoView {
    let line = |one: Outside| {
        let way = one.url.clone().zip(one.address.clone()).zip(one.curl()).map(|((url, address), curl)| {
            view! {
                <p class="wrap-anywhere">{format!("{url} at {address}")}</p>
                <CopyLine text=curl label="command" />
            }
        });
        let reason = (!one.reason.is_empty()).then(|| view! { <p class="text-sm text-muted">{one.reason}</p> });
        view! {
            <li>
                <p class="text-sm font-medium">{format!("From outside, at {}", one.engine)}</p>
                {way}
                {reason}
            </li>
        }
    };
    if outside.is_empty() {
        let text = "From outside: none of its pods runs on an imported engine yet; no other engine offers it.";
        return view! { <p class="text-sm text-muted">{text}</p> }.into_any();
    }
    view! { <ul class="mt-2 grid gap-2">{outside.into_iter().map(line).collect_view()}</ul> }.into_any()
}

/// What holds on the cluster's own nodes.
const OWN_NODES: &str =
    "Pods of this namespace reach the name and the address. Other namespaces are kept out by the network policy.";
const FROM_OUTSIDE: &str = "Not offered by the other engines, nor for anything but HTTP: the quota of every namespace has no \
                            NodePort and no LoadBalancer, so Kubernetes refuses them. kubectl port-forward reaches any TCP \
                            port.";
/// Kinds of engine by the name that people know; what they do is a rule of the domain.
const KINDS: &[(&str, &str)] = &[
    ("Containers (Docker, Podman)", "docker"),
    ("RunPod", "runpod"),
    ("Simulated", "simulated"),
    ("Imported engines", "kubernetes"),
];

/// Who can use an address, per kind of engine: for who plans. Each Service above says it of its own engines.
#[component]
fn Reach() -> impl IntoView {
    let line = |(engine, sentence): (&'static str, &'static str)| {
        view! {
            <div class="grid gap-x-4 border-b border-line px-4 py-2 last:border-0 sm:grid-cols-[220px_minmax(0,1fr)]">
                <dt class="font-medium">{engine}</dt>
                <dd class="max-w-prose text-muted">{sentence}</dd>
            </div>
        }
    };
    let kinds = KINDS.iter().map(|(name, kind)| (*name, unreached(kind).unwrap_or_default()));
    let lines = std::iter::once(("Nodes of the cluster itself", OWN_NODES)).chain(kinds);
    let lines = lines.chain([("From outside", FROM_OUTSIDE)]);
    view! {
        <Panel title="Who reaches an address">
            <dl>{lines.map(line).collect_view()}</dl>
        </Panel>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_engine_on_the_page_has_its_sentence() {
        for (name, kind) in KINDS {
            assert!(unreached(kind).is_some_and(|sentence| !sentence.is_empty()), "{name}");
        }
    }

    #[test]
    fn an_engine_that_a_service_does_not_lead_to_is_called_by_its_name() {
        let reach = |engine: Option<&str>, pods: u32, reached: bool| {
            let reason = if reached { "" } else { "Nothing listens." };
            let engine = engine.map(ToOwned::to_owned);
            headline(&ServiceReach { engine, pods, reached, reason: reason.to_owned() })
        };
        assert_eq!(reach(Some("west"), 2, false), "Does not lead to 2 pods on engine west");
        assert_eq!(reach(None, 1, true), "Leads to 1 pod on the cluster's own nodes");
    }
}
