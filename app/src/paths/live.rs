//! Streams of what changes; all are served outside the pages.

use domain::workload::WorkloadKind;

use super::address::encode;
use super::{filters_of, with_more, with_query};

/// What the preflight of one's own form has found so far.
pub fn live_preflight() -> String {
    "/live/engine-preflight".to_owned()
}

/// Live virtual nodes; with a name, one of them with its pods.
pub fn live_nodes(name: Option<&str>) -> String {
    name.map_or_else(|| "/live/nodes".to_owned(), |name| format!("/live/nodes/{}", encode(name)))
}

/// Live catalogue. Served outside the pages.
pub fn live_skus() -> String {
    "/live/skus".to_owned()
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

/// New rows of the log; served outside the pages.
pub fn live_audit(platform: bool, filters: &str, after: &str) -> String {
    let route = if platform { "/live/platform/audit" } else { "/live/audit" };
    with_more(route, &filters_of(filters), &format!("after={}", encode(after)))
}
