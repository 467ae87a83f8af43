//! An object of the cluster as people read and edit it: without what only Kubernetes writes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Code, Error, Result};

/// Annotations that kubectl and the controllers keep for themselves.
const KEPT_BY_OTHERS: [&str; 2] =
    ["kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision"];
/// Fields of the metadata that Kubernetes writes.
const WRITTEN_BY_KUBERNETES: [&str; 7] =
    ["managedFields", "uid", "resourceVersion", "creationTimestamp", "generation", "selfLink", "deletionTimestamp"];

/// An object to read and edit, with the version that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The object without its status.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub object: Value,
    /// Opaque; a change made to an older version is refused.
    #[cfg_attr(feature = "openapi", schema(min_length = 1))]
    pub version: String,
}

// === impl Manifest ===

impl Manifest {
    /// Of an object as the cluster has it. Its version is that of what people read: neither a status that a controller
    /// writes nor a pod that starts makes it another one.
    pub fn of(live: &Value) -> Self {
        let mut object = live.clone();
        if let Some(whole) = object.as_object_mut() {
            whole.remove("status");
        }
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            for field in WRITTEN_BY_KUBERNETES {
                metadata.remove(field);
            }
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                for name in KEPT_BY_OTHERS {
                    annotations.remove(name);
                }
                if annotations.is_empty() {
                    metadata.remove("annotations");
                }
            }
        }
        // The uid too: an object that was made anew under the same name is another one.
        let version = digest(&format!("{}{object}", live["metadata"]["uid"]));
        Self { object, version }
    }

    /// What `live` becomes when a person's version takes its place: labels, annotations and everything beside the
    /// metadata and the status are theirs, the rest stays. It bears the resource version of `live`: what is written after
    /// that the API server refuses.
    ///
    /// # Errors
    /// `conflict` when somebody changed it since it was read; [`Error::Invalid`] when it is about another object.
    pub fn over(&self, live: &Value) -> Result<Value> {
        let read = |object: &Value, path: &str| object.pointer(path).and_then(Value::as_str).map(str::to_owned);
        for path in ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"] {
            let (here, there) = (read(&self.object, path), read(live, path));
            if here != there {
                let field = path.trim_start_matches('/').replace('/', ".");
                let message = format!("{field} must stay {}", there.unwrap_or_default());
                return Err(Error::field("manifest", "immutable", message));
            }
        }
        if Self::of(live).version != self.version {
            return Err(stale());
        }
        let mut next = live.clone();
        let mut theirs = self.object.as_object().cloned().unwrap_or_default();
        let metadata = theirs.remove("metadata").unwrap_or_default();
        theirs.remove("status");
        if let Some(whole) = next.as_object_mut() {
            whole.retain(|key, _| matches!(key.as_str(), "metadata" | "status"));
            whole.extend(theirs);
        }
        next["metadata"]["labels"] = metadata["labels"].clone();
        next["metadata"]["annotations"] = annotations(&metadata, live);
        next["metadata"]["managedFields"] = Value::Null;
        Ok(next)
    }
}

/// Two people edited one object; the first one was faster.
pub fn stale() -> Error {
    let detail = "Somebody changed this meanwhile. Load it again to see their change, then make yours";
    Error::conflict(Code::Conflict, detail)
}

/// FNV-1a, the same in every build: replicas of two versions agree. It tells two states of one object apart and guards
/// nothing against malice: whoever may edit may overwrite.
fn digest(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

fn annotations(theirs: &Value, live: &Value) -> Value {
    let mut annotations: Map<String, Value> = theirs["annotations"].as_object().cloned().unwrap_or_default();
    for name in KEPT_BY_OTHERS {
        annotations.remove(name);
        if let Some(kept) = live["metadata"]["annotations"].get(name) {
            annotations.insert(name.to_owned(), kept.clone());
        }
    }
    if annotations.is_empty() { Value::Null } else { Value::Object(annotations) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "demo", "namespace": "team", "uid": "u", "resourceVersion": "7", "managedFields": [],
                "labels": {"a": "1"}, "annotations": {"deployment.kubernetes.io/revision": "2"}},
            "spec": {"replicas": 1}, "status": {"replicas": 1}
        })
    }

    #[test]
    fn people_read_what_people_wrote() {
        let manifest = Manifest::of(&live());
        let metadata = json!({"name": "demo", "namespace": "team", "labels": {"a": "1"}});
        assert_eq!((&manifest.object["metadata"], manifest.object.get("status")), (&metadata, None));
    }

    #[test]
    fn an_edit_changes_the_spec_and_keeps_what_others_wrote() {
        let mut manifest = Manifest::of(&live());
        manifest.object["spec"]["replicas"] = json!(3);
        manifest.object["metadata"].as_object_mut().unwrap().remove("labels");
        let next = manifest.over(&live()).unwrap();
        assert_eq!((&next["spec"]["replicas"], &next["metadata"]["labels"]), (&json!(3), &Value::Null));
        assert_eq!(next["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "2");
        assert_eq!((&next["metadata"]["uid"], &next["status"]["replicas"]), (&json!("u"), &json!(1)));
    }

    #[test]
    fn an_edit_of_an_older_version_is_refused() {
        let read = Manifest::of(&live());
        let changes = [
            ("/spec/replicas", json!(2)),
            ("/metadata/labels/a", json!("2")),
            ("/metadata/annotations", json!({"note": "mine"})),
            ("/metadata/uid", json!("made anew")),
        ];
        for (path, value) in changes {
            let mut meanwhile = live();
            *meanwhile.pointer_mut(path).unwrap() = value;
            let refused = read.over(&meanwhile).unwrap_err();
            assert!(refused.to_string().starts_with("Somebody changed this meanwhile"), "{path}: {refused}");
        }
    }

    #[test]
    fn what_only_kubernetes_writes_makes_no_edit_stale() {
        let read = Manifest::of(&live());
        let mut meanwhile = live();
        meanwhile["status"]["replicas"] = json!(0);
        meanwhile["metadata"]["resourceVersion"] = json!("8");
        meanwhile["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("3");
        let next = read.over(&meanwhile).unwrap();
        assert_eq!((&next["metadata"]["resourceVersion"], &next["status"]["replicas"]), (&json!("8"), &json!(0)));
    }

    #[test]
    fn an_edit_cannot_become_another_object() {
        for (path, value) in [("/metadata/name", "other"), ("/metadata/namespace", "theirs"), ("/kind", "Pod")] {
            let mut manifest = Manifest::of(&live());
            *manifest.object.pointer_mut(path).unwrap() = json!(value);
            assert!(matches!(manifest.over(&live()), Err(Error::Invalid(_))), "{path}");
        }
    }
}
