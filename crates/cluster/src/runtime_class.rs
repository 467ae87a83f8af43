//! Each SKU with GPUs as a RuntimeClass of its name and ceilings, so that a pod may pick it by `spec.runtimeClassName`:
//! without such an object the API server refuses the pod before our webhook sees it.
//!
//! Source: `tenant-api.md` §6. Several replicas come to the same objects, so none needs to lead.

use std::collections::BTreeMap;

use domain::Result;
use domain::sku::Sku;
use k8s_openapi::api::node::v1::RuntimeClass;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::client::call;
use crate::tenant::ignore_gone;
use crate::tenant::objects::{FIELD_MANAGER, MANAGED_BY};

/// The classes as they must be, by name.
pub(crate) type Classes = BTreeMap<String, Value>;

/// What the SKUs on sale come to; of two with one name the first by code counts, as in admission.
pub(crate) fn wanted(skus: &BTreeMap<String, Sku>) -> Classes {
    let mut classes = Classes::new();
    for sku in skus.values().filter(|sku| !sku.spec.retired) {
        let (Some(name), Some(vendor)) = (sku.runtime_class(), sku.gpu_vendor()) else { continue };
        classes.entry(name.clone()).or_insert_with(|| {
            let metadata = json!({
                "name": name,
                "labels": {MANAGED_BY: FIELD_MANAGER},
                "annotations": sku.runtime_class_limits(),
            });
            json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": metadata, "handler": vendor})
        });
    }
    classes
}

/// Makes the cluster's classes as they must be. One that somebody else made under such a name is left to them, and one that
/// cannot be written does not hold up those after it.
///
/// # Errors
/// [`domain::Error::Unavailable`] without the cluster; else the last class that failed.
pub(crate) async fn apply(client: &Client, wanted: &Classes) -> Result<()> {
    let api: Api<RuntimeClass> = Api::all(client.clone());
    let found = call("listing RuntimeClasses", api.list(&ListParams::default())).await?.items;
    let mut result = Ok(());
    for name in doomed(&found, wanted) {
        let deleted = call("deleting a RuntimeClass", api.delete(&name, &DeleteParams::default())).await;
        result = ignore_gone(deleted).and(result);
    }
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let found: BTreeMap<String, &RuntimeClass> = found.iter().map(|class| (class.name_any(), class)).collect();
    for (name, class) in wanted {
        match found.get(name) {
            Some(other) if !ours(other) => {
                tracing::warn!(name, "a RuntimeClass of this name belongs to somebody else and is left to them");
                continue;
            }
            Some(same) if stands(same, class) => continue,
            _ => {}
        }
        let patch = Patch::Apply(class);
        let applied = call("applying a RuntimeClass", api.patch(name, &params, &patch)).await;
        result = applied.map(drop).and(result);
    }
    result
}

/// Ours that nobody wants, and ours whose handler is another one: a handler cannot be changed, only made anew.
fn doomed(found: &[RuntimeClass], wanted: &Classes) -> Vec<String> {
    let stays = |class: &RuntimeClass| wanted.get(&class.name_any()).is_some_and(|to| to["handler"] == class.handler);
    found.iter().filter(|class| ours(class) && !stays(class)).map(ResourceExt::name_any).collect()
}

/// Whether a class of ours is as it must be: ten thousand of them are not written again for nothing.
fn stands(found: &RuntimeClass, wanted: &Value) -> bool {
    wanted["handler"] == found.handler && wanted["metadata"]["annotations"] == json!(found.annotations())
}

fn ours(class: &RuntimeClass) -> bool {
    class.labels().get(MANAGED_BY).is_some_and(|by| by == FIELD_MANAGER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(name: &str, handler: &str, by: &str) -> RuntimeClass {
        let metadata = json!({"name": name, "labels": {MANAGED_BY: by}});
        serde_json::from_value(json!({"metadata": metadata, "handler": handler})).unwrap()
    }

    #[test]
    fn only_classes_of_ours_go_when_nobody_wants_them_or_their_handler_changed() {
        let nvidia = |name: &str| (name.to_owned(), json!({"handler": "nvidia"}));
        let wanted = Classes::from(["same", "changed", "foreign"].map(nvidia));
        let found = [
            class("same", "nvidia", FIELD_MANAGER),
            class("changed", "amd", FIELD_MANAGER),
            class("unwanted", "nvidia", FIELD_MANAGER),
            class("foreign", "runc", "Helm"),
            class("kata", "kata", "Helm"),
        ];
        assert_eq!(doomed(&found, &wanted), ["changed", "unwanted"]);
    }

    #[test]
    fn a_class_that_is_as_it_must_be_is_not_written_again() {
        let mut found = class("same", "nvidia", FIELD_MANAGER);
        let wanted =
            |gpus: &str| json!({"handler": "nvidia", "metadata": {"annotations": {"limits.k8s.gpu/gpu": gpus}}});
        assert!(!stands(&found, &wanted("1")));
        found.metadata.annotations = Some([("limits.k8s.gpu/gpu".to_owned(), "1".to_owned())].into());
        assert!(stands(&found, &wanted("1")) && !stands(&found, &wanted("2")));
    }
}
