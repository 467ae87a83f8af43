//! The virtual nodes: one `remotegpu-kubelet` per engine, each under its own identity.
//! `local` runs real containers where an engine was found; `simulated` stands for sixteen H100.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use localplane::{Ports, Stop, files, net, wait};

use super::cluster::Cluster;
use super::secrets::Secrets;
use super::serving;
use super::supervised::Supervised;
use super::{accounts, console};
use crate::say::Say;

const READY: Duration = Duration::from_secs(60);
const SIMULATED: &str = "simulated-h100";
const LOCAL: &str = "local";
const RUNPOD: &str = "virtual-runpod";
/// What the published example prints.
const RUNPOD_SETTINGS: &str = r#"{"processes": [{"image": "nvidia/cuda", "lines": ["GPU 0: simulated"]}]}"#;
/// Of the range that RFC 2544 sets aside for tests: no network routes it, and Go counts it as global unicast.
const DUMMY: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// What all nodes of one start share.
#[derive(Debug)]
pub struct Nodes<'a> {
    pub cluster: &'a Cluster,
    pub dir: &'a Path,
    pub program: &'a Path,
    pub ip: IpAddr,
    /// For tests: many run side by side and leave their pods where they are.
    pub throwaway: bool,
    /// Where imported accounts at RunPod are; RunPod itself if not given.
    pub runpod_api: Option<&'a str>,
    pub say: &'a Say,
    pub stop: &'a Stop,
}

impl Nodes<'_> {
    /// Starts the simulated node, and the local one if there is a container engine; gives their names.
    ///
    /// # Errors
    /// When a certificate cannot be made or the program not started.
    pub fn start(
        &self,
        socket: Option<&Path>,
        ports: &mut Ports,
        processes: &mut Supervised,
    ) -> Result<Vec<&'static str>> {
        let mut command = self.command(SIMULATED, "simulated", ports)?;
        command.args(["--provider", "simulated", "--gpu-model", "H100", "--gpu-count", "16", "--gpu-memory-gib", "80"]);
        // Sixteen times the largest SKU of one H100, and room for CPU SKUs beside it.
        command.args(["--capacity-cpu", "512", "--capacity-memory", "4096Gi"]);
        command.args(["--capacity-ephemeral-storage", "4096Gi", "--capacity-pods", "1000"]);
        processes.start("remotegpu-kubelet-simulated", &mut command)?;
        let Some(socket) = socket else { return Ok(vec![SIMULATED]) };
        let mut command = self.command(LOCAL, LOCAL, ports)?;
        let endpoint = format!("unix://{}", socket.display());
        command.args(["--provider", "docker", "--provider-endpoint", &endpoint]);
        let (cpu, memory) = if self.throwaway { offered(64, 64) } else { offered(16, 8) };
        command.args(["--capacity-cpu", &cpu.to_string(), "--capacity-memory", &format!("{memory}Gi")]);
        command.args(["--capacity-ephemeral-storage", "400Gi", "--capacity-pods", "110"]);
        processes.start("remotegpu-kubelet-local", &mut command)?;
        Ok(vec![SIMULATED, LOCAL])
    }

    /// Starts a RunPod node by its published defaults, and the simulated account behind it; gives its name.
    ///
    /// # Errors
    /// As [`Nodes::start`].
    pub fn start_runpod(
        &self,
        simulator: &Path,
        ports: &mut Ports,
        processes: &mut Supervised,
    ) -> Result<&'static str> {
        let port = ports.get("runpod-sim", Ipv4Addr::LOCALHOST.into())?;
        let settings = self.dir.join("runpod-sim.json");
        files::write_private(&settings, RUNPOD_SETTINGS.as_bytes())?;
        let mut command = Command::new(simulator);
        command.args(["--listen", &format!("127.0.0.1:{port}")]).arg("--settings").arg(settings);
        processes.start("runpod-sim", &mut command)?;
        let mut command = self.command(RUNPOD, "runpod", ports)?;
        command.args(["--provider", "runpod", "--runpod-api-url", &format!("http://127.0.0.1:{port}")]);
        command
            .args(["--reconcile-interval", "3", "--max-hourly-cost", "10", "--health-server-address="])
            .env("RUNPOD_API_KEY", "demo");
        processes.start("remotegpu-kubelet-runpod", &mut command)?;
        self.say.step(format!("The simulated RunPod account shows itself at http://127.0.0.1:{port}"));
        Ok(RUNPOD)
    }

    /// Starts the process that runs the nodes of imported engines; there are none at first.
    ///
    /// # Errors
    /// As [`Nodes::start`].
    pub fn start_imported(
        &self,
        console: &Path,
        database: &str,
        secrets: &Secrets,
        processes: &mut Supervised,
    ) -> Result<()> {
        let serving = serving::certificate(self.cluster, "remotegpu-nodes", self.ip, self.say, self.stop)?;
        let mut command = Command::new(console);
        command.env("REMOTEGPU_DATABASE", database).arg("nodes").arg("--nodes-address").arg(self.ip.to_string());
        command.arg("--nodes-kubeconfig").arg(accounts::path(self.dir, "nodes"));
        command.arg("--kek-file").arg(&secrets.kek).arg("--audit-key-file").arg(&secrets.audit_key);
        command.arg("--nodes-tls-cert-file").arg(serving.cert).arg("--nodes-tls-key-file").arg(serving.key);
        if let Some(client_ca) = &self.cluster.client_ca_file {
            command.arg("--nodes-client-ca-file").arg(client_ca);
        }
        if self.throwaway {
            command.arg("--outbound-allowed-networks").arg(console::TEST_NETWORK);
        }
        if let Some(url) = self.runpod_api {
            command.arg("--runpod-api-url").arg(url);
        }
        processes.start("remotegpu-nodes", &mut command)
    }

    fn command(&self, node: &str, engine: &str, ports: &mut Ports) -> Result<Command> {
        let port = ports.get(&format!("kubelet-{node}"), self.ip)?;
        let serving = serving::certificate(self.cluster, node, self.ip, self.say, self.stop)?;
        let mut command = Command::new(self.program);
        command.args(["--nodename", node, "--engine", engine]);
        // Of this directory's nodes one process runs at a time: the next start need not wait for what was killed.
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        command.arg("--leader-elect-identity").arg(format!("{}:{}", host.trim(), self.dir.display()));
        if engine != "runpod" {
            // The published example carries no label of ours.
            command.args(["--require-pod-label", "remotegpu.ai/sku-code"]);
        }
        command.arg("--kubeconfig").arg(accounts::path(self.dir, &format!("node-{engine}")));
        command.arg("--address").arg(self.ip.to_string()).arg("--port").arg(port.to_string());
        command.arg("--tls-cert-file").arg(serving.cert).arg("--tls-key-file").arg(serving.key);
        if let Some(client_ca) = &self.cluster.client_ca_file {
            command.arg("--client-ca-file").arg(client_ca);
        }
        Ok(command)
    }

    /// Waits until the scheduler may use all of `names`.
    ///
    /// # Errors
    /// When a node's process dies or takes too long.
    pub fn wait_until_ready(&self, names: &[&str], processes: &mut Supervised, stop: &Stop) -> Result<()> {
        let ready = "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}";
        for name in names {
            wait::until(&format!("the node {name}"), READY, stop, || {
                processes.ensure_alive()?;
                let status = self.cluster.kubectl.run(&["get", "node", name, ready]).unwrap_or_default();
                Ok((status == "True").then_some(()))
            })?;
        }
        Ok(())
    }
}

/// Cores and GiB that the local node offers. Many times what the machine has: a SKU is a limit, a first look is mostly
/// idle, and a laptop must be able to show more than one pod.
fn offered(per_core: usize, times: u64) -> (usize, u64) {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    let gib = total.unwrap_or(8 << 20_u64) >> 20;
    (cores.max(2) * per_core, (gib * times).max(128))
}

/// The address on which kubelet APIs listen: the machine's own; without one a dummy interface (root only), else loopback.
pub fn address(say: &Say) -> IpAddr {
    if let Some(ip) = net::host_ipv4() {
        return ip.into();
    }
    if nix::unistd::geteuid().is_root() && make_dummy() {
        say.step(format!(
            "This machine has no address of its own: kubelet APIs listen on {DUMMY} of a dummy interface"
        ));
        return DUMMY.into();
    }
    say.step("This machine has no address beside loopback: logs and exec work, the API server's node proxy does not");
    Ipv4Addr::LOCALHOST.into()
}

fn make_dummy() -> bool {
    let ip = |arguments: &[&str]| Command::new("ip").args(arguments).output().is_ok_and(|out| out.status.success());
    ip(&["link", "add", "remotegpu0", "type", "dummy"])
        && ip(&["address", "add", &format!("{DUMMY}/32"), "dev", "remotegpu0"])
        && ip(&["link", "set", "remotegpu0", "up"])
}
