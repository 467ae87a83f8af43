//! A virtual node that belongs to one test: its own process, namespace and containers on the real engine.
//! Pods are bound to it by name and made by the cluster's admin, so the node alone decides what becomes of them.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use testkit::{Plane, Ran, Scratch, engine_socket, eventually, local_image, unique};
use tokio::process::{Child, Command};

pub struct Node {
    pub name: String,
    pub namespace: String,
    pub socket: PathBuf,
    pub port: u16,
    home: Scratch,
    flags: Vec<String>,
}

impl Node {
    pub async fn new() -> Self {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let (name, namespace) = (unique("node"), unique("pods"));
        let node = Self { name, namespace, socket: engine_socket(), port, home: Scratch::new(), flags: Vec::new() };
        Plane::current().admin(&["create", "namespace", &node.namespace]).await.out();
        node
    }

    /// With one more flag.
    pub fn with(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    pub fn start(&self) -> Child {
        let log = self.home.path().join("node.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let (cert, key) = Plane::current().kubelet_certificate(&self.name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_remotegpu-kubelet"));
        command.args(["--nodename", &self.name, "--address", "127.0.0.1", "--port", &self.port.to_string()]);
        command.args(["--provider", "docker", "--provider-endpoint", &format!("unix://{}", self.socket.display())]);
        command.arg("--tls-cert-file").arg(cert).arg("--tls-key-file").arg(key).args(&self.flags);
        command.arg("--kubeconfig").arg(Plane::current().kubeconfig("admin")).args(["--capacity-cpu", "8"]);
        command.args(["--capacity-memory", "8Gi"]).stdin(Stdio::null()).kill_on_drop(true);
        command.stdout(log.try_clone().unwrap()).stderr(log).spawn().expect("remotegpu-kubelet is built")
    }

    /// Starts it and waits for the Node object.
    pub async fn started(&self) -> Child {
        let process = self.start();
        eventually("the node is there", async || {
            let ran = Plane::current().admin(&["get", "node", &self.name]).await;
            if ran.ok { Ok(()) } else { Err((ran.stderr, self.log())) }
        })
        .await;
        process
    }

    /// kubectl as admin in the node's namespace.
    pub async fn kubectl(&self, arguments: &[&str]) -> Ran {
        let arguments: Vec<&str> = ["--namespace", &self.namespace].iter().chain(arguments).copied().collect();
        Plane::current().admin(&arguments).await
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
        let url = format!("https://127.0.0.1:{}{path}", self.port);
        let (cert, key) = Plane::current().admin_certificate();
        let mut curl = Command::new("curl");
        curl.args(["-sk", "--cert"]).arg(cert).arg("--key").arg(key).arg(url);
        String::from_utf8(curl.output().await.unwrap().stdout).unwrap()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("node.log")).unwrap_or_default()
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
