//! A node process killed with -9 loses no container and doubles none (`virtual-node.md` §3). It has a node of its own, so
//! that no other test's pods are touched.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use testkit::{Plane, Scratch, containers_of_pod, engine_socket, eventually, local_image, unique};
use tokio::process::{Child, Command};

use crate::CONSOLE;

struct Node {
    name: String,
    socket: PathBuf,
    port: u16,
    home: Scratch,
}

impl Node {
    fn new() -> Self {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        Self { name: unique("node"), socket: engine_socket(), port, home: Scratch::new() }
    }

    fn start(&self) -> Child {
        let log = self.home.path().join("node.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        // Built beside the console.
        let mut command = Command::new(Path::new(CONSOLE).with_file_name("remotegpu-kubelet"));
        command.args(["--nodename", &self.name, "--address", "127.0.0.1", "--port", &self.port.to_string()]);
        command.args(["--provider", "docker", "--provider-endpoint", &format!("unix://{}", self.socket.display())]);
        command.arg("--kubeconfig").arg(Plane::current().kubeconfig("admin")).args(["--capacity-cpu", "8"]);
        command.args(["--capacity-memory", "8Gi"]).stdin(Stdio::null()).kill_on_drop(true);
        command.stdout(log.try_clone().unwrap()).stderr(log).spawn().expect("remotegpu-kubelet is built")
    }

    async fn pod(&self, name: &str) -> Value {
        let ran = Plane::current().admin(&["get", "pod", name, "--output=json"]).await;
        serde_json::from_str(&ran.stdout).unwrap_or_default()
    }

    async fn running(&self, name: &str) -> Value {
        eventually("the pod runs", async || {
            let pod = self.pod(name).await;
            let ready = pod["status"]["containerStatuses"][0]["ready"] == true;
            if ready { Ok(pod) } else { Err((pod["status"].clone(), self.log())) }
        })
        .await
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("node.log")).unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_killed_with_nine_finds_its_container_again_and_starts_no_other() {
    let (plane, node) = (Plane::current(), Node::new());
    let mut process = node.start();
    let pod = unique("survivor");
    let manifest = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod}, "spec": {
        "nodeName": node.name, "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false,
        "tolerations": [{"operator": "Exists"}], "containers": [{"name": "app", "image": local_image().await}],
    }});
    eventually("the node is there", async || {
        let ran = plane.admin(&["get", "node", &node.name]).await;
        if ran.ok { Ok(()) } else { Err((ran.stderr, node.log())) }
    })
    .await;
    plane.admin_apply(&manifest.to_string()).await.out();
    let before = node.running(&pod).await;
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
    node.running(&later).await;
    let after = node.running(&pod).await;
    let status = |pod: &Value| pod["status"]["containerStatuses"][0].clone();
    assert_eq!(status(&after)["containerID"], status(&before)["containerID"]);
    assert_eq!((&status(&after)["restartCount"], &after["metadata"]["uid"]), (&json!(0), &json!(uid)));
    assert_eq!(containers_of_pod(&uid).await, ids, "neither lost nor doubled");

    plane.admin(&["delete", "pod", &pod, &later, "--timeout=60s"]).await.out();
    assert_eq!(containers_of_pod(&uid).await, Vec::<String>::new());
    process.kill().await.unwrap();
    plane.admin(&["delete", "node", &node.name]).await.out();
}
