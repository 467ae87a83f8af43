//! Which volumes a pod may mount: nothing of the node's own, nothing that a driver runs on the node.
//!
//! Source: `security.md` §6.3 (volume classes).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Refusal;
use super::fields::{FieldClass, VOLUME_FIELDS, class};
use super::spec::items;
use crate::capacity::engines_for;
use crate::sku::Sku;

const PROJECTED_SOURCES: &[&str] = &["secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle"];

/// Kinds that pass, because a node of the home cluster mounts them, and that no virtual node does.
const OF_REAL_NODES: &[&str] = &["persistentVolumeClaim", "ephemeral", "image"];

/// Kinds that hold files.
const OF_FILES: &[&str] = &["configMap", "secret", "downwardAPI", "projected"];

/// Kinds of engine that mount nothing: what they rent out has the container's own disk and no more.
const WITHOUT_VOLUMES: &[&str] = &["runpod"];

/// The annotation with which a pod lets such an engine have its files as a variable, and the value that says so.
pub const FILES_ANNOTATION: &str = "runpod.io/file-volumes";
/// The files travel in the environment, which everybody with the provider's account can read.
pub const FILES_IN_ENV: &str = "env";

/// Whether engines of this kind mount files of ConfigMaps and Secrets. One of an unknown kind is not spoken ill of.
pub fn mounts_files(engine_kind: &str) -> bool {
    !WITHOUT_VOLUMES.contains(&engine_kind)
}

/// Why pods of `account` cannot mount anything under this SKU, if none of the engines that they may come to mounts what
/// it is given; `kinds` are those of the engines by name. Where one does, or may, a form offers volumes and the check warns.
pub fn no_volumes(sku: &Sku, account: &str, kinds: &BTreeMap<String, String>) -> Option<String> {
    let engines = engines_for(sku, account);
    let bare = |name: &&str| kinds.get(*name).is_some_and(|kind| !mounts_files(kind));
    if engines.is_empty() || !engines.iter().all(bare) {
        return None;
    }
    let (noun, verb) = if engines.len() > 1 { ("Engines", "mount") } else { ("Engine", "mounts") };
    Some(format!(
        "{noun} {} {verb} no volumes: what is written stays on the container's own disk. Give values as environment \
         variables, or choose another SKU",
        engines.join(", ")
    ))
}

/// What is allowed and will surprise. Pods of a SKU run on virtual nodes: none mounts what needs a driver, and those of
/// the engines `bare` mount nothing at all.
pub(super) fn surprises(template: &Value, bare: &[&str]) -> Vec<String> {
    let spec = template.get("spec").and_then(Value::as_object);
    let volumes = items(spec.and_then(|spec| spec.get("volumes"))).filter_map(Value::as_object);
    let notes = template.get("metadata").and_then(|meta| meta.get("annotations"));
    let note = notes.and_then(|notes| notes.get(FILES_ANNOTATION)).and_then(Value::as_str);
    let travels = note == Some(FILES_IN_ENV);
    volumes.filter_map(|volume| surprise(volume, bare, travels)).collect()
}

fn surprise(volume: &Map<String, Value>, bare: &[&str], travels: bool) -> Option<String> {
    let has = |kind: &str| volume.get(kind).is_some_and(|source| !source.is_null());
    let name = volume.get("name").and_then(Value::as_str).unwrap_or_default();
    if let Some(kind) = OF_REAL_NODES.iter().find(|kind| has(kind)) {
        return Some(format!(
            "Volume {name} is of kind {kind}: virtual nodes do not mount it and end the pod with UnsupportedPod. Use \
             emptyDir, a Secret or a ConfigMap"
        ));
    }
    // The token that Kubernetes adds to every pod is left out without a word there.
    if bare.is_empty() || name.starts_with("kube-api-access-") {
        return None;
    }
    let engines = format!("engine{} {}", if bare.len() > 1 { "s" } else { "" }, bare.join(", "));
    if let Some(kind) = OF_FILES.iter().find(|kind| has(kind)) {
        // A token ends, and what travelled once cannot be renewed: it is refused there all the same.
        let surprises = !travels || volume.get("projected").is_some_and(asks_for_token);
        return surprises.then(|| {
            format!(
                "Volume {name} is of kind {kind}: on {engines} no files are mounted and the pod ends with \
                 UnsupportedPod. Give the values as environment variables"
            )
        });
    }
    has("emptyDir").then(|| {
        format!(
            "Volume {name} is of kind emptyDir: on {engines} it is part of the container's own disk, and its folder is \
             there only if the image has it"
        )
    })
}

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
                let message = format!("Volumes of kind {kind} are not allowed: use emptyDir, a Secret or a ConfigMap");
                refusals.push(Refusal::new("volumes", format!("spec.volumes[{index}].{kind}"), message));
            }
        }
    }
}

fn asks_for_token(projected: &Value) -> bool {
    let is_token = |source: &Value| source.get("serviceAccountToken").is_some_and(|token| !token.is_null());
    items(projected.get("sources")).any(is_token)
}

fn foreign_source(projected: &Value) -> Option<&str> {
    items(projected.get("sources"))
        .filter_map(Value::as_object)
        .flat_map(|source| source.iter().filter(|(_, value)| !value.is_null()).map(|(kind, _)| kind.as_str()))
        .find(|kind| !PROJECTED_SOURCES.contains(kind))
}
