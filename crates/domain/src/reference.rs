//! Which Secrets and ConfigMaps a pod refers to: to say what stops working when one is deleted.
//!
//! Source: the Kubernetes API of PodSpec: environment, volumes (projected ones too) and image pull secrets.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is referred to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A ConfigMap by name.
    ConfigMap(String),
    /// A Secret by name.
    Secret(String),
}

/// A workload that refers to something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Referrer {
    /// `Deployment`, `Job`, `Pod`, …
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// What the spec of a pod refers to.
pub fn of_pod(spec: &Value) -> BTreeSet<Target> {
    let mut found = BTreeSet::new();
    collect(spec, &mut found);
    found
}

/// The names stand under fixed keys wherever they are, so the whole spec is walked.
fn collect(value: &Value, found: &mut BTreeSet<Target>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(map) => {
            for (key, value) in map {
                found.extend(target(key, value));
                if key == "imagePullSecrets" {
                    let names = value.as_array().into_iter().flatten().filter_map(|item| text(item, "name"));
                    found.extend(names.map(Target::Secret));
                }
                collect(value, found);
            }
        }
        _ => {}
    }
}

fn target(key: &str, value: &Value) -> Option<Target> {
    match key {
        "secretKeyRef" | "secretRef" => text(value, "name").map(Target::Secret),
        "configMapKeyRef" | "configMapRef" | "configMap" => text(value, "name").map(Target::ConfigMap),
        // A volume says `secretName`, a projected source says `name`.
        "secret" => text(value, "secretName").or_else(|| text(value, "name")).map(Target::Secret),
        _ => None,
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_way_to_refer_is_found() {
        let spec = json!({
            "imagePullSecrets": [{"name": "pull"}],
            "initContainers": [{"envFrom": [{"secretRef": {"name": "all"}}, {"configMapRef": {"name": "env"}}]}],
            "containers": [{"env": [
                {"name": "A", "valueFrom": {"secretKeyRef": {"name": "one", "key": "k"}}},
                {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "plain", "key": "k"}}},
                {"name": "secretRef", "value": "not one"},
            ]}],
            "volumes": [
                {"name": "v", "secret": {"secretName": "files"}},
                {"name": "w", "configMap": {"name": "settings"}},
                {"name": "x", "projected": {"sources": [{"secret": {"name": "part"}}, {"configMap": {"name": "rest"}}]}},
            ],
        });
        let secrets = ["all", "files", "one", "part", "pull"].map(|name| Target::Secret(name.into()));
        let maps = ["env", "plain", "rest", "settings"].map(|name| Target::ConfigMap(name.into()));
        assert_eq!(of_pod(&spec), secrets.into_iter().chain(maps).collect());
    }

    #[test]
    fn a_pod_without_any_refers_to_nothing() {
        assert!(of_pod(&json!({"containers": [{"name": "a", "image": "x"}]})).is_empty());
    }
}
