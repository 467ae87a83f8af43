//! Every link of the console as a function: pages never spell a path.
//!
//! `{namespace}` is the UUID (RULINGS 41). Query values are percent-encoded here.

mod address;
pub mod learn;

use domain::workload::WorkloadKind;

use address::encode;
pub use address::{at_version, local, rest, sorted, with_query};

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

/// New rows of the log; served outside the pages.
pub fn live_audit(platform: bool, filters: &str, after: &str) -> String {
    let route = if platform { "/live/platform/audit" } else { "/live/audit" };
    with_more(route, &filters_of(filters), &format!("after={}", encode(after)))
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

/// What the preflight of one's own form has found so far.
pub fn live_preflight() -> String {
    "/live/engine-preflight".to_owned()
}

/// Live virtual nodes; with a name, one of them with its pods.
pub fn live_nodes(name: Option<&str>) -> String {
    name.map_or_else(|| "/live/nodes".to_owned(), |name| format!("/live/nodes/{}", encode(name)))
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

/// Where a form posts to for a connector's kubeconfig; served outside the pages.
pub fn connector(namespace: &str) -> String {
    format!("/download/connector/{}", encode(namespace))
}

/// The kubeconfig as a file; served outside the pages.
pub fn kubeconfig(namespace: &str, access: &str, variant: &str) -> String {
    with_query(&format!("/download/kubeconfig/{}", encode(namespace)), &[("access", access), ("variant", variant)])
}

/// Live page of the namespaces. Served outside the pages.
pub fn live_namespaces(cursor: &str) -> String {
    if cursor.is_empty() {
        "/live/namespaces".to_owned()
    } else {
        with_query("/live/namespaces", &[("cursor", cursor)])
    }
}

/// One live namespace. Served outside the pages.
pub fn live_namespace(id: &str) -> String {
    format!("/live/namespaces/{}", encode(id))
}

/// Live list of what runs; `filters` is a query string that stood in a URL before. Served outside the pages.
pub fn live_workloads(namespace: &str, filters: &str) -> String {
    let path = format!("/live/namespaces/{}/workloads", encode(namespace));
    if filters.is_empty() { path } else { format!("{path}?{filters}") }
}

/// One live workload.
pub fn live_workload(namespace: &str, kind: WorkloadKind, name: &str) -> String {
    format!("/live/namespaces/{}/workloads/{}/{}", encode(namespace), kind.as_str(), encode(name))
}

/// What one workload uses, live.
pub fn live_metrics(namespace: &str, kind: WorkloadKind, name: &str) -> String {
    format!("{}/metrics", live_workload(namespace, kind, name))
}

/// The log of some pods, one event a line; `options` as the stream takes them.
pub fn live_log(namespace: &str, pods: &[String], options: &[(&str, &str)]) -> String {
    let pods = pods.join(",");
    let pairs: Vec<(&str, &str)> = [("pods", pods.as_str())].into_iter().chain(options.iter().copied()).collect();
    with_query(&format!("/live/namespaces/{}/log", encode(namespace)), &pairs)
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
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_console() {
        let id = "019c1b2e-7f00-7abc-8def-0123456789ab";
        let all = [
            overview(),
            login(None),
            login(Some("/kubernetes?new=namespace")),
            reauthenticate("/settings/profile"),
            provider_start("corp", "link", "/settings/profile"),
            provider_logout("corp"),
            signed_out("corp"),
            sign_in_failed(id),
            namespaces(),
            new_namespace(),
            workloads(id),
            deploy(id),
            deploy_sku(id, "gpu-h100-1x"),
            access(id),
            skypilot(id),
            skypilot_file(id, "config", "chosen=1"),
            config(id),
            config_map(id, "settings"),
            secret(id, "database"),
            network(id),
            new_service(id),
            new_config(id, "pull-secret"),
            namespace_settings(id),
            deployment(id, "demo"),
            catalogue(),
            api_keys(),
            new_api_key(),
            api_key(id),
            api_key_dialog(id, "rotate"),
            profile(),
            cli_sessions(),
            api_reference(),
            cli_authorize(),
            audit(false),
            audit_row(true, id),
            audit_page(false, "action=session.created", id),
            audit_export(false, "csv", "action=session.created&actor=&cursor=1"),
            live_audit(true, "", id),
            usage(""),
            usage_of("since=2026-11-01&sku=a", "namespace", id),
            usage_records("month=2026-11"),
            usage_records_page("month=2026-11&cursor=1", id),
            usage_file("month=2026-11&cursor=1&sku="),
            budgets(),
            new_budget(),
            budgets_page("0"),
            budget_dialog("", "change", id),
            budget_dialog("0", "delete", id),
            members(),
            new_member(),
            webhooks(),
            new_webhook(),
            webhook(id),
            webhook_dialog(id, "rotate"),
            account_settings(),
            invite("0a1b"),
            platform_accounts(),
            new_platform_account(),
            platform_account(id),
            platform_skypilot(),
            platform_skus(),
            new_platform_sku(),
            platform_sku("gpu-h100-1x"),
            engines(),
            new_engine("on_premise"),
            engine(id),
            engine_dialog(id, "rotate"),
            nodes(),
            node("simulated-h100"),
            drain_node("simulated-h100"),
            live_preflight(),
            live_nodes(None),
            live_nodes(Some("simulated-h100")),
            manifest_part("https://console.example.com/v1/engine-manifests/0a.yaml", "role.yaml"),
            platform_tenants(),
            platform_health(),
            connector(id),
            kubeconfig(id, "view", "sh"),
            workload_tab(id, WorkloadKind::StatefulSet, "db", "logs"),
            workload_dialog(id, WorkloadKind::Job, "train", "delete"),
            live_namespaces(""),
            live_namespaces(id),
            live_namespace(id),
            live_workloads(id, "kind=job"),
            live_workload(id, WorkloadKind::Pod, "demo-7d4b9"),
            live_log(id, &["a".to_owned(), "b".to_owned()], &[("tail", "500")]),
            paste_manifest(id),
            terminal(id, "demo-7d4b9", "app", "auto"),
            pod_log(id, "demo-7d4b9", &[("previous", "true")]),
        ];
        insta::assert_snapshot!(all.join("\n"), @r"
        /
        /login
        /login?next=%2Fkubernetes%3Fnew%3Dnamespace
        /reauthenticate?next=%2Fsettings%2Fprofile
        /auth/oidc/corp/start?purpose=link&next=%2Fsettings%2Fprofile
        /auth/oidc/corp/logout
        /login?signed-out=corp
        /sign-in-failed?request_id=019c1b2e-7f00-7abc-8def-0123456789ab
        /kubernetes
        /kubernetes?new=namespace
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/workloads
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/deploy
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/deploy?sku=gpu-h100-1x
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/access
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/skypilot
        /download/skypilot/019c1b2e-7f00-7abc-8def-0123456789ab?chosen=1&file=config
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/config
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/config/config-maps/settings
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/config/secrets/database
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/network
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/network?new=service
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/config?new=pull-secret
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/settings
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/workloads/deployment/demo
        /catalogue
        /settings/api-keys
        /settings/api-keys?new=key
        /settings/api-keys/019c1b2e-7f00-7abc-8def-0123456789ab
        /settings/api-keys/019c1b2e-7f00-7abc-8def-0123456789ab?do=rotate
        /settings/profile
        /settings/cli
        /docs/api
        /cli/authorize
        /settings/audit
        /platform/audit/019c1b2e-7f00-7abc-8def-0123456789ab
        /settings/audit?action=session.created&cursor=019c1b2e-7f00-7abc-8def-0123456789ab
        /v1/audit/export?action=session.created&format=csv
        /live/platform/audit?after=019c1b2e-7f00-7abc-8def-0123456789ab
        /usage
        /usage?since=2026-11-01&namespace=019c1b2e-7f00-7abc-8def-0123456789ab
        /usage/records?month=2026-11
        /usage/records?month=2026-11&cursor=019c1b2e-7f00-7abc-8def-0123456789ab
        /download/usage?month=2026-11
        /usage/budgets
        /usage/budgets?new=budget
        /usage/budgets?cursor=0
        /usage/budgets?change=019c1b2e-7f00-7abc-8def-0123456789ab
        /usage/budgets?cursor=0&delete=019c1b2e-7f00-7abc-8def-0123456789ab
        /settings/members
        /settings/members?new=member
        /settings/webhooks
        /settings/webhooks?new=webhook
        /settings/webhooks/019c1b2e-7f00-7abc-8def-0123456789ab
        /settings/webhooks/019c1b2e-7f00-7abc-8def-0123456789ab?do=rotate
        /settings/account
        /invite/0a1b
        /platform/accounts
        /platform/accounts?new=account
        /platform/accounts/019c1b2e-7f00-7abc-8def-0123456789ab
        /platform/skypilot
        /platform/skus
        /platform/skus?new=sku
        /platform/skus/gpu-h100-1x
        /engines
        /engines?new=on_premise
        /engines/019c1b2e-7f00-7abc-8def-0123456789ab
        /engines/019c1b2e-7f00-7abc-8def-0123456789ab?do=rotate
        /platform/nodes
        /platform/nodes/simulated-h100
        /platform/nodes/simulated-h100?do=drain
        /live/engine-preflight
        /live/nodes
        /live/nodes/simulated-h100
        https://console.example.com/v1/engine-manifests/0a.yaml?part=role.yaml
        /platform/tenants
        /platform/health
        /download/connector/019c1b2e-7f00-7abc-8def-0123456789ab
        /download/kubeconfig/019c1b2e-7f00-7abc-8def-0123456789ab?access=view&variant=sh
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/workloads/statefulset/db/logs
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/workloads/job/train?do=delete
        /live/namespaces
        /live/namespaces?cursor=019c1b2e-7f00-7abc-8def-0123456789ab
        /live/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab
        /live/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/workloads?kind=job
        /live/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/workloads/pod/demo-7d4b9
        /live/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/log?pods=a%2Cb&tail=500
        /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/manifest
        /live/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/pods/demo-7d4b9/exec?container=app&shell=auto
        /v1/kubernetes/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/pods/demo-7d4b9/logs?previous=true
        ");
    }

    #[test]
    fn a_file_and_a_stream_have_an_order_of_their_own() {
        let query = "action=session.created&sort=created&cursor=asc-1";
        assert_eq!(audit_export(false, "csv", query), "/v1/audit/export?action=session.created&format=csv");
        assert_eq!(live_audit(false, query, "1"), "/live/audit?action=session.created&after=1");
        assert_eq!(usage_file("month=2026-11&sort=created"), "/download/usage?month=2026-11");
        assert_eq!(audit_page(false, "sort=created", "asc-1"), "/settings/audit?sort=created&cursor=asc-1");
    }

    #[test]
    fn the_way_back_after_sign_in_never_leaves_this_site() {
        for good in ["/", "/kubernetes?new=namespace", "/kubernetes/a%20b"] {
            assert_eq!(local(good), Some(good));
        }
        for bad in
            ["", "//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "kubernetes", "/é"]
        {
            assert_eq!(local(bad), None, "{bad:?}");
        }
    }
}
