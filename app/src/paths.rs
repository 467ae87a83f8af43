//! Every link of the console as a function: pages never spell a path.
//!
//! `{namespace}` is the UUID (RULINGS 41). Query values are percent-encoded here.

mod address;
pub mod learn;
mod live;

use domain::workload::WorkloadKind;

use address::encode;
pub use address::{at_version, local, rest, sorted, with_query, without_notice};
pub use live::{
    live_audit, live_log, live_metrics, live_namespace, live_namespaces, live_nodes, live_preflight, live_skus,
    live_workload, live_workloads,
};

/// `/`
pub fn overview() -> String {
    "/".to_owned()
}

/// `/login`, coming back to `next` afterwards.
pub fn login(next: Option<&str>) -> String {
    match next {
        Some(next) if next != "/" => with_query("/login", &[("next", next)]),
        _ => "/login".to_owned(),
    }
}

/// `/reauthenticate`: the password once more, coming back to `next` afterwards.
pub fn reauthenticate(next: &str) -> String {
    with_query("/reauthenticate", &[("next", next)])
}

/// To an identity provider: `purpose` is `sign_in`, `link` or `reauthenticate`. Served outside the pages.
pub fn provider_start(provider: &str, purpose: &str, next: &str) -> String {
    with_query(&format!("/auth/oidc/{}/start", encode(provider)), &[("purpose", purpose), ("next", next)])
}

/// Signs out of the provider too. Served outside the pages.
pub fn provider_logout(provider: &str) -> String {
    format!("/auth/oidc/{}/logout", encode(provider))
}

/// The sign-in page after signing out of a session that a provider vouched for.
pub fn signed_out(provider: &str) -> String {
    with_query("/login", &[("signed-out", provider)])
}

/// Where every failure at a provider ends.
pub fn sign_in_failed(request_id: &str) -> String {
    with_query("/sign-in-failed", &[("request_id", request_id)])
}

/// `/kubernetes`
pub fn namespaces() -> String {
    "/kubernetes".to_owned()
}

/// The list with the form for a new namespace.
pub fn new_namespace() -> String {
    with_query(&namespaces(), &[("new", "namespace")])
}

/// `/kubernetes/{namespace}/workloads`
pub fn workloads(namespace: &str) -> String {
    format!("/kubernetes/{}/workloads", encode(namespace))
}

/// `/kubernetes/{namespace}/deploy`
pub fn deploy(namespace: &str) -> String {
    format!("/kubernetes/{}/deploy", encode(namespace))
}

/// The deploy page with a SKU chosen.
pub fn deploy_sku(namespace: &str, sku_code: &str) -> String {
    with_query(&deploy(namespace), &[("sku", sku_code)])
}

/// `/kubernetes/{namespace}/access`
pub fn access(namespace: &str) -> String {
    format!("/kubernetes/{}/access", encode(namespace))
}

/// `/kubernetes/{namespace}/skypilot`
pub fn skypilot(namespace: &str) -> String {
    format!("/kubernetes/{}/skypilot", encode(namespace))
}

/// A file of the choice in `query`: `manifest` or `config`.
pub fn skypilot_file(namespace: &str, file: &str, query: &str) -> String {
    let path = format!("/download/skypilot/{}", encode(namespace));
    with_more(&path, query, &format!("file={}", encode(file)))
}

/// `/kubernetes/{namespace}/config`: ConfigMaps and Secrets.
pub fn config(namespace: &str) -> String {
    format!("/kubernetes/{}/config", encode(namespace))
}

/// The form for a new `secret`, `pull-secret` or `config-map`.
pub fn new_config(namespace: &str, what: &str) -> String {
    with_query(&config(namespace), &[("new", what)])
}

/// `/kubernetes/{namespace}/config/config-maps/{name}`
pub fn config_map(namespace: &str, name: &str) -> String {
    format!("{}/config-maps/{}", config(namespace), encode(name))
}

/// `/kubernetes/{namespace}/config/secrets/{name}`
pub fn secret(namespace: &str, name: &str) -> String {
    format!("{}/secrets/{}", config(namespace), encode(name))
}

/// `/kubernetes/{namespace}/network`: Services.
pub fn network(namespace: &str) -> String {
    format!("/kubernetes/{}/network", encode(namespace))
}

/// The form for a new Service.
pub fn new_service(namespace: &str) -> String {
    with_query(&network(namespace), &[("new", "service")])
}

/// `/kubernetes/{namespace}/quota`
pub fn namespace_quota(namespace: &str) -> String {
    format!("/kubernetes/{}/quota", encode(namespace))
}

/// `/kubernetes/{namespace}/settings`
pub fn namespace_settings(namespace: &str) -> String {
    format!("/kubernetes/{}/settings", encode(namespace))
}

/// `/kubernetes/{namespace}/workloads/{kind}/{name}`
pub fn workload(namespace: &str, kind: WorkloadKind, name: &str) -> String {
    format!("{}/{}/{}", workloads(namespace), kind.as_str(), encode(name))
}

/// A tab of a workload's page: `logs`, …
pub fn workload_tab(namespace: &str, kind: WorkloadKind, name: &str, tab: &str) -> String {
    format!("{}/{tab}", workload(namespace, kind, name))
}

/// A workload's page with one of its dialogs.
pub fn workload_dialog(namespace: &str, kind: WorkloadKind, name: &str, dialog: &str) -> String {
    with_query(&workload(namespace, kind, name), &[("do", dialog)])
}

/// The page of a deployment.
pub fn deployment(namespace: &str, name: &str) -> String {
    workload(namespace, WorkloadKind::Deployment, name)
}

/// `/catalogue`
pub fn catalogue() -> String {
    "/catalogue".to_owned()
}

/// `/settings/api-keys`
pub fn api_keys() -> String {
    "/settings/api-keys".to_owned()
}

/// `/settings/api-keys/{id}`
pub fn api_key(id: &str) -> String {
    format!("{}/{}", api_keys(), encode(id))
}

/// A key's page with one of its dialogs: `rotate`, `revoke` or `switch`.
pub fn api_key_dialog(id: &str, dialog: &str) -> String {
    with_query(&api_key(id), &[("do", dialog)])
}

/// `/settings/profile`
pub fn profile() -> String {
    "/settings/profile".to_owned()
}

/// The list with the form for a new key.
pub fn new_api_key() -> String {
    with_query(&api_keys(), &[("new", "key")])
}

/// `/settings/cli`
pub fn cli_sessions() -> String {
    "/settings/cli".to_owned()
}

/// The API document as a page; served outside the pages.
pub fn api_reference() -> String {
    "/docs/api".to_owned()
}

/// Where somebody lets a command line act for them; served outside the pages.
pub fn cli_authorize() -> String {
    "/cli/authorize".to_owned()
}

/// Whether a path is served outside the pages, so that the router cannot go there.
pub fn is_outside(path: &str) -> bool {
    ["/cli/", "/download/"].iter().any(|place| path.starts_with(place))
}

/// `/settings/audit`, or `/platform/audit` for operators.
pub fn audit(platform: bool) -> String {
    if platform { "/platform/audit".to_owned() } else { "/settings/audit".to_owned() }
}

/// One row of the audit log.
pub fn audit_row(platform: bool, id: &str) -> String {
    format!("{}/{}", audit(platform), encode(id))
}

/// The rows after `cursor`; `filters` is a query string that stood in a URL before.
pub fn audit_page(platform: bool, filters: &str, cursor: &str) -> String {
    with_more(&audit(platform), filters, &format!("cursor={}", encode(cursor)))
}

/// The log as a file; served outside the pages.
pub fn audit_export(platform: bool, format: &str, query: &str) -> String {
    let route = if platform { "/v1/platform/audit/export" } else { "/v1/audit/export" };
    with_more(route, &filters_of(query), &format!("format={}", encode(format)))
}

/// The filters of a query string: empty fields of a form and the place in the list left out.
pub fn without_cursor(query: &str) -> String {
    let kept = query.split('&').filter(|pair| !pair.starts_with("cursor=") && !pair.ends_with('=') && !pair.is_empty());
    kept.collect::<Vec<_>>().join("&")
}

/// The same without the order: what is written as a file, or comes by itself, has its own.
fn filters_of(query: &str) -> String {
    let kept = without_cursor(query);
    kept.split('&').filter(|pair| !pair.starts_with("sort=")).collect::<Vec<_>>().join("&")
}

/// `path` with a query string that is encoded already, and one more pair.
fn with_more(path: &str, query: &str, pair: &str) -> String {
    if query.is_empty() { format!("{path}?{pair}") } else { format!("{path}?{query}&{pair}") }
}

/// `/usage`: sums; `query` is a query string that is encoded already.
pub fn usage(query: &str) -> String {
    if query.is_empty() { "/usage".to_owned() } else { format!("/usage?{query}") }
}

/// The sums of one namespace, SKU or member, over the days of `query`.
pub fn usage_of(query: &str, filter: &str, key: &str) -> String {
    let kept: Vec<&str> =
        query.split('&').filter(|pair| pair.starts_with("since=") || pair.starts_with("until=")).collect();
    with_more("/usage", &without_cursor(&kept.join("&")), &format!("{filter}={}", encode(key)))
}

/// The records of a month; `query` is a query string that is encoded already.
pub fn usage_records(query: &str) -> String {
    if query.is_empty() { "/usage/records".to_owned() } else { format!("/usage/records?{query}") }
}

/// The records after `cursor`.
pub fn usage_records_page(query: &str, cursor: &str) -> String {
    with_more("/usage/records", &without_cursor(query), &format!("cursor={}", encode(cursor)))
}

/// The records of a month as a file; served outside the pages.
pub fn usage_file(query: &str) -> String {
    let filters = filters_of(query);
    if filters.is_empty() { "/download/usage".to_owned() } else { format!("/download/usage?{filters}") }
}

/// `/usage/budgets`
pub fn budgets() -> String {
    "/usage/budgets".to_owned()
}

/// The list with the form for a new budget.
pub fn new_budget() -> String {
    with_query(&budgets(), &[("new", "budget")])
}

/// Where the list goes on after a page.
pub fn budgets_page(cursor: &str) -> String {
    with_query(&budgets(), &[("cursor", cursor)])
}

/// The page of the list at `cursor` with one of a budget's dialogs: `change` or `delete`.
pub fn budget_dialog(cursor: &str, dialog: &str, id: &str) -> String {
    if cursor.is_empty() {
        with_query(&budgets(), &[(dialog, id)])
    } else {
        with_query(&budgets(), &[("cursor", cursor), (dialog, id)])
    }
}

/// `/settings/members`
pub fn members() -> String {
    "/settings/members".to_owned()
}

/// The list with the form for an invitation.
pub fn new_member() -> String {
    with_query(&members(), &[("new", "member")])
}

/// `/settings/webhooks`
pub fn webhooks() -> String {
    "/settings/webhooks".to_owned()
}

/// The list with the form for a new webhook.
pub fn new_webhook() -> String {
    with_query(&webhooks(), &[("new", "webhook")])
}

/// `/settings/webhooks/{id}`
pub fn webhook(id: &str) -> String {
    format!("{}/{}", webhooks(), encode(id))
}

/// A webhook's page with one of its dialogs: `rotate` or `delete`.
pub fn webhook_dialog(id: &str, dialog: &str) -> String {
    with_query(&webhook(id), &[("do", dialog)])
}

/// `/settings/account`
pub fn account_settings() -> String {
    "/settings/account".to_owned()
}

/// `/invite/{token}`
pub fn invite(token: &str) -> String {
    format!("/invite/{}", encode(token))
}

/// `/platform/accounts`
pub fn platform_accounts() -> String {
    "/platform/accounts".to_owned()
}

/// The list with the form for a new account.
pub fn new_platform_account() -> String {
    with_query(&platform_accounts(), &[("new", "account")])
}

/// `/platform/accounts/{account}`
pub fn platform_account(account: &str) -> String {
    format!("{}/{}", platform_accounts(), encode(account))
}

/// `/platform/skypilot`
pub fn platform_skypilot() -> String {
    "/platform/skypilot".to_owned()
}

/// `/platform/skus`
pub fn platform_skus() -> String {
    "/platform/skus".to_owned()
}

/// The form for a new SKU.
pub fn new_platform_sku() -> String {
    with_query(&platform_skus(), &[("new", "sku")])
}

/// `/platform/skus/{sku}`
pub fn platform_sku(code: &str) -> String {
    format!("{}/{}", platform_skus(), encode(code))
}

/// `/engines`
pub fn engines() -> String {
    "/engines".to_owned()
}

/// The form for a new engine of this kind; the choice of kinds for any other word.
pub fn new_engine(kind: &str) -> String {
    with_query(&engines(), &[("new", kind)])
}

/// `/engines/{engine}`
pub fn engine(id: &str) -> String {
    format!("{}/{}", engines(), encode(id))
}

/// An engine's page with one of its dialogs: `rotate` or `delete`.
pub fn engine_dialog(id: &str, dialog: &str) -> String {
    with_query(&engine(id), &[("do", dialog)])
}

/// `/platform/nodes`
pub fn nodes() -> String {
    "/platform/nodes".to_owned()
}

/// `/platform/nodes/{node}`
pub fn node(name: &str) -> String {
    format!("{}/{}", nodes(), encode(name))
}

/// A node's page with the dialog that empties it.
pub fn drain_node(name: &str) -> String {
    with_query(&node(name), &[("do", "drain")])
}

/// One file of generated manifests, under the address `url` of all of them.
pub fn manifest_part(url: &str, part: &str) -> String {
    with_query(url, &[("part", part)])
}

/// `/platform/tenants`
pub fn platform_tenants() -> String {
    "/platform/tenants".to_owned()
}

/// `/platform/health`
pub fn platform_health() -> String {
    "/platform/health".to_owned()
}

/// Where the form for a new key posts to without JavaScript; served outside the pages.
pub fn new_key_page() -> String {
    "/download/api-key".to_owned()
}

/// Where a form posts to for a connector's kubeconfig; served outside the pages.
pub fn connector(namespace: &str) -> String {
    format!("/download/connector/{}", encode(namespace))
}

/// The kubeconfig as a file; served outside the pages.
pub fn kubeconfig(namespace: &str, access: &str, variant: &str) -> String {
    with_query(&format!("/download/kubeconfig/{}", encode(namespace)), &[("access", access), ("variant", variant)])
}

/// The page that takes a manifest of a namespace's workload.
pub fn paste_manifest(namespace: &str) -> String {
    format!("/kubernetes/{}/manifest", encode(namespace))
}

/// A shell in a container of a pod; served outside the pages.
pub fn terminal(namespace: &str, pod: &str, container: &str, shell: &str) -> String {
    let path = format!("/live/namespaces/{}/pods/{}/exec", encode(namespace), encode(pod));
    with_query(&path, &[("container", container), ("shell", shell)])
}

/// The whole log of a pod as a file; served outside the pages.
pub fn pod_log(namespace: &str, pod: &str, options: &[(&str, &str)]) -> String {
    let path = format!("/v1/kubernetes/namespaces/{}/pods/{}/logs", encode(namespace), encode(pod));
    if options.is_empty() { path } else { with_query(&path, options) }
}

#[cfg(test)]
mod tests;
