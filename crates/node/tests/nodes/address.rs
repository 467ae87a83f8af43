//! A pod that reads its own address (`status.podIP`) is told the one that it then has, on the real engine.

use serde_json::{Value, json};

use crate::own_node::{Node, shell};

/// A container that says its address and stays.
fn reader(name: &str, then: &str) -> Value {
    let mut container = shell(name, &format!("echo $URL; {then}"));
    container["env"] = json!([
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "URL", "value": "http://$(IP):80"},
    ]);
    container
}

#[tokio::test(flavor = "multi_thread")]
async fn every_container_is_told_the_address_that_its_pod_has() {
    let node = Node::new().await;
    let process = node.started().await;
    let spec = || {
        json!({
            "initContainers": [reader("first", "true")],
            "containers": [reader("app", "sleep 1000"), reader("side", "sleep 1000")],
        })
    };
    node.pod("one", spec()).await;
    node.pod("two", spec()).await;
    let mut addresses = Vec::new();
    for name in ["one", "two"] {
        let pod = node.running(name).await;
        let address = pod["status"]["podIP"].as_str().unwrap().to_owned();
        for container in ["first", "app", "side"] {
            node.logged(name, container, &format!("http://{address}:80\n")).await;
        }
        // It is the container's own and not only a word.
        let held = node.kubectl(&["exec", name, "-c", "app", "--", "/bin/busybox", "ip", "-4", "address"]).await.out();
        assert!(held.contains(&format!("inet {address}/")), "{held}");
        addresses.push(address);
    }
    assert_ne!(addresses[0], addresses[1]);
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_address_that_a_pod_was_told() {
    let node = Node::new().await;
    let process = node.started().await;
    node.pod("web", json!({"containers": [reader("app", "until [ -e /end ]; do sleep 1; done")]})).await;
    let before = node.running("web").await["status"]["podIP"].clone();
    node.kubectl(&["exec", "web", "--", "touch", "/end"]).await.out();
    let restarted = node
        .until("web", "it was restarted and is well again", |pod| {
            let status = &pod["status"]["containerStatuses"][0];
            status["restartCount"].as_u64().is_some_and(|count| count > 0) && status["ready"] == true
        })
        .await;
    let address = restarted["status"]["podIP"].as_str().unwrap();
    node.logged("web", "app", &format!("http://{address}:80\n")).await;
    assert_eq!(restarted["status"]["podIP"], before);
    node.end(process).await;
}
