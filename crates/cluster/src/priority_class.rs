//! Each class of GPUs as a PriorityClass, so that quotas can count its pods; and in each SKU's status which one they
//! get, once it is there. Of the priority that pods have without any: it only marks them.
//!
//! Source: decision 011. Several replicas come to the same objects, so none needs to lead.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::sku::{GPU_CLASS_PREFIX, Sku, SkuSpec};
use domain::{Code, Error, Result};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::core::ObjectMeta;
use kube::{Client, ResourceExt as _};
use serde_json::json;

use crate::client::call;
use crate::sku;
use crate::tenant::ignore_gone;
use crate::tenant::objects::{FIELD_MANAGER, MANAGED_BY};

// API servers know the classes from a watch, each for itself, and refuse pods of one that they do not know yet. None of
// them can be asked whether it does; a watch takes milliseconds.
const SPREAD: Duration = Duration::from_secs(1);

/// The classes by which the SKUs are counted. Retired SKUs keep theirs: pods of theirs run on.
pub(crate) fn wanted(skus: &BTreeMap<String, Sku>) -> BTreeSet<String> {
    skus.values().filter_map(|sku| sku.spec.counting_class().or_else(|| joined(&sku.spec))).collect()
}

/// The class of GPUs that an operator named in a SKU: it may be the only one of them.
fn joined(spec: &SkuSpec) -> Option<String> {
    let named = &spec.placement.priority_class_name;
    (named.starts_with(GPU_CLASS_PREFIX) && spec.gpu_class().is_some()).then(|| named.clone())
}

/// Makes the classes that are missing. One of such a name that somebody else made counts as well; none is ever changed
/// or deleted, because pods name it. Comes back when API servers have heard of them, whoever made them.
///
/// # Errors
/// [`Error::Unavailable`] without the cluster; else the last class that failed.
pub(crate) async fn apply(client: &Client, wanted: &BTreeSet<String>) -> Result<()> {
    let api: Api<PriorityClass> = Api::all(client.clone());
    let found = call("listing PriorityClasses", api.list(&ListParams::default())).await?;
    let found: BTreeSet<String> = found.items.iter().map(|class| class.name_any()).collect();
    let mut result = Ok(());
    for name in wanted.difference(&found) {
        let made = call("creating a PriorityClass", api.create(&PostParams::default(), &class(name))).await;
        result = match made {
            // Another replica was quicker.
            Ok(_) | Err(Error::Conflict { code: Code::NameTaken, .. }) => result,
            Err(error) => Err(error),
        };
    }
    if !wanted.is_empty() {
        tokio::time::sleep(SPREAD).await;
    }
    result
}

/// Says of each SKU which class its pods get, where its status says something else.
///
/// # Errors
/// [`Error::Unavailable`] without the cluster; else the last SKU that failed.
pub(crate) async fn mark(client: &Client, skus: &BTreeMap<String, Sku>) -> Result<()> {
    let api = sku::api(client);
    let mut result = Ok(());
    for sku in skus.values() {
        let class = sku.spec.counting_class();
        if sku.status.priority_class == class {
            continue;
        }
        // Nothing else in it: where an older definition of the kind drops the field, the SKU does not change.
        let patch = json!({"status": {"priorityClass": class}});
        let (params, patch) = (PatchParams::default(), Patch::Merge(&patch));
        let marked = call("writing the class of a SKU", api.patch_status(&sku.code, &params, &patch)).await;
        result = ignore_gone(marked).and(result);
    }
    result
}

fn class(name: &str) -> PriorityClass {
    let labels = [(MANAGED_BY.to_owned(), FIELD_MANAGER.to_owned())].into();
    PriorityClass {
        metadata: ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() },
        description: Some("Marks pods whose GPUs a quota counts together. RemoteGPU writes it into them.".to_owned()),
        value: Some(0),
        ..PriorityClass::default()
    }
}

#[cfg(test)]
mod tests {
    use domain::sku::SkuStatus;
    use kube::client::Body;
    use tokio::time::Instant;

    use super::*;

    fn sku(code: &str, model: &str, class: &str) -> (String, Sku) {
        let spec = json!({
            "title": "x", "resources": {"cpu": "1", "memory": "1Gi"}, "price": {"perHour": "1", "currency": "EUR"},
            "gpu": {"model": model, "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"},
            "placement": {"priorityClassName": class},
        });
        let spec: SkuSpec = serde_json::from_value(spec).unwrap();
        let sku = Sku { code: code.to_owned(), version: "1".to_owned(), spec, status: SkuStatus::default() };
        (code.to_owned(), sku)
    }

    #[test]
    fn the_classes_of_gpus_are_made_also_where_only_an_operator_names_them() {
        let skus = [sku("a", "L4", ""), sku("b", "H100 SXM", "remotegpu-gpu-h100"), sku("c", "H200", "paid")];
        let skus = BTreeMap::from(skus);
        assert_eq!(wanted(&skus).into_iter().collect::<Vec<_>>(), ["remotegpu-gpu-h100", "remotegpu-gpu-l4"]);
    }

    /// An API server that has these classes, and takes any other.
    fn with_classes(names: &[&str]) -> Client {
        let class = |name: &&str| json!({"metadata": {"name": name}, "value": 0});
        let items: Vec<_> = names.iter().map(class).collect();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let metadata = json!({"resourceVersion": "1"});
            let list = json!({"kind": "PriorityClassList", "apiVersion": "scheduling.k8s.io/v1", "metadata": metadata,
                "items": items});
            let made = json!({"metadata": {"name": "made"}, "value": 0});
            let answer = if request.method() == http::Method::GET { list } else { made };
            let answer = http::Response::builder().body(Body::from(answer.to_string().into_bytes()));
            async move { answer }
        });
        Client::new(service, "default")
    }

    #[tokio::test(start_paused = true)]
    async fn no_pod_is_given_a_class_of_which_an_api_server_may_not_have_heard() {
        let one = BTreeSet::from(["remotegpu-gpu-l4".to_owned()]);
        for known in [Vec::new(), vec!["remotegpu-gpu-l4"]] {
            let begun = Instant::now();
            apply(&with_classes(&known), &one).await.unwrap();
            assert!(begun.elapsed() >= SPREAD, "also where another replica made it a moment ago: {known:?}");
        }
    }
}
