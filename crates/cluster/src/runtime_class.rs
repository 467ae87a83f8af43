//! Each SKU with GPUs as a RuntimeClass of its name and ceilings, so that a pod may pick it by `spec.runtimeClassName`:
//! without such an object the API server refuses the pod before our webhook sees it.
//!
//! Source: `tenant-api.md` §6. Several replicas come to the same objects, so none needs to lead.

use std::collections::BTreeMap;

use domain::Result;
use domain::sku::{FoundRuntimeClass, RuntimeClassShape, Sku, runtime_class_changes, runtime_classes};
use k8s_openapi::api::node::v1::RuntimeClass;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};

use crate::client::call;
use crate::tenant::ignore_gone;
use crate::tenant::objects::{FIELD_MANAGER, MANAGED_BY};

/// The classes as they must be, by name.
pub(crate) type Classes = BTreeMap<String, RuntimeClassShape>;

/// What the SKUs on sale come to.
pub(crate) fn wanted(skus: &BTreeMap<String, Sku>) -> Classes {
    runtime_classes(skus, |_| true)
}

/// Makes the cluster's classes as they must be. One that somebody else made under such a name is left to them, and one that
/// cannot be written does not hold up those after it.
///
/// # Errors
/// [`domain::Error::Unavailable`] without the cluster; else the last class that failed.
pub(crate) async fn apply(client: &Client, wanted: &Classes) -> Result<()> {
    let api: Api<RuntimeClass> = Api::all(client.clone());
    let found = call("listing RuntimeClasses", api.list(&ListParams::default())).await?.items;
    let found = found.iter().map(|class| (class.name_any(), read(class))).collect();
    let changes = runtime_class_changes(&found, wanted);
    let mut result = Ok(());
    for name in &changes.delete {
        let deleted = call("deleting a RuntimeClass", api.delete(name, &DeleteParams::default())).await;
        result = ignore_gone(deleted).and(result);
    }
    for name in &changes.foreign {
        tracing::warn!(name, "a RuntimeClass of this name belongs to somebody else and is left to them");
    }
    let params = PatchParams::apply(FIELD_MANAGER).force();
    for name in &changes.write {
        let Some(shape) = wanted.get(name) else { continue };
        let patch = Patch::Apply(shape.object(name, (MANAGED_BY, FIELD_MANAGER)));
        let applied = call("applying a RuntimeClass", api.patch(name, &params, &patch)).await;
        result = applied.map(drop).and(result);
    }
    result
}

fn read(class: &RuntimeClass) -> FoundRuntimeClass {
    let ours = class.labels().get(MANAGED_BY).is_some_and(|by| by == FIELD_MANAGER);
    FoundRuntimeClass { shape: RuntimeClassShape::of(&class.handler, class.annotations()), ours }
}
