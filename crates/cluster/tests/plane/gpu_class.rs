//! Classes of GPUs: a quota of each while it has a limit, a PriorityClass of each by which Kubernetes counts, and what
//! the console may make for that.

use backend::ports::{Cluster as _, TenantRules};
use domain::account::Quota;
use k8s_openapi::api::core::v1::ResourceQuota;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use crate::given::{client_of, eventually, plane, tenant};

const GPUS: &str = "requests.nvidia.com/gpu";

fn limited(classes: &[(&str, u32)]) -> TenantRules {
    let gpu_classes = classes.iter().map(|(class, limit)| ((*class).to_owned(), *limit)).collect();
    TenantRules { quota: Quota { gpu_classes, ..Quota::default() }, ..TenantRules::default() }
}

#[tokio::test]
async fn a_class_of_gpus_has_a_quota_while_it_has_a_limit() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let quotas: Api<ResourceQuota> = Api::namespaced(plane.admin.clone(), tenant.kubernetes_name.as_str());
    let names = async || {
        let found = quotas.list(&ListParams::default()).await.unwrap().items;
        found.iter().map(ResourceExt::name_any).collect::<Vec<_>>()
    };
    plane.cluster.apply_tenant(&tenant, &limited(&[("h100", 2), ("l4", 0)])).await.unwrap();
    assert_eq!(names().await, ["remotegpu", "remotegpu-gpu-h100", "remotegpu-gpu-l4"]);
    let known = eventually("the classes are read", async || {
        let lines = plane.cluster.tenant_facts(&tenant.kubernetes_name).quota;
        let classes: Vec<_> = lines.into_iter().filter_map(|line| Some((line.gpu_class?, line.limit))).collect();
        (classes.len() == 2).then_some(classes)
    })
    .await;
    assert_eq!(known, [("h100", "2"), ("l4", "0")].map(|(class, limit)| (class.to_owned(), limit.to_owned())));

    plane.cluster.apply_tenant(&tenant, &limited(&[("h100", 1)])).await.unwrap();
    assert_eq!(names().await, ["remotegpu", "remotegpu-gpu-h100"]);
    let counted = quotas.get("remotegpu-gpu-h100").await.unwrap().status.unwrap().hard.unwrap();
    assert_eq!(counted[GPUS].0, "1", "the quota controller has counted when apply returns");
    plane.cluster.apply_tenant(&tenant, &TenantRules::default()).await.unwrap();
    assert_eq!(names().await, ["remotegpu"]);
}

#[tokio::test]
async fn a_quota_that_somebody_deletes_is_reported_and_comes_back() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let quotas: Api<ResourceQuota> = Api::namespaced(plane.admin.clone(), tenant.kubernetes_name.as_str());
    let rules = limited(&[("h100", 2)]);
    let mut changes = plane.cluster.tenant_changes();
    // Deleting again and again: the first deletions may fall into the time before the watch has its first list.
    eventually("the deletion is reported", async || {
        plane.cluster.apply_tenant(&tenant, &rules).await.unwrap();
        quotas.delete("remotegpu-gpu-h100", &DeleteParams::default()).await.unwrap();
        let news = tokio::time::timeout(std::time::Duration::from_millis(500), futures::StreamExt::next(&mut changes));
        news.await.ok().flatten().filter(|id| *id == tenant.id)
    })
    .await;
    plane.cluster.apply_tenant(&tenant, &rules).await.unwrap();
    quotas.get("remotegpu-gpu-h100").await.unwrap();
}

#[tokio::test]
async fn a_sku_says_which_class_counts_its_gpus_once_the_class_is_there() {
    let (plane, id) = (plane().await, tenant().id.short());
    let kind = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("remotegpu.ai", "v1alpha1", "Sku"), "skus");
    let skus: Api<DynamicObject> = Api::all_with(plane.admin.clone(), &kind);
    let code = format!("sku-{id}");
    let sku = json!({
        "apiVersion": "remotegpu.ai/v1alpha1", "kind": "Sku", "metadata": {"name": code},
        "spec": {
            "title": "test", "resources": {"cpu": "2", "memory": "1Gi"}, "price": {"perHour": "1", "currency": "EUR"},
            "gpu": {"model": format!("Test {id}"), "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"},
            "placement": {"engines": [format!("engine-{id}")]}, "retired": true
        }
    });
    skus.create(&PostParams::default(), &serde_json::from_value(sku).unwrap()).await.unwrap();
    let name = eventually("the SKU says its class", async || {
        plane.cluster.skus().ok()?.get(&code)?.status.priority_class.clone()
    })
    .await;
    assert_eq!(name, format!("remotegpu-gpu-test{id}"));
    let classes: Api<PriorityClass> = Api::all(plane.admin.clone());
    let class = classes.get(&name).await.unwrap();
    assert_eq!((class.value, class.global_default.unwrap_or_default()), (Some(0), false), "it gives no priority");
    skus.delete(&code, &DeleteParams::default()).await.unwrap();
    classes.delete(&name, &DeleteParams::default()).await.unwrap();
}

/// By RBAC the reconciler may make any PriorityClass: the policy keeps it to those of GPUs, without a priority.
#[tokio::test]
async fn the_reconciler_makes_priority_classes_of_gpus_that_give_no_priority_and_no_others() {
    let classes: Api<PriorityClass> = Api::all(client_of("reconciler").await);
    let make = async |name: &str, more: Value| {
        let mut class = json!({"metadata": {"name": name}, "value": 0});
        class.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        match classes.create(&dry, &serde_json::from_value(class).unwrap()).await {
            Ok(_) => String::new(),
            Err(kube::Error::Api(status)) => format!("{} {}", status.code, status.message),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(make("remotegpu-gpu-proof", json!({})).await, "");
    for (name, more, sentence) in [
        ("proof", json!({}), "The console may make the PriorityClasses of GPUs only"),
        ("remotegpu-gpu-proof", json!({"value": 1000}), "The PriorityClasses of the console may give no priority"),
        (
            "remotegpu-gpu-proof",
            json!({"globalDefault": true}),
            "The PriorityClasses of the console may give no priority",
        ),
        (
            "remotegpu-gpu-proof",
            json!({"preemptionPolicy": "Never"}),
            "The PriorityClasses of the console may give no priority",
        ),
    ] {
        let refused = make(name, more.clone()).await;
        assert!(refused.starts_with("403") && refused.contains(sentence), "{name} {more}: {refused}");
    }
}
