//! A node process killed with -9 loses no container and doubles none (`virtual-node.md` §3). It has a node of its own, so
//! that no other test's pods are touched.

use serde_json::{Value, json};
use testkit::{Plane, eventually};

use crate::own_node::Node;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_killed_with_nine_finds_its_container_again_and_starts_no_other() {
    let (plane, node) = (Plane::current(), Node::new().await);
    let mut process = node.started().await;
    let spec = json!({"automountServiceAccountToken": false, "containers": [{"name": "app"}]});
    node.pod("survivor", spec.clone()).await;
    let before = node.running("survivor").await;
    let uid = before["metadata"]["uid"].as_str().unwrap().to_owned();
    let ids = node.containers(&uid).await;
    assert_eq!(ids.len(), 1);

    process.kill().await.unwrap();
    assert_eq!(node.containers(&uid).await, ids, "the container outlives its node's process");
    let heartbeat = |node: &Value| {
        let all = node["status"]["conditions"].as_array().unwrap().clone();
        all.iter().find(|one| one["type"] == "Ready").unwrap()["lastHeartbeatTime"].clone()
    };
    let seen = async || -> Value {
        serde_json::from_str(&plane.admin(&["get", "node", &node.name, "--output=json"]).await.out()).unwrap()
    };
    let beat = heartbeat(&seen().await);
    let process = node.start();
    eventually(
        "the node reports again",
        async || {
            if heartbeat(&seen().await) == beat { Err(node.log()) } else { Ok(()) }
        },
    )
    .await;
    // A pod that comes now is dealt with after the first look at the engine: whatever that did, it has done.
    node.pod("later", spec).await;
    node.running("later").await;
    let after = node.running("survivor").await;
    let status = |pod: &Value| pod["status"]["containerStatuses"][0].clone();
    assert_eq!(status(&after)["containerID"], status(&before)["containerID"]);
    assert_eq!((&status(&after)["restartCount"], &after["metadata"]["uid"]), (&json!(0), &json!(uid)));
    assert_eq!(node.containers(&uid).await, ids, "neither lost nor doubled");

    node.kubectl(&["delete", "pod", "survivor", "later", "--timeout=60s"]).await.out();
    assert_eq!(node.containers(&uid).await, Vec::<String>::new());
    node.end(process).await;
}
