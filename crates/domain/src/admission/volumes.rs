//! Which volumes a pod may mount: nothing of the node's own, nothing that a driver runs on the node.
//!
//! Source: `security.md` §6.3 (volume classes).

use serde_json::{Map, Value};

use super::Refusal;
use super::fields::{FieldClass, VOLUME_FIELDS, class};
use super::spec::items;

const PROJECTED_SOURCES: &[&str] = &["secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle"];

/// Each volume's kind by the table; projected sources one by one.
pub(super) fn check(spec: &Map<String, Value>, refusals: &mut Vec<Refusal>) {
    for (index, volume) in items(spec.get("volumes")).enumerate() {
        let Some(volume) = volume.as_object() else {
            refusals.push(Refusal::new("malformed", format!("spec.volumes[{index}]"), "A volume must be an object"));
            continue;
        };
        for (kind, source) in volume.iter().filter(|(_, source)| !source.is_null()) {
            let denied = match class(VOLUME_FIELDS, kind) {
                None | Some(FieldClass::Denied) => Some(kind.as_str()),
                Some(FieldClass::Checked) => foreign_source(source),
                _ => None,
            };
            if let Some(kind) = denied {
                let message = format!(
                    "Volumes of kind {kind} are not allowed: use a volume claim, emptyDir, Secret or ConfigMap"
                );
                refusals.push(Refusal::new("volumes", format!("spec.volumes[{index}].{kind}"), message));
            }
        }
    }
}

fn foreign_source(projected: &Value) -> Option<&str> {
    items(projected.get("sources"))
        .filter_map(Value::as_object)
        .flat_map(|source| source.iter().filter(|(_, value)| !value.is_null()).map(|(kind, _)| kind.as_str()))
        .find(|kind| !PROJECTED_SOURCES.contains(kind))
}
