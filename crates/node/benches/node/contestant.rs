//! The two nodes: processes of their own, measured by what Linux says about them.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Plane, Scratch, eventually};
use tokio::process::{Child, Command};

/// Ticks of the processor clock in `/proc`, a second: `USER_HZ`, 100 on every Linux.
const TICKS: f64 = 100.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Kwok,
    Ours,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Kwok => "KWOK",
            Self::Ours => "remotegpu-kubelet",
        }
    }
}

/// A running node.
pub struct Contestant {
    pub name: String,
    kind: Kind,
    port: u16,
    home: Scratch,
    process: Child,
}

impl Contestant {
    /// Starts the process and waits until its Node is ready.
    pub async fn start(kind: Kind, name: &str) -> Self {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let home = Scratch::new();
        if kind == Kind::Kwok {
            let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {
                "name": name, "annotations": {"kwok.x-k8s.io/node": "fake"}, "labels": {"bench": name}}});
            Plane::current().admin_apply(&node.to_string()).await.out();
        }
        let process = spawn(kind, name, port, &home);
        let this = Self { name: name.to_owned(), kind, port, home, process };
        eventually("the node is ready", async || {
            let path = "--output=jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
            let ran = Plane::current().admin(&["get", "node", name, path]).await;
            if ran.stdout == "True" { Ok(()) } else { Err((ran.stderr, this.log())) }
        })
        .await;
        this
    }

    /// Ends the process at once, starts it again, and waits until it runs `wanted` pods; seconds.
    pub async fn restart_until_adopted(&mut self, wanted: usize) -> f64 {
        self.process.kill().await.unwrap();
        let start = Instant::now();
        self.process = spawn(self.kind, &self.name, self.port, &self.home);
        let line = format!("remotegpu_node_pods_by_phase{{phase=\"Running\"}} {wanted}");
        while !self.figures().await.lines().any(|found| found == line) {
            assert!(
                start.elapsed() < Duration::from_secs(300),
                "not adopted: {}\n{}",
                self.figures().await,
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        start.elapsed().as_secs_f64()
    }

    async fn figures(&self) -> String {
        let (cert, key) = Plane::current().admin_certificate();
        let mut curl = Command::new("curl");
        curl.args(["-sk", "--cert"]).arg(cert).arg("--key").arg(key);
        let output = curl.arg(format!("https://127.0.0.1:{}/metrics", self.port)).output().await.unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Processor time so far, user and system.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id().unwrap())).unwrap();
        // The name in brackets may hold blanks; user and system time are the 14th and 15th field of all.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS
    }

    /// Resident memory, MiB.
    pub fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id().unwrap())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("Linux says what is resident");
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    pub async fn end(mut self) {
        self.process.kill().await.unwrap();
        Plane::current().admin(&["delete", "node", &self.name]).await.out();
    }
}

fn spawn(kind: Kind, name: &str, port: u16, home: &Scratch) -> Child {
    let log = home.path().join("log");
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    let kubeconfig = Plane::current().kubeconfig("admin");
    let mut command = match kind {
        Kind::Kwok => {
            let program = std::env::var_os("REMOTEGPU_TEST_KWOK").expect("use `cargo xtask bench node`");
            let mut command = Command::new(PathBuf::from(program));
            command.args(["--manage-all-nodes=false", &format!("--manage-nodes-with-label-selector=bench={name}")]);
            command.args(["--node-lease-duration-seconds=40", &format!("--server-address=127.0.0.1:{port}")]);
            command
        }
        Kind::Ours => {
            let (cert, key) = Plane::current().kubelet_certificate(name);
            let mut command = Command::new(env!("CARGO_BIN_EXE_remotegpu-kubelet"));
            command.args(["--nodename", name, "--provider", "simulated", "--address", "127.0.0.1"]);
            command.args(["--port", &port.to_string(), "--log-level", "warn"]);
            command.arg("--tls-cert-file").arg(cert).arg("--tls-key-file").arg(key);
            command
        }
    };
    // KWOK keeps its own settings below the home folder.
    command.arg("--kubeconfig").arg(kubeconfig).env("HOME", home.path()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().expect("the node can be started")
}
