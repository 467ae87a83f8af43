//! Free capacity: a node appears, a pod takes a place, the SKU says so.

use backend::ports::Cluster as _;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::json;

use crate::given::{Plane, eventually, plane};

async fn wait_for(plane: &Plane, code: &str, wanted: (u32, u32)) {
    eventually(&format!("{code} says {wanted:?}"), async || {
        let skus = plane.cluster.skus().ok()?;
        let status = &skus.get(code)?.status;
        (status.as_of.is_some() && (status.free, status.total) == wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_sku_counts_the_places_on_the_nodes_of_its_engine() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let engine = format!("engine-{}", tenant.id.short());
    let code = format!("sku-{}", tenant.id.short());
    let kind = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("remotegpu.ai", "v1alpha1", "Sku"), "skus");
    let skus: Api<DynamicObject> = Api::all_with(plane.admin.clone(), &kind);
    let sku = json!({
        "apiVersion": "remotegpu.ai/v1alpha1", "kind": "Sku", "metadata": {"name": code},
        "spec": {
            "title": "test", "resources": {"cpu": "2", "memory": "1Gi"},
            "price": {"perHour": "1", "currency": "EUR"}, "placement": {"engines": [engine]}
        }
    });
    skus.create(&PostParams::default(), &serde_json::from_value(sku).unwrap()).await.unwrap();
    wait_for(&plane, &code, (0, 0)).await;

    let nodes: Api<Node> = Api::all(plane.admin.clone());
    let node = json!({"metadata": {"name": engine, "labels": {"remotegpu.ai/engine": engine}}});
    nodes.create(&PostParams::default(), &serde_json::from_value(node).unwrap()).await.unwrap();
    let amounts = json!({"cpu": "8", "memory": "64Gi", "pods": "10"});
    let status = json!({"status": {
        "capacity": amounts, "allocatable": amounts,
        "conditions": [{"type": "Ready", "status": "True", "reason": "Test", "message": "", "lastHeartbeatTime": jiff::Timestamp::now().to_string(), "lastTransitionTime": jiff::Timestamp::now().to_string()}],
    }});
    nodes.patch_status(&engine, &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    // The node controller marks new nodes until it has seen them ready; the mark is no reason to lose the total.
    wait_for(&plane, &code, (4, 4)).await;

    let pods: Api<Pod> = Api::namespaced(plane.admin.clone(), "default");
    let requests = json!({"requests": {"cpu": "3"}});
    let pod = json!({"metadata": {"name": engine}, "spec": {
        "nodeName": engine, "tolerations": [{"operator": "Exists"}],
        "containers": [{"name": "app", "image": "x", "resources": requests}],
    }});
    // The controller manager makes the account that admission asks for.
    eventually("the pod is made", async || {
        pods.create(&PostParams::default(), &serde_json::from_value(pod.clone()).unwrap()).await.ok()
    })
    .await;
    wait_for(&plane, &code, (2, 4)).await;
    pods.delete(&engine, &DeleteParams::default().grace_period(0)).await.unwrap();
    wait_for(&plane, &code, (4, 4)).await;
    nodes.delete(&engine, &DeleteParams::default()).await.unwrap();
    wait_for(&plane, &code, (0, 0)).await;
    skus.delete(&code, &DeleteParams::default()).await.unwrap();
}
