//! What a preflight finds in a cluster beside its rights: on a second real control plane that lacks everything at first, and
//! gets it then (`engine-import.md` §7, rows 7 to 12).

use domain::engine_manifest::{EngineFeature, NewEngineManifest};
use serde_json::{Value, json};
use testkit::{Client, OtherPlane, TestApp, eventually, unique};

use crate::CONSOLE;

/// Everything that is looked for, but under another address than the form names.
fn equipment() -> String {
    let meta = |name: &str| json!({"name": name});
    let schema = json!({"openAPIV3Schema": {"type": "object"}});
    let workflows = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": meta("workflows.argoproj.io"), "spec": {"group": "argoproj.io", "scope": "Namespaced",
            "names": {"kind": "Workflow", "plural": "workflows"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema": schema}]}});
    let usual = json!({"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}});
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": usual,
        "provisioner": "disks.example.com"});
    let ingress = json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": meta("front"),
        "spec": {"controller": "front.example.com/ingress"}});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": meta("front"),
        "spec": {"type": "LoadBalancer", "selector": {"app": "front"}, "ports": [{"port": 80}]}});
    let node = json!({"name": "gpu-1", "labels": {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}});
    let taint = json!({"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"});
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": node, "spec": {"taints": [taint]}});
    [workflows, class, ingress, service, node].map(|object| object.to_string()).join("\n---\n")
}

/// The class of NVIDIA's runtime, a pod that holds three GPUs of the node, and one that waits for two. No kubelet is
/// there that would start or end them.
fn holders(namespace: &str, account: &str) -> String {
    let class = json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"},
        "handler": "nvidia"});
    let pod = |name: &str, gpus: &str| {
        let container = json!({"name": "main", "image": "any", "resources": {"limits": {"nvidia.com/gpu": gpus}}});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
            "spec": {"containers": [container], "schedulerName": "nobody", "serviceAccountName": account,
                "tolerations": [{"operator": "Exists"}]}})
    };
    let (mut held, waits) = (pod("holds", "3"), pod("waits", "2"));
    held["spec"]["nodeName"] = json!("gpu-1");
    [class, held, waits].map(|object| object.to_string()).join("\n---\n")
}

async fn set_status(there: &OtherPlane, what: [&str; 2], status: &Value) {
    let patch = json!({"status": status}).to_string();
    there.admin(&["patch", what[0], what[1], "--subresource=status", "--type=merge", "--patch", &patch]).await.out();
}

async fn balanced_at(there: &OtherPlane, ip: &str) {
    set_status(there, ["service", "front"], &json!({"loadBalancer": {"ingress": [{"ip": ip}]}})).await;
}

/// Status and sentence of the rows named.
async fn rows<const N: usize>(owner: &Client, form: &Value, ids: [&str; N]) -> [String; N] {
    let seen = owner.post("/v1/engines/preflight", form.clone()).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    let rows = seen.json()["report"]["rows"].as_array().unwrap().clone();
    let text = |row: &Value| format!("{}: {}", row["status"].as_str().unwrap(), row["message"].as_str().unwrap());
    ids.map(|id| rows.iter().find(|row| row["id"] == id).map_or_else(|| format!("no row {id}"), text))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cluster_lacks_is_named_and_found_once_it_is_there() {
    let (there, name) = (OtherPlane::start().await, unique("rows"));
    let input = NewEngineManifest { namespace: name.clone(), ..NewEngineManifest::for_engine(&name) };
    let input = input.checked().unwrap();
    there.admin_apply(&input.yaml()).await.out();
    let account = &input.service_account;
    let token = there.admin(&["-n", &name, "create", "token", account, "--duration=48h"]).await.out();
    let app = TestApp::setup(CONSOLE).with("REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8").start().await;
    let owner = app.stranger("owner").await;
    let form = json!({
        "kind": "on_premise", "name": name, "api_url": there.server(), "load_balancer_ip": "203.0.113.10",
        "ca_data": there.ca(), "bearer_token": token.trim(), "namespaces": [name], "features": EngineFeature::ALL,
    });
    let ids = ["api/argo", "api/ray", "api/cert-manager", "ingress", "storage", "gpu"];
    let bare = [
        "fail: Argo Workflows is not installed",
        "fail: Ray is not installed",
        "fail: cert-manager is not installed",
        "warn: No IngressClass: is an ingress controller installed?",
        "warn: No StorageClass",
        "warn: No GPU found on 0 nodes (device plugin missing?)",
    ];
    assert_eq!(rows(&owner, &form, ids).await, bare);
    assert_eq!(
        rows(&owner, &form, ["clock", "rbac-wide"]).await,
        ["pass: Its clock agrees with ours", "pass: The identity has no rights that nobody needs"]
    );

    there.admin_apply(&equipment()).await.out();
    balanced_at(&there, "203.0.113.20").await;
    let gpus = json!({"nvidia.com/gpu": "8"});
    set_status(&there, ["node", "gpu-1"], &json!({"capacity": gpus, "allocatable": gpus})).await;
    eventually("the new kind is discovered", async || {
        let ran = there.admin(&["get", "--raw", "/apis/argoproj.io/v1alpha1"]).await;
        if ran.stdout.contains("\"workflows\"") { Ok(()) } else { Err(ran.stderr) }
    })
    .await;
    eventually("its group is listed", async || {
        let ran = there.admin(&["get", "--raw", "/apis"]).await;
        if ran.stdout.contains("\"argoproj.io\"") { Ok(()) } else { Err(ran.stderr) }
    })
    .await;
    let equipped = [
        "pass: Argo Workflows is installed",
        "fail: Ray is not installed",
        "fail: cert-manager is not installed",
        "warn: No Service has the address 203.0.113.10; found 203.0.113.20 (front)",
        "pass: fast",
        "pass: 8 × NVIDIA-H100-80GB-HBM3; free unknown: the credential may not list pods; \
         1 of 1 nodes with GPUs not ready or cordoned; taints: nvidia.com/gpu=present:NoSchedule; \
         no RuntimeClass nvidia",
    ];
    assert_eq!(rows(&owner, &form, ids).await, equipped);

    balanced_at(&there, "203.0.113.10").await;
    there.admin_apply(&holders(&name, account)).await.out();
    let (grant, whom) = (format!("{name}-all"), format!("--serviceaccount={name}:{account}"));
    there.admin(&["create", "clusterrolebinding", &grant, "--clusterrole=cluster-admin", &whom]).await.out();
    eventually("the identity may do everything", async || {
        let subject = format!("system:serviceaccount:{name}:{account}");
        let ran = there.admin(&["auth", "can-i", "*", "*", "--all-namespaces", "--as", &subject]).await;
        if ran.stdout.trim() == "yes" { Ok(()) } else { Err(ran.stdout) }
    })
    .await;
    let wide = "warn: This identity can do everything; use the generated role";
    let counted = "pass: 8 × NVIDIA-H100-80GB-HBM3 (5 free); 1 of 1 nodes with GPUs not ready or cordoned; \
                   taints: nvidia.com/gpu=present:NoSchedule; RuntimeClass nvidia is there";
    assert_eq!(
        rows(&owner, &form, ["ingress", "rbac-wide", "gpu"]).await,
        ["pass: front has the address 203.0.113.10", wide, counted]
    );
}
