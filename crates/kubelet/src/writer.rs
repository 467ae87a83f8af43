//! Writes pod status: one patch of the status subresource, only if something differs, bound to the pod's UID.
//! A strategic merge keeps conditions of other writers; fields that disappear are named as null.
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Map, Value, json};

/// Patches the status if it differs; the pod as the API server has it afterwards, `None` if nothing was written.
///
/// # Errors
/// Those of the API server; 404 and 409 mean that the pod is gone or another one.
pub(crate) async fn write_status(client: &Client, pod: &Pod, status: &PodStatus) -> Result<Option<Pod>, kube::Error> {
    let Some(changes) = changes(pod.status.as_ref(), status) else { return Ok(None) };
    let (Some(namespace), Some(name)) = (&pod.metadata.namespace, &pod.metadata.name) else { return Ok(None) };
    let body = json!({"metadata": {"uid": pod.metadata.uid}, "status": changes});
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let written = pods.patch_status(name, &PatchParams::default(), &Patch::Strategic(body)).await;
    written.map(Some)
}

/// The fields of the status that differ, as a strategic merge patch; `None` if there are none.
fn changes(old: Option<&PodStatus>, new: &PodStatus) -> Option<Map<String, Value>> {
    if old == Some(new) {
        return None;
    }
    let old = old.map_or_else(Map::new, fields);
    let new = fields(new);
    let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let mut changes: Map<String, Value> = gone.collect();
    for (key, value) in &new {
        if old.get(key) != Some(value) {
            changes.insert(key.clone(), patch_of(key, value, &old));
        }
    }
    (!changes.is_empty()).then_some(changes)
}

fn fields(status: &PodStatus) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Lists that are merged by key need care: addresses are replaced, and texts of a condition may vanish.
fn patch_of(key: &str, value: &Value, old: &Map<String, Value>) -> Value {
    let Value::Array(items) = value else { return value.clone() };
    match key {
        "podIPs" | "hostIPs" if old.contains_key(key) => {
            let replace = std::iter::once(json!({"$patch": "replace"}));
            Value::Array(replace.chain(items.iter().cloned()).collect())
        }
        "conditions" => {
            let known = old.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
            let changed = items.iter().filter(|item| !known.contains(item));
            Value::Array(changed.cloned().map(with_empty_texts).collect())
        }
        _ => value.clone(),
    }
}

fn with_empty_texts(mut condition: Value) -> Value {
    if let Value::Object(fields) = &mut condition {
        fields.entry("reason").or_insert(Value::Null);
        fields.entry("message").or_insert(Value::Null);
    }
    condition
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(value: Value) -> PodStatus {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_equal_status_is_not_written() {
        let one = status(json!({"phase": "Running"}));
        assert!(changes(Some(&one), &one).is_none());
    }

    #[test]
    fn only_what_differs_is_sent_and_what_vanished_is_null() {
        let old = status(json!({"phase": "Pending", "reason": "X", "hostIP": "1.2.3.4",
            "conditions": [{"type": "Ready", "status": "False", "reason": "No"}, {"type": "Other", "status": "True"}],
            "podIPs": [{"ip": "10.0.0.1"}]}));
        let new = status(json!({"phase": "Running", "hostIP": "1.2.3.4",
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "True"}],
            "podIPs": [{"ip": "10.0.0.2"}]}));
        let expected = json!({"phase": "Running", "reason": null,
            "conditions": [{"type": "Ready", "status": "True", "reason": null, "message": null}],
            "podIPs": [{"$patch": "replace"}, {"ip": "10.0.0.2"}]});
        assert_eq!(Value::Object(changes(Some(&old), &new).unwrap()), expected);
    }
}
