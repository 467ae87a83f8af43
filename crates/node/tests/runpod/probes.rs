//! Probes of rented instances: the node makes them from outside, through the provider's proxy.

use serde_json::{Value, json};
use testkit::{Plane, eventually, is_ready, shown, unique};

use crate::account::{Account, KUBELET, Node, bound_pod, plenty};

/// A pod that is asked every second whether it is ready, and with `alive` whether it lives.
fn probed(name: &str, node: &str, alive: bool) -> String {
    let probe = json!({"httpGet": {"path": "/healthz", "port": "web"}, "periodSeconds": 1, "failureThreshold": 2});
    let mut pod = bound_pod(name, node, &json!({}));
    let container = &mut pod["spec"]["containers"][0];
    container["ports"] = json!([{"name": "web", "containerPort": 8080}]);
    container["readinessProbe"] = probe.clone();
    if alive {
        container["livenessProbe"] = probe;
    }
    pod.to_string()
}

/// Waits until the status of the only container satisfies `wanted`; the pod.
async fn until(pod: &str, node: &Node, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || {
        let found = shown("pod", pod).await;
        let right = wanted(&found["status"]["containerStatuses"][0]);
        if right { Ok(found) } else { Err((found["status"].clone(), node.log())) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rented_pod_is_ready_while_its_probe_says_so_and_starts_anew_in_place_when_it_is_unhealthy() {
    let plane = Plane::current();
    let settings = json!({"boot_seconds": 0, "port_seconds": 0, "http_status": 500, "quota": plenty()});
    let account = Account::open(KUBELET, &settings).await;
    let (name, waits, lives) = (unique("probing"), unique("waits"), unique("lives"));
    let taint = format!("--taint-value={name}");
    let flags = ["--reconcile-interval=1", "--list-lag=1", "--health-server-address=", taint.as_str()];
    let node = Node::new(&account, &name, &flags);
    let process = node.started().await;

    plane.admin_apply(&probed(&waits, &name, false)).await.out();
    eventually("the events say what the probe saw", async || {
        let text = plane.admin(&["describe", "pod", &waits]).await.stdout;
        let told = text.contains("Readiness probe failed: HTTP probe failed with statuscode: 500");
        if told { Ok(()) } else { Err((text, node.log())) }
    })
    .await;
    let held = until(&waits, &node, "it runs", |one| one["state"]["running"].is_object()).await;
    assert!(!is_ready(&held), "{}", held["status"]);
    account.control(&json!({"do": "health", "status": 204})).await;
    let ready = until(&waits, &node, "it is ready", |one| one["ready"] == true).await;
    assert!(is_ready(&ready), "{}", ready["status"]);

    plane.admin_apply(&probed(&lives, &name, true)).await.out();
    until(&lives, &node, "it is ready", |one| one["ready"] == true).await;
    account.control(&json!({"do": "health", "status": 500})).await;
    until(&waits, &node, "it is not ready any more, and no more than that", |one| {
        one["ready"] == false && one["restartCount"] == 0
    })
    .await;
    until(&lives, &node, "it has started anew", |one| one["restartCount"].as_u64() >= Some(1)).await;
    account.control(&json!({"do": "health", "status": 204})).await;
    until(&lives, &node, "it is ready again", |one| one["ready"] == true).await;
    let ever = account.report().await["pods"].as_array().map(Vec::len);
    assert_eq!((ever, account.billed().await.len()), (Some(2), 2), "the machine stays, and nothing else was rented");

    plane.admin(&["delete", "pod", &waits, &lives, "--timeout=60s"]).await.out();
    assert_eq!(account.billed().await, Vec::<Value>::new());
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unhealthy_pod_whose_config_map_is_gone_costs_nothing_until_it_is_back() {
    let plane = Plane::current();
    let settings = json!({"boot_seconds": 0, "port_seconds": 0, "quota": plenty()});
    let account = Account::open(KUBELET, &settings).await;
    let (name, pod, map) = (unique("giving"), unique("lacks"), unique("words"));
    let taint = format!("--taint-value={name}");
    let flags = ["--reconcile-interval=1", "--list-lag=1", "--health-server-address=", taint.as_str()];
    let node = Node::new(&account, &name, &flags);
    let process = node.started().await;

    let words = ["create", "configmap", map.as_str(), "--from-literal=WORD=hello"];
    plane.admin(&words).await.out();
    let mut manifest: Value = serde_json::from_str(&probed(&pod, &name, true)).unwrap();
    manifest["spec"]["containers"][0]["envFrom"] = json!([{"configMapRef": {"name": map}}]);
    plane.admin_apply(&manifest.to_string()).await.out();
    until(&pod, &node, "it is ready", |one| one["ready"] == true).await;

    plane.admin(&["delete", "configmap", &map]).await.out();
    account.control(&json!({"do": "health", "status": 500})).await;
    until(&pod, &node, "it waits", |one| one["state"]["waiting"]["reason"] == "CreateContainerConfigError").await;
    eventually("the machine is given back", async || {
        let billed = account.billed().await;
        if billed.is_empty() { Ok(()) } else { Err((billed, node.log())) }
    })
    .await;

    account.control(&json!({"do": "health", "status": 204})).await;
    plane.admin(&words).await.out();
    let again = until(&pod, &node, "it is ready again", |one| one["ready"] == true).await;
    let shown = &again["status"]["containerStatuses"][0];
    assert!(shown["restartCount"].as_u64() >= Some(1), "{shown}");
    assert_eq!(shown["lastState"]["terminated"]["exitCode"], 137, "{shown}");
    assert_eq!(account.billed().await.len(), 1);

    plane.admin(&["delete", "pod", &pod, "--timeout=60s"]).await.out();
    plane.admin(&["delete", "configmap", &map]).await.out();
    assert_eq!(account.billed().await, Vec::<Value>::new());
    node.end(process).await;
}
