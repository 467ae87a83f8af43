//! What each container may hold whatever the SKU: known fields, no host ports, no probes of other hosts.
//!
//! Resources are the business of `resources.rs`.

use serde_json::{Map, Value};

use super::Refusal;
use super::fields::{CONTAINER_FIELDS, class};
use super::security;
use super::spec::{is_empty, items};

/// The three lists of containers in a pod spec.
pub(super) const LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Every container of every list.
pub(super) fn check(spec: &Map<String, Value>, refusals: &mut Vec<Refusal>) {
    for list in LISTS {
        check_list(list, spec, refusals);
    }
}

/// Every container of one list.
pub(super) fn check_list(list: &str, spec: &Map<String, Value>, refusals: &mut Vec<Refusal>) {
    if spec.get(list).is_some_and(|value| !value.is_null() && !value.is_array()) {
        refusals.push(Refusal::new("malformed", format!("spec.{list}"), format!("spec.{list} must be a list")));
    }
    for (index, container) in items(spec.get(list)).enumerate() {
        let field = format!("spec.{list}[{index}]");
        match container.as_object() {
            Some(container) => check_one(&field, container, refusals),
            None => refusals.push(Refusal::new("malformed", field, "A container must be an object")),
        }
    }
}

fn check_one(field: &str, container: &Map<String, Value>, refusals: &mut Vec<Refusal>) {
    for key in container.iter().filter(|(_, value)| !is_empty(value)).map(|(key, _)| key) {
        if class(CONTAINER_FIELDS, key).is_none() {
            let message = format!("{field}.{key} is not known here: remove it");
            refusals.push(Refusal::new("field_denied", format!("{field}.{key}"), message));
        }
    }
    for port in items(container.get("ports")) {
        if port.get("hostPort").and_then(Value::as_i64).is_some_and(|port| port != 0) {
            let message = "hostPort is not allowed: use containerPort and a Service";
            refusals.push(Refusal::new("field_denied", format!("{field}.ports"), message));
        }
    }
    // Nodes refuse these too, as an engine takes the path and its options as one text; here kubectl prints why.
    let path = |mount: &Value| mount.get("mountPath").and_then(Value::as_str).is_some_and(|path| path.contains(':'));
    if items(container.get("volumeMounts")).any(path) {
        let message = format!("{field}.volumeMounts: a mountPath has no colon");
        refusals.push(Refusal::new("volumes", format!("{field}.volumeMounts"), message));
    }
    for key in ["livenessProbe", "readinessProbe", "startupProbe"] {
        check_host(&format!("{field}.{key}"), container.get(key), refusals);
    }
    for hook in ["postStart", "preStop"] {
        let action = container.get("lifecycle").and_then(|lifecycle| lifecycle.get(hook));
        check_host(&format!("{field}.lifecycle.{hook}"), action, refusals);
    }
    security::check_container(field, container, refusals);
}

/// Probes run on the node: one that names a host would reach what only the node can reach.
fn check_host(field: &str, action: Option<&Value>, refusals: &mut Vec<Refusal>) {
    for kind in ["httpGet", "tcpSocket"] {
        let host = action.and_then(|action| action.get(kind)).and_then(|call| call.get("host"));
        if host.is_some_and(|host| !is_empty(host)) {
            let message = format!("{field}.{kind}.host is not allowed: probes reach the pod itself");
            refusals.push(Refusal::new("pod_security", format!("{field}.{kind}.host"), message));
        }
    }
}
