//! A virtual node that belongs to one test: its own process, namespace and containers on the real engine.
//! Pods are bound to it by name and made by the cluster's admin, so the node alone decides what becomes of them.

use std::ops::Deref;
use std::path::Path;

use serde_json::{Value, json};
use testkit::{DockerNode, Followed, Plane, Ran, eventually, local_image, unique};
use tokio::process::Child;

pub struct Node {
    pub namespace: String,
    node: DockerNode,
}

impl Deref for Node {
    type Target = DockerNode;

    fn deref(&self) -> &DockerNode {
        &self.node
    }
}

impl Node {
    pub async fn new() -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_remotegpu-kubelet"));
        let node = Self { namespace: unique("pods"), node: DockerNode::new(program) };
        Plane::current().admin(&["create", "namespace", &node.namespace]).await.out();
        node
    }

    /// With one more flag.
    pub fn with(mut self, flag: &str) -> Self {
        self.node = self.node.with(flag);
        self
    }

    /// With the engine behind this socket instead of that of the test run.
    pub fn on(mut self, socket: &Path) -> Self {
        self.node.socket = socket.to_owned();
        self
    }

    /// kubectl as admin in the node's namespace.
    pub async fn kubectl(&self, arguments: &[&str]) -> Ran {
        let arguments: Vec<&str> = ["--namespace", &self.namespace].iter().chain(arguments).copied().collect();
        Plane::current().admin(&arguments).await
    }

    /// Follows a pod's log as admin; its first line has come.
    pub async fn follow(&self, pod: &str) -> Followed {
        let (plane, arguments) = (Plane::current(), ["--namespace", &self.namespace, "logs", "--follow", pod]);
        plane.follow(&plane.kubeconfig("admin"), &arguments, &[]).await
    }

    /// Waits until this is a container's log: what it writes first comes a moment after it runs.
    pub async fn logged(&self, pod: &str, container: &str, wanted: &str) {
        eventually(&format!("{pod}/{container} has said so"), async || {
            let log = self.kubectl(&["logs", pod, "-c", container]).await.out();
            if log == wanted { Ok(()) } else { Err(log) }
        })
        .await;
    }

    /// Applies objects of the node's namespace.
    pub async fn apply(&self, mut object: Value) {
        object["metadata"]["namespace"] = json!(self.namespace);
        Plane::current().admin_apply(&object.to_string()).await.out();
    }

    /// Makes a pod of this node; `spec` lacks only what every such pod has.
    pub async fn pod(&self, name: &str, mut spec: Value) {
        spec["nodeName"] = json!(self.name);
        spec["tolerations"] = json!([{"operator": "Exists"}]);
        if spec.get("terminationGracePeriodSeconds").is_none() {
            spec["terminationGracePeriodSeconds"] = json!(1);
        }
        for list in ["initContainers", "containers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                container["image"] = json!(local_image().await);
            }
        }
        self.apply(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})).await;
    }

    /// A pod with one container that runs this script of the shell.
    pub async fn script(&self, name: &str, script: &str) {
        self.pod(name, json!({"containers": [shell("app", script)]})).await;
    }

    pub async fn get(&self, pod: &str) -> Value {
        let ran = self.kubectl(&["get", "pod", pod, "--output=json"]).await;
        serde_json::from_str(&ran.stdout).unwrap_or_default()
    }

    /// Waits until the pod looks as wanted.
    pub async fn until(&self, pod: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || {
            let found = self.get(pod).await;
            if wanted(&found) { Ok(found) } else { Err((found["status"].clone(), self.log())) }
        })
        .await
    }

    pub async fn running(&self, pod: &str) -> Value {
        self.until(pod, "the pod is ready", |pod| {
            let all = pod["status"]["containerStatuses"].as_array();
            all.is_some_and(|all| !all.is_empty() && all.iter().all(|one| one["ready"] == true))
        })
        .await
    }

    /// Reasons of the events about a pod.
    pub async fn event(&self, pod: &str, reason: &str) -> String {
        let selector = format!("involvedObject.name={pod},reason={reason}");
        eventually("an event", async || {
            let path = "--output=jsonpath={.items[*].message}";
            let text = self.kubectl(&["get", "events", "--field-selector", &selector, path]).await.out();
            if text.is_empty() { Err(self.log()) } else { Ok(text) }
        })
        .await
    }

    /// Asks the kubelet API as the cluster's admin.
    pub async fn ask(&self, path: &str) -> String {
        Plane::current().ask_kubelet(self.port, path).await
    }

    /// Deletes everything of this node, process last.
    pub async fn end(self, mut process: Child) {
        let plane = Plane::current();
        plane.admin(&["delete", "namespace", &self.namespace, "--timeout=80s"]).await.out();
        process.kill().await.unwrap();
        plane.admin(&["delete", "node", &self.name]).await.out();
    }
}

/// A container that runs a script of the shell.
pub fn shell(name: &str, script: &str) -> Value {
    json!({"name": name, "command": ["/bin/sh", "-c", script]})
}
