//! The nodes: processes of their own, measured by what Linux and their own figures say about them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Plane, Scratch, eventually, resident_mib};
use tokio::process::{Child, Command};

/// Ticks of the processor clock in `/proc`, a second: `USER_HZ`, 100 on every Linux.
const TICKS: f64 = 100.0;
/// What KWOK publishes to make pods ready and to delete them, and what keeps its node alive.
const STAGES: [&str; 5] = [
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
];
/// KWOK works on four pods at a time unless it is told otherwise, our node on 128. The rest are its defaults, which it forgets
/// where a file of settings is given.
const WIDE: &str = "apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options:
  podPlayStageParallelism: 128
  nodePlayStageParallelism: 4
  nodeLeaseParallelism: 4
  podsOnNodeSyncParallelism: 1
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As published.
    Kwok,
    /// With as many workers as ours.
    KwokWide,
    /// With the simulated engine.
    Ours,
    /// Ours on a simulated account at RunPod, whose instances outlive the process.
    Renting,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Kwok => "KWOK",
            Self::KwokWide => "KWOK, 128 at a time",
            Self::Ours => "remotegpu-kubelet",
            Self::Renting => "the same on RunPod",
        }
    }

    fn is_ours(self) -> bool {
        matches!(self, Self::Ours | Self::Renting)
    }
}

/// What a node did between two moments, by its own count.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    pub creates: u64,
    pub lists: u64,
    pub status_writes: u64,
}

/// A running node.
pub struct Contestant {
    pub name: String,
    kind: Kind,
    port: u16,
    /// Address of the account that it rents from; empty for the others.
    account: String,
    home: Scratch,
    process: Child,
}

impl Contestant {
    /// Starts the process and waits until its Node is ready.
    pub async fn start(kind: Kind, name: &str, account: &str) -> Self {
        let port = testkit::free_port();
        let home = Scratch::new();
        if !kind.is_ours() {
            let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {
                "name": name, "annotations": {"kwok.x-k8s.io/node": "fake"}, "labels": {"bench": name}}});
            Plane::current().admin_apply(&node.to_string()).await.out();
        }
        let process = spawn(kind, name, port, account, &home);
        let this = Self { name: name.to_owned(), kind, port, account: account.to_owned(), home, process };
        eventually("the node is ready", async || {
            let path = "--output=jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
            let ran = Plane::current().admin(&["get", "node", name, path]).await;
            if ran.stdout == "True" { Ok(()) } else { Err((ran.stderr, this.log())) }
        })
        .await;
        this
    }

    /// Ends the process at once, starts it again, and waits until it knows `wanted` running pods and their instances:
    /// seconds, and what it did in them.
    pub async fn restart_until_adopted(&mut self, wanted: usize) -> (f64, Work) {
        self.process.kill().await.unwrap();
        let start = Instant::now();
        self.process = spawn(self.kind, &self.name, self.port, &self.account, &self.home);
        let known = [
            format!("remotegpu_node_pods_by_phase{{phase=\"Running\"}} {wanted}"),
            format!("remotegpu_node_instances {wanted}"),
        ];
        loop {
            let figures = self.figures().await;
            if known.iter().all(|wanted| figures.lines().any(|found| found == wanted)) {
                return (start.elapsed().as_secs_f64(), work(&figures));
            }
            let waited = start.elapsed();
            assert!(waited < Duration::from_secs(250), "not adopted: {figures}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What it did so far.
    pub async fn work(&self) -> Work {
        work(&self.figures().await)
    }

    /// Waits until the engine runs this pod no more, as the node tells it.
    pub async fn until_not_running(&self, uid: &str) {
        let start = Instant::now();
        loop {
            let running = Plane::current().ask_kubelet(self.port, "/runningpods/").await;
            // No answer at all is no pod less.
            if running.contains("PodList") && !running.contains(uid) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{uid} still runs\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn figures(&self) -> String {
        Plane::current().ask_kubelet(self.port, "/metrics").await
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
        resident_mib(self.process.id().unwrap())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    pub async fn end(mut self) {
        self.process.kill().await.unwrap();
        Plane::current().admin(&["delete", "node", &self.name]).await.out();
    }
}

// === impl Work ===

impl Work {
    /// What came on top of `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            creates: self.creates - before.creates,
            lists: self.lists - before.lists,
            status_writes: self.status_writes - before.status_writes,
        }
    }
}

fn work(figures: &str) -> Work {
    let sum = |begin: &str| -> u64 {
        let counts = figures.lines().filter(|line| line.starts_with(begin));
        counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
    };
    Work {
        creates: sum("remotegpu_node_engine_calls_total{call=\"create\""),
        lists: sum("remotegpu_node_engine_calls_total{call=\"list\""),
        status_writes: sum("remotegpu_node_status_writes_total "),
    }
}

fn spawn(kind: Kind, name: &str, port: u16, account: &str, home: &Scratch) -> Child {
    let log = home.path().join("log");
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    let mut command =
        if kind.is_ours() { ours(kind, name, port, account) } else { kwok(kind, name, port, home.path()) };
    command.arg("--kubeconfig").arg(Plane::current().kubeconfig("admin"));
    // KWOK keeps its own settings below the home folder.
    command.env("HOME", home.path()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().expect("the node can be started")
}

fn kwok(kind: Kind, name: &str, port: u16, home: &Path) -> Command {
    let mut command = Command::new(given("REMOTEGPU_TEST_KWOK"));
    command.args(["--manage-all-nodes=false", &format!("--manage-nodes-with-label-selector=bench={name}")]);
    command.args(["--node-lease-duration-seconds=40", &format!("--server-address=127.0.0.1:{port}")]);
    let stages = PathBuf::from(given("REMOTEGPU_TEST_KWOK_STAGES"));
    for stage in STAGES {
        command.arg("--config").arg(stages.join(stage));
    }
    if kind == Kind::KwokWide {
        let settings = home.join("kwok.yaml");
        std::fs::write(&settings, WIDE).unwrap();
        command.arg("--config").arg(settings);
    }
    command
}

fn ours(kind: Kind, name: &str, port: u16, account: &str) -> Command {
    let (cert, key) = Plane::current().kubelet_certificate(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_remotegpu-kubelet"));
    command.args(["--nodename", name, "--address", "127.0.0.1", "--port", &port.to_string(), "--log-level", "warn"]);
    command.arg("--tls-cert-file").arg(cert).arg("--tls-key-file").arg(key);
    // As a container that restarts in its pod: it need not wait for its own Lease.
    command.args(["--leader-elect-identity", name]);
    if kind == Kind::Renting {
        command.args(["--provider", "runpod", "--reconcile-interval", "5", "--health-server-address="]);
        command.env("RUNPOD_API_KEY", "rpa_bench").env("RUNPOD_API_URL", account);
    } else {
        command.args(["--provider", "simulated"]);
    }
    command
}

fn given(variable: &str) -> OsString {
    std::env::var_os(variable).expect("use `cargo xtask bench node`")
}
