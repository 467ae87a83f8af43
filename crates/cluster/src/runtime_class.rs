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

/// Makes the cluster's classes as they must be. One that somebody else made under such a name is left to them.
///
/// # Errors
/// [`domain::Error::Unavailable`] without the cluster.
pub(crate) async fn apply(client: &Client, wanted: &Classes) -> Result<()> {
    let api: Api<RuntimeClass> = Api::all(client.clone());
    let ours = ListParams::default().labels(&format!("{MANAGED_BY}={FIELD_MANAGER}"));
    let found = call("listing RuntimeClasses", api.list(&ours)).await?;
    for surplus in found.items.iter().map(ResourceExt::name_any).filter(|name| !wanted.contains_key(name)) {
        ignore_gone(call("deleting a RuntimeClass", api.delete(&surplus, &DeleteParams::default())).await)?;
    }
    let params = PatchParams::apply(FIELD_MANAGER).force();
    for (name, class) in wanted {
        call("applying a RuntimeClass", api.patch(name, &params, &Patch::Apply(class))).await?;
    }
    Ok(())
}
