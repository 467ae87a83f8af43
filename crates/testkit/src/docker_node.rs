//! A virtual node on the real container engine, as a process that may be killed and started again.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::{OtherPlane, Plane, Scratch, engine_socket, eventually, unique};

/// One node of one test, with the settings of its process.
pub struct DockerNode {
    /// Name of the Node object.
    pub name: String,
    /// Where its engine listens.
    pub socket: PathBuf,
    /// Port of its kubelet API on 127.0.0.1.
    pub port: u16,
    program: PathBuf,
    kubeconfig: PathBuf,
    certificate: (PathBuf, PathBuf),
    home: Scratch,
    flags: Vec<String>,
}

impl DockerNode {
    /// One that is not started yet; `program` is `remotegpu-kubelet`.
    pub fn new(program: &Path) -> Self {
        let port = crate::free_port();
        let (name, program, plane) = (unique("node"), program.to_owned(), Plane::current());
        let (kubeconfig, certificate) = (plane.kubeconfig("admin"), plane.kubelet_certificate(&name));
        let (socket, home, flags) = (engine_socket(), Scratch::new(), Vec::new());
        Self { name, socket, port, program, kubeconfig, certificate, home, flags }
    }

    /// A node of this cluster instead of the one of the test run.
    pub fn of(mut self, plane: &OtherPlane) -> Self {
        self.kubeconfig = plane.kubeconfig();
        self.certificate = plane.kubelet_certificate(&self.name);
        self
    }

    /// With one more flag.
    pub fn with(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// Starts its process.
    pub fn start(&self) -> Child {
        let log = self.home.path().join("node.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let (cert, key) = &self.certificate;
        let mut command = Command::new(&self.program);
        command.args(["--nodename", &self.name, "--address", "127.0.0.1", "--port", &self.port.to_string()]);
        command.args(["--provider", "docker", "--provider-endpoint", &format!("unix://{}", self.socket.display())]);
        command.arg("--tls-cert-file").arg(cert).arg("--tls-key-file").arg(key).args(&self.flags);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(["--capacity-cpu", "8"]);
        // As a container that restarts in its pod: it need not wait for its own Lease.
        command.args(["--leader-elect-identity", &self.name]);
        command.args(["--capacity-memory", "8Gi"]).stdin(Stdio::null()).kill_on_drop(true);
        command.stdout(log.try_clone().unwrap()).stderr(log).spawn().expect("remotegpu-kubelet is built")
    }

    /// Starts it and waits for the Node object in the cluster of the test run.
    pub async fn started(&self) -> Child {
        let process = self.start();
        eventually("the node is there", async || {
            let ran = Plane::current().admin(&["get", "node", &self.name]).await;
            if ran.ok { Ok(()) } else { Err((ran.stderr, self.log())) }
        })
        .await;
        process
    }

    /// What its processes wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("node.log")).unwrap_or_default()
    }
}
