//! `kubectl top` as on any other node: metrics-server asks ours and answers kubectl behind the API server. On a control
//! plane of its own: an API server behind another is seen by everybody who uses that one.

use std::path::Path;

use serde_json::json;
use testkit::{DockerNode, MetricsServer, OtherPlane, eventually, left_out, local_image, unique};

/// The two figures in millicores and MiB, as `kubectl top` prints them.
fn figures(line: &str) -> Option<(u64, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |unit: &str| words.iter().find_map(|word| word.strip_suffix(unit)?.parse().ok());
    Some((number("m")?, number("Mi")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_top_shows_what_a_node_and_its_pods_use() {
    let plane = OtherPlane::aggregating().await;
    let Some(server) = MetricsServer::start(&plane).await else {
        return left_out("kubectl top: this machine has no address but loopback");
    };
    let node = DockerNode::new(Path::new(env!("CARGO_BIN_EXE_remotegpu-kubelet"))).of(&plane);
    let mut process = node.start();
    // The engine has a network for each namespace, whichever cluster that is in.
    let namespace = unique("top");
    plane.admin(&["create", "namespace", &namespace]).await.out();
    let container = json!({"name": "app", "image": local_image().await,
        "command": ["/bin/sh", "-c", "while :; do :; done"]});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "busy", "namespace": namespace},
        "spec": {"nodeName": node.name, "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false,
            "tolerations": [{"operator": "Exists"}], "containers": [container]}});
    eventually("the pod can be made: its namespace has its ServiceAccount", async || {
        let ran = plane.admin_apply(&pod.to_string()).await;
        if ran.ok { Ok(()) } else { Err(ran.stderr) }
    })
    .await;
    let top = async |arguments: &[&str]| {
        eventually(&format!("{arguments:?}"), async || {
            let ran = plane.admin(&[arguments, &["--no-headers"]].concat()).await;
            figures(&ran.stdout).ok_or_else(|| (ran.stdout.clone(), ran.stderr.clone(), server.log(), node.log()))
        })
        .await
    };
    let (millicores, _) = top(&["top", "pod", "busy", "--namespace", &namespace]).await;
    assert!(millicores > 0, "an endless loop takes time");
    let (millicores, _) = top(&["top", "node", node.name.as_str()]).await;
    assert!(millicores > 0, "a node uses what its containers use");
    plane.admin(&["delete", "pod", "busy", "--namespace", &namespace, "--timeout=60s"]).await.out();
    process.kill().await.unwrap();
}
