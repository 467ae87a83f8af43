//! A node process killed with -9 loses no container and doubles none (`virtual-node.md` §3). It has a node of its own, so
//! that no other test's pods are touched.

use std::path::Path;

use serde_json::{Value, json};
use testkit::{DockerNode, Plane, containers_of_pod, eventually, local_image, unique};

use crate::CONSOLE;

async fn pod(name: &str) -> Value {
    let ran = Plane::current().admin(&["get", "pod", name, "--output=json"]).await;
    serde_json::from_str(&ran.stdout).unwrap_or_default()
}

async fn running(name: &str, node: &DockerNode) -> Value {
    eventually("the pod runs", async || {
        let pod = pod(name).await;
        let ready = pod["status"]["containerStatuses"][0]["ready"] == true;
        if ready { Ok(pod) } else { Err((pod["status"].clone(), node.log())) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_killed_with_nine_finds_its_container_again_and_starts_no_other() {
    // Built beside the console.
    let program = Path::new(CONSOLE).with_file_name("remotegpu-kubelet");
    let (plane, node) = (Plane::current(), DockerNode::new(&program));
    let mut process = node.started().await;
    let pod = unique("survivor");
    let manifest = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod}, "spec": {
        "nodeName": node.name, "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false,
        "tolerations": [{"operator": "Exists"}], "containers": [{"name": "app", "image": local_image().await}],
    }});
    plane.admin_apply(&manifest.to_string()).await.out();
    let before = running(&pod, &node).await;
    let uid = before["metadata"]["uid"].as_str().unwrap().to_owned();
    let ids = containers_of_pod(&uid).await;
    assert_eq!(ids.len(), 1);

    process.kill().await.unwrap();
    assert_eq!(containers_of_pod(&uid).await, ids, "the container outlives its node's process");
    let heartbeat = |node: &Value| {
        let all = node["status"]["conditions"].as_array().unwrap().clone();
        all.iter().find(|one| one["type"] == "Ready").unwrap()["lastHeartbeatTime"].clone()
    };
    let seen = async || -> Value {
        serde_json::from_str(&plane.admin(&["get", "node", &node.name, "--output=json"]).await.out()).unwrap()
    };
    let beat = heartbeat(&seen().await);
    let mut process = node.start();
    eventually(
        "the node reports again",
        async || {
            if heartbeat(&seen().await) == beat { Err(node.log()) } else { Ok(()) }
        },
    )
    .await;
    // A pod that comes now is dealt with after the first look at the engine: whatever that did, it has done.
    let later = unique("later");
    let mut manifest = manifest;
    manifest["metadata"]["name"] = json!(later);
    plane.admin_apply(&manifest.to_string()).await.out();
    running(&later, &node).await;
    let after = running(&pod, &node).await;
    let status = |pod: &Value| pod["status"]["containerStatuses"][0].clone();
    assert_eq!(status(&after)["containerID"], status(&before)["containerID"]);
    assert_eq!((&status(&after)["restartCount"], &after["metadata"]["uid"]), (&json!(0), &json!(uid)));
    assert_eq!(containers_of_pod(&uid).await, ids, "neither lost nor doubled");

    plane.admin(&["delete", "pod", &pod, &later, "--timeout=60s"]).await.out();
    assert_eq!(containers_of_pod(&uid).await, Vec::<String>::new());
    process.kill().await.unwrap();
    plane.admin(&["delete", "node", &node.name]).await.out();
}
