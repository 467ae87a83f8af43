//! The virtual nodes with real kubectl and real containers (`virtual-node.md` §3, RULINGS 44).

use serde_json::{Value, json};
use testkit::{eventually, local_image};

use crate::admission::Tenant;

async fn container_pod(tenant: &Tenant, name: &str) {
    let image = local_image().await;
    let manifest = format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}, remotegpu.ai/sku-code: cpu-shared-8g}}}}
spec:
  terminationGracePeriodSeconds: 2
  containers:
  - name: app
    image: {image}
    env:
    - {{name: POD, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
    - {{name: GREETING, value: \"hello $(POD)\"}}
"
    );
    tenant.apply(&manifest).await.out();
    let wait = ["wait", "--for=condition=Ready", "--timeout=80s", &format!("pod/{name}")];
    let ran = tenant.kubectl(&wait).await;
    if !ran.ok {
        let events = tenant.kubectl(&["describe", "pod", name]).await.stdout;
        assert!(ran.ok, "{}\n{events}", ran.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_runs_logs_and_answers_commands() {
    let tenant = Tenant::new().await;
    container_pod(&tenant, "web").await;
    let pod = tenant.json(&["get", "pod", "web"]).await;
    assert_eq!(pod["spec"]["nodeName"], "local");
    assert_eq!(pod["status"]["phase"], "Running");
    assert!(pod["status"]["podIP"].as_str().is_some_and(|ip| !ip.is_empty()), "{}", pod["status"]);
    let status = &pod["status"]["containerStatuses"][0];
    assert_eq!((&status["ready"], &status["restartCount"]), (&Value::Bool(true), &Value::from(0)));

    eventually("the container has said hello", async || {
        let logs = tenant.kubectl(&["logs", "web"]).await.out();
        if logs.starts_with("hello from the container\n") { Ok(()) } else { Err(logs) }
    })
    .await;
    assert_eq!(tenant.kubectl(&["logs", "web", "--tail=1"]).await.out().lines().count(), 1);
    let echoed = tenant.kubectl(&["exec", "web", "--", "sh", "-c", "echo $GREETING; echo oops >&2; exit 7"]).await;
    assert!(!echoed.ok);
    assert_eq!(echoed.stdout, "hello web\n");
    assert!(echoed.stderr.contains("oops") && echoed.stderr.contains("exit code 7"), "{}", echoed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn followed_logs_end_with_the_pod_and_a_deleted_pod_is_gone() {
    let tenant = Tenant::new().await;
    container_pod(&tenant, "short").await;
    let followed = tenant.follow("short").await;
    tenant.kubectl(&["delete", "pod", "short", "--wait=true", "--timeout=60s"]).await.out();
    let log = followed.rest().await;
    assert!(log.contains("hello from the container"), "{log}");
    tenant.kubectl(&["get", "pod", "short"]).await.refused();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_is_failed_and_one_that_ends_is_complete() {
    let tenant = Tenant::new().await;
    let image = local_image().await;
    let pod = |name: &str, command: &str| {
        format!(
            "apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{remotegpu.ai/sku-code: cpu-shared-8g}}}}
spec: {{restartPolicy: Never, containers: [{{name: app, image: {image}, command: [sh, -c, '{command}']}}]}}
"
        )
    };
    for (name, command, phase, code) in [("ends", "exit 0", "Succeeded", 0), ("fails", "exit 3", "Failed", 3)] {
        tenant.apply(&pod(name, command)).await.out();
        let ended = eventually("the pod ended", async || {
            let pod = tenant.json(&["get", "pod", name]).await;
            if pod["status"]["phase"] == phase { Ok(pod) } else { Err(pod["status"].clone()) }
        })
        .await;
        assert_eq!(ended["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], code);
    }
}

/// A Deployment `web` and a StatefulSet `db`, one pod each.
async fn two_controllers() -> String {
    let image = local_image().await;
    let of = |kind: &str, name: &str| {
        let labels = json!({"app": name, "remotegpu.ai/sku-code": "cpu-shared-8g"});
        let pod = json!({"terminationGracePeriodSeconds": 2, "containers": [{"name": "app", "image": image}]});
        json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": pod}}})
    };
    let mut set = of("StatefulSet", "db");
    set["spec"]["serviceName"] = json!("db");
    json!({"apiVersion": "v1", "kind": "List", "items": [of("Deployment", "web"), set]}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_replaces_every_pod_and_a_stateful_one_keeps_nothing_but_its_name() {
    let tenant = Tenant::new().await;
    tenant.apply(&two_controllers().await).await.out();
    let done = async || {
        for controller in ["deployment/web", "statefulset/db"] {
            tenant.kubectl(&["rollout", "status", controller, "--timeout=80s"]).await.out();
        }
    };
    let uids = async || -> Vec<String> {
        let pods = tenant.json(&["get", "pods"]).await;
        let pods = pods["items"].as_array().unwrap().iter();
        pods.map(|pod| pod["metadata"]["uid"].as_str().unwrap().to_owned()).collect()
    };
    done().await;
    let before = uids().await;
    assert_eq!(before.len(), 2);
    let old = tenant.json(&["get", "pod", "db-0"]).await["status"]["containerStatuses"][0].clone();

    tenant.kubectl(&["rollout", "restart", "deployment/web", "statefulset/db"]).await.out();
    done().await;
    eventually("only new pods are left", async || {
        let now = uids().await;
        let new = now.len() == 2 && now.iter().all(|uid| !before.contains(uid));
        if new { Ok(()) } else { Err((before.clone(), now)) }
    })
    .await;
    let new = tenant.json(&["get", "pod", "db-0"]).await["status"]["containerStatuses"][0].clone();
    assert_ne!(new["containerID"], old["containerID"], "{new}");
    assert_eq!((&new["ready"], &new["restartCount"]), (&json!(true), &json!(0)), "{new}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_engine_says_that_nothing_runs() {
    let tenant = Tenant::new().await;
    let manifest = "apiVersion: v1
kind: Pod
metadata: {name: gpu, labels: {remotegpu.ai/sku-code: gpu-h100-1x}}
spec: {containers: [{name: app, image: any}]}
";
    tenant.apply(manifest).await.out();
    tenant.kubectl(&["wait", "--for=condition=Ready", "--timeout=80s", "pod/gpu"]).await.out();
    assert!(tenant.kubectl(&["logs", "gpu"]).await.out().contains("simulated"));
    let exec = tenant.kubectl(&["exec", "gpu", "--", "nvidia-smi"]).await.refused();
    assert!(exec.contains("simulated engine runs no processes"), "{exec}");
    // The simulated engine has sixteen of these GPUs for all tests.
    tenant.kubectl(&["delete", "pod", "gpu", "--wait=false"]).await.out();
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_ready_tainted_and_renew_their_lease() {
    let plane = testkit::Plane::current();
    for (node, engine) in [("local", "local"), ("simulated-h100", "simulated")] {
        let node: Value = serde_json::from_str(&plane.admin(&["get", "node", node, "-o", "json"]).await.out()).unwrap();
        let conditions = node["status"]["conditions"].as_array().unwrap();
        assert!(conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"), "{conditions:?}");
        assert_eq!(node["metadata"]["labels"]["remotegpu.ai/engine"], engine);
        assert_eq!(node["metadata"]["labels"]["type"], "virtual-kubelet");
        assert_eq!(node["spec"]["taints"][0]["effect"], "NoSchedule");
        assert_eq!(node["status"]["declaredFeatures"][0], "ExtendWebSocketsToKubelet");
    }
    plane.admin(&["-n", "kube-node-lease", "get", "lease", "local", "simulated-h100"]).await.out();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kubelet_refuses_strangers() {
    let plane = testkit::Plane::current();
    let node: Value = serde_json::from_str(&plane.admin(&["get", "node", "local", "-o", "json"]).await.out()).unwrap();
    let port = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64().unwrap();
    let address = node["status"]["addresses"][0]["address"].as_str().unwrap();
    let url = format!("https://{address}:{port}/pods");
    let status = tokio::process::Command::new("curl")
        .args(["-sk", "-o", "/dev/null", "-w", "%{http_code}", &url])
        .output()
        .await
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&status.stdout), "401");
}
