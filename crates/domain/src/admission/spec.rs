//! What a pod spec may hold whatever the SKU: denied fields by name, small checks, then containers and volumes.
//!
//! Also the few readers of loosely typed JSON that the whole module shares; `null` always counts as absent.

use serde_json::{Map, Value};

use super::fields::{FieldClass, POD_SPEC_FIELDS, class};
use super::{Refusal, containers, security, update, volumes};
use crate::capacity::ENGINE_LABEL;

// One hour: longer than any checkpoint we know of, short enough that a deleted pod cannot hold a GPU for days.
const MAX_GRACE_SECONDS: i64 = 3600;
/// Pods of a node's own files: made by kubelets, never by tenants.
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";
/// Domains that tenants may spread or group over.
pub(super) const TOPOLOGY_KEYS: &[&str] =
    &["kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/region", ENGINE_LABEL];

/// The spec of a Pod or PodTemplateSpec, if it has containers.
pub(super) fn of(pod: &Value) -> Option<&Map<String, Value>> {
    let spec = pod.get("spec")?.as_object()?;
    let containers = spec.get("containers")?.as_array()?;
    (!containers.is_empty() && containers.iter().all(Value::is_object)).then_some(spec)
}

/// Every rule that needs neither SKU nor namespace.
pub(super) fn check(pod: &Value, spec: &Map<String, Value>, refusals: &mut Vec<Refusal>) {
    if pod.pointer("/metadata/annotations").and_then(|a| a.get(MIRROR_ANNOTATION)).is_some_and(|v| !v.is_null()) {
        let field = format!("metadata.annotations[{MIRROR_ANNOTATION}]");
        refusals.push(Refusal::new("field_denied", field, "Static (mirror) pods cannot run here"));
    }
    for (key, value) in spec.iter().filter(|(_, value)| !is_empty(value)) {
        refusals.extend(check_key(key, value));
    }
    refusals.extend(update::ephemeral_gpus(spec));
    security::check_pod(spec, refusals);
    containers::check(spec, refusals);
    volumes::check(spec, refusals);
}

fn check_key(key: &str, value: &Value) -> Option<Refusal> {
    let field = format!("spec.{key}");
    let refuse = |code: &str, message: String| Some(Refusal::new(code, field.as_str(), message));
    match (key, class(POD_SPEC_FIELDS, key)) {
        (_, None) => refuse("field_denied", format!("spec.{key} is not known here: remove it")),
        ("hostNetwork" | "hostPID" | "hostIPC", _) => {
            refuse("host_namespaces", format!("spec.{key} is not allowed: remove it"))
        }
        ("nodeName", _) => refuse("field_denied", "spec.nodeName is not allowed: the scheduler places pods".to_owned()),
        ("resources", _) => {
            let message =
                "spec.resources (pod level) is not allowed: set resources on containers, or let the SKU do it";
            refuse("field_denied", message.to_owned())
        }
        (_, Some(FieldClass::Denied)) => refuse("field_denied", format!("spec.{key} is not allowed: remove it")),
        ("schedulerName", _) if value != "default-scheduler" => {
            refuse("field_denied", "spec.schedulerName must be default-scheduler or absent".to_owned())
        }
        ("os", _) if value.get("name").and_then(Value::as_str) != Some("linux") => {
            refuse("field_denied", "spec.os.name must be linux".to_owned())
        }
        ("hostUsers", _) if !value.is_boolean() => {
            refuse("malformed", "spec.hostUsers must be true or false".to_owned())
        }
        ("terminationGracePeriodSeconds", _) if !grace_fits(value) => {
            refuse("field_denied", format!("spec.{key} may be at most {MAX_GRACE_SECONDS}"))
        }
        ("topologySpreadConstraints", _) => check_spread(value),
        _ => None,
    }
}

/// Whether a grace period is short enough; absent means Kubernetes' own 30 s.
pub(super) fn grace_fits(value: &Value) -> bool {
    value.is_null() || value.as_i64().is_some_and(|seconds| seconds <= MAX_GRACE_SECONDS)
}

fn check_spread(constraints: &Value) -> Option<Refusal> {
    let key = |constraint: &Value| constraint.get("topologyKey").and_then(Value::as_str).map(ToOwned::to_owned);
    let bad =
        items(Some(constraints)).map(|c| key(c).unwrap_or_default()).find(|k| !TOPOLOGY_KEYS.contains(&k.as_str()))?;
    let message = format!("Topology key \"{bad}\" is not allowed; use one of {}", TOPOLOGY_KEYS.join(", "));
    Some(Refusal::new("placement", "spec.topologySpreadConstraints", message))
}

// === readers ===

/// `null`, `false`, `""`, `[]` and `{}` mean what absence means.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// A string member; anything else counts as empty.
pub(super) fn text<'a>(object: &'a Map<String, Value>, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The items of an array; anything else has none.
pub(super) fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}
