//! A node that rents from a simulated account, each a process of its own.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use testkit::{Plane, Scratch, eventually, is_ready, shown};
pub use testkit::{RunPodAccount as Account, free_port};
use tokio::process::{Child, Command};

/// The program under test; the simulator is built beside it.
pub const KUBELET: &str = env!("CARGO_BIN_EXE_remotegpu-kubelet");

/// A node whose process may be started again and again.
pub struct Node {
    pub name: String,
    /// What its processes are called in the Lease of the lead.
    identity: String,
    account: String,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    port: u16,
    certificate: (PathBuf, PathBuf),
    kubeconfig: PathBuf,
    home: Scratch,
}

// === impl Node ===

impl Node {
    /// One that is not started yet.
    pub fn new(account: &Account, name: &str, flags: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            identity: name.to_owned(),
            account: account.url().to_owned(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            environment: Vec::new(),
            port: free_port(),
            certificate: Plane::current().kubelet_certificate(name),
            kubeconfig: Plane::current().kubeconfig("admin"),
            home: Scratch::new(),
        }
    }

    /// As another process with the same node's name: its processes are called so, and none is taken for the other's.
    pub fn called(mut self, identity: &str) -> Self {
        identity.clone_into(&mut self.identity);
        self
    }

    /// With one more variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Under the rights of this ServiceAccount instead of an administrator's.
    pub async fn under(mut self, namespace: &str, account: &str) -> Self {
        self.kubeconfig = Plane::current().kubeconfig_of(&self.home, namespace, account).await;
        self
    }

    /// Reaches the API server at this address only: a proxy's.
    pub fn through(mut self, server: &str) -> Self {
        let text = std::fs::read_to_string(&self.kubeconfig).unwrap();
        self.kubeconfig = self.home.secret("linked.yaml", &text.replace(&Plane::current().server(), server));
        self
    }

    /// Starts its process; what is particular to this machine is in the environment.
    pub fn start(&self) -> Child {
        let mut command = Command::new(KUBELET);
        command.arg(format!("--nodename={}", self.name)).args(&self.flags);
        // As a container that restarts in its pod: it need not wait for its own Lease.
        command.arg(format!("--leader-elect-identity={}", self.identity));
        command.env("KUBECONFIG", &self.kubeconfig).env("KUBELET_PORT", self.port.to_string());
        command.env("VKUBELET_POD_IP", "127.0.0.1");
        command.env("APISERVER_CERT_LOCATION", &self.certificate.0).env("APISERVER_KEY_LOCATION", &self.certificate.1);
        command.env("RUNPOD_API_KEY", "rpa_test").env("RUNPOD_API_URL", &self.account);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        run(&mut command, &self.home, "node")
    }

    /// Starts it and waits until the node is ready.
    pub async fn started(&self) -> Child {
        let process = self.start();
        eventually("the node is ready", async || {
            if is_ready(&shown("node", &self.name).await) { Ok(()) } else { Err(self.log()) }
        })
        .await;
        process
    }

    /// Its own metrics.
    pub async fn figures(&self) -> String {
        Plane::current().ask_kubelet(self.port, "/metrics").await
    }

    /// What its own metrics say of a figure with these labels.
    pub async fn figure(&self, name: &str, labels: &str) -> Option<u64> {
        let all = self.figures().await;
        let wanted = format!("{name}{{{labels}}} ");
        all.lines().find_map(|line| line.strip_prefix(&wanted)?.parse().ok())
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("node.log")).unwrap_or_default()
    }

    /// Ends the process and takes the node's object away.
    pub async fn end(&self, mut process: Child) {
        process.kill().await.unwrap();
        Plane::current().admin(&["delete", "node", &self.name]).await.out();
    }
}

/// A pod with one GPU that needs no scheduler.
pub fn bound_pod(name: &str, node: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
        "spec": {"nodeName": node, "terminationGracePeriodSeconds": 1, "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "app", "image": "nvidia/cuda:11.7.1-base-ubuntu22.04",
                "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}})
}

/// More calls than a test makes. Without a word of a quota a node paces itself to 60 calls a minute.
pub fn plenty() -> Value {
    json!({"minute": 1_000_000, "hour": 1_000_000, "day": 1_000_000})
}

/// Starts a program whose log is kept over several lives.
fn run(command: &mut Command, home: &Scratch, name: &str) -> Child {
    let log = home.path().join(format!("{name}.log"));
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    command.stdin(Stdio::null()).kill_on_drop(true).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().expect("the workspace's programs are built")
}
