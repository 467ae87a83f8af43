//! SKUs as RuntimeClasses: a pod picks its shape by `runtimeClassName`, and one that asks for more reads the numbers.

use serde_json::Value;
use testkit::eventually;

use crate::admission::Tenant;

const H100: &str = "remotegpu-nvidia-1xh100";

fn pod(class: &str, limits: &str) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: by-class}}
spec:
  runtimeClassName: {class}
  containers: [{{name: app, image: localhost/remotegpu-test:1, resources: {{limits: {{{limits}}}}}}}]
"
    )
}

async fn mirrored(tenant: &Tenant) -> Value {
    eventually("the class of the SKU", async || {
        let ran = tenant.app.plane.admin(&["get", "runtimeclass", H100, "-o", "json"]).await;
        if ran.ok { Ok(serde_json::from_str(&ran.stdout).unwrap()) } else { Err(ran.stderr) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sku_with_gpus_has_a_class_with_its_limits() {
    let tenant = Tenant::new().await;
    let class = mirrored(&tenant).await;
    let annotations = &class["metadata"]["annotations"];
    assert_eq!(annotations["limits.k8s.gpu/cpu"], "24");
    assert_eq!(annotations["limits.k8s.gpu/memory"], "192Gi");
    assert_eq!(annotations["limits.k8s.gpu/default"], "1");
    assert_eq!(class["handler"], "nvidia");
    // Whose pods pick by it can find its name, with kubectl and in the catalogue.
    let listed = tenant.kubectl(&["get", "runtimeclass", H100, "--output=name"]).await.out();
    assert_eq!(listed.trim(), format!("runtimeclass.node.k8s.io/{H100}"));
    let sku = |code: &str| format!("/v1/skus/{code}");
    let member = tenant.app.operator().await;
    assert_eq!(member.get(&sku("gpu-h100-1x")).await.str("/runtime_class"), H100);
    assert_eq!(member.get(&sku("cpu-shared-8g")).await.json()["runtime_class"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_runs_in_the_shape_of_its_class() {
    let tenant = Tenant::new().await;
    mirrored(&tenant).await;
    tenant.apply(&pod(H100, "")).await.out();
    let made = tenant.json(&["get", "pod", "by-class"]).await;
    assert_eq!(made["metadata"]["labels"]["remotegpu.ai/sku-code"], "gpu-h100-1x");
    assert_eq!(made["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], "1");
    let wait = ["wait", "--for=condition=Ready", "--timeout=80s", "pod/by-class"];
    tenant.kubectl(&wait).await.out();
    // The simulated engine has sixteen of these GPUs for all tests.
    tenant.kubectl(&["delete", "pod", "by-class", "--wait=false"]).await.out();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_over_the_ceiling_is_refused_with_the_numbers() {
    let tenant = Tenant::new().await;
    mirrored(&tenant).await;
    let refused = tenant.apply(&pod(H100, "nvidia.com/gpu: 2")).await.refused();
    let sentence = format!("runtime class {H100} allows 1 GPU, 24 CPU, 192Gi; the pod asks for 2 GPU");
    assert!(refused.contains(&sentence), "{refused}");
    let unknown = tenant.apply(&pod("remotegpu-nvidia-9xh100", "")).await.refused();
    assert!(unknown.contains("remotegpu-nvidia-9xh100"), "{unknown}");
}
