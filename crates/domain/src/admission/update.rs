//! What may change on a pod that exists: images, deadlines, and nothing that decides SKU, price or place.
//!
//! The rule itself is not run again: a SKU may have been retired or priced anew since. `security.md` §6.2 (6, 7).

use serde_json::{Map, Value};

use super::spec::{is_empty, items};
use super::{
    ANNOTATION_ORDERED_BY, ANNOTATION_PRICE, ANNOTATION_RUNTIME_CLASS, ANNOTATION_SKU_VERSION, Refusal, containers,
    spec, tolerations,
};
use crate::sku::SKU_LABEL;

/// The SKU label and our annotations stay as they are, and ephemeral containers ask for no GPU.
///
/// `old` and `new` are whole Pods; fits updates of the pod, its status and its ephemeral containers.
///
/// # Errors
/// Every refusal, codes `immutable`, `gpu_in_init` and those of the container checks.
pub fn check_unchanged(old: &Value, new: &Value) -> Result<(), Vec<Refusal>> {
    let mut refusals = Vec::new();
    let annotations = [ANNOTATION_SKU_VERSION, ANNOTATION_PRICE, ANNOTATION_RUNTIME_CLASS, ANNOTATION_ORDERED_BY];
    let frozen = std::iter::once(("labels", SKU_LABEL)).chain(annotations.map(|key| ("annotations", key)));
    for (map, key) in frozen {
        let read = |pod: &Value| pod.get("metadata").and_then(|m| m.get(map)?.get(key).cloned()).unwrap_or(Value::Null);
        if read(old) != read(new) {
            let what = if map == "labels" { "Label" } else { "Annotation" };
            let message = format!("{what} {key} cannot change after creation: create a new pod instead");
            refusals.push(Refusal::new("immutable", format!("metadata.{map}[{key}]"), message));
        }
    }
    let ephemeral = |pod: &Value| pod.pointer("/spec/ephemeralContainers").cloned().unwrap_or(Value::Null);
    if ephemeral(old) != ephemeral(new) {
        check_ephemeral(new, &mut refusals);
    }
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

/// [`check_unchanged`] and, for the spec, only the changes that Kubernetes allows and that cost nothing.
///
/// # Errors
/// Every refusal, codes `immutable`, `tolerations`, `field_denied`.
pub fn check_update(old: &Value, new: &Value) -> Result<(), Vec<Refusal>> {
    let mut refusals = check_unchanged(old, new).err().unwrap_or_default();
    let none = Map::new();
    let spec_of = |pod: &'_ Value| pod.get("spec").and_then(Value::as_object).cloned().unwrap_or_else(|| none.clone());
    let (old_spec, new_spec) = (spec_of(old), spec_of(new));
    for (key, value) in &new_spec {
        let before = old_spec.get(key).unwrap_or(&Value::Null);
        if before != value && !(is_empty(before) && is_empty(value)) {
            refusals.extend(check_key(key, before, value, &new_spec));
        }
    }
    for key in old_spec.iter().filter(|(k, v)| !new_spec.contains_key(*k) && !is_empty(v)).map(|(k, _)| k) {
        refusals.extend(check_key(key, &old_spec[key], &Value::Null, &new_spec));
    }
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

fn check_key(key: &str, before: &Value, after: &Value, spec: &Map<String, Value>) -> Option<Refusal> {
    let allowed = match key {
        "activeDeadlineSeconds" => true,
        "terminationGracePeriodSeconds" => spec::grace_fits(after),
        "containers" | "initContainers" => without_images(before) == without_images(after),
        "tolerations" => {
            items(Some(after)).all(|t| items(Some(before)).any(|b| b == t) || tolerations::may_be_added(t))
        }
        // Judged by check_unchanged.
        "ephemeralContainers" => spec.contains_key(key),
        _ => false,
    };
    let code = if key == "tolerations" { "tolerations" } else { "immutable" };
    let message = format!("spec.{key} cannot change after creation: create a new pod instead");
    (!allowed).then(|| Refusal::new(code, format!("spec.{key}"), message))
}

fn without_images(containers: &Value) -> Vec<Value> {
    let strip = |container: &Value| {
        let mut container = container.clone();
        if let Some(members) = container.as_object_mut() {
            members.remove("image");
        }
        container
    };
    items(Some(containers)).map(strip).collect()
}

fn check_ephemeral(pod: &Value, refusals: &mut Vec<Refusal>) {
    let Some(spec) = pod.get("spec").and_then(Value::as_object) else { return };
    containers::check_list("ephemeralContainers", spec, refusals);
    refusals.extend(ephemeral_gpus(spec));
}

/// Ephemeral containers run beside the priced ones, so they may hold nothing of their own (CVE-2023-2727).
pub(super) fn ephemeral_gpus(spec: &Map<String, Value>) -> Option<Refusal> {
    let asks = |container: &&Value| container.get("resources").is_some_and(|resources| !is_empty(resources));
    items(spec.get("ephemeralContainers")).find(asks).map(|container| {
        let name = container.get("name").and_then(Value::as_str).unwrap_or("?");
        let message = format!("Ephemeral container \"{name}\" may not ask for resources or GPUs: remove resources");
        Refusal::new("gpu_in_init", "spec.ephemeralContainers", message)
    })
}
