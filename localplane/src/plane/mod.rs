//! The running control plane: etcd, API server, controller manager and scheduler of one data directory.
//! Starts them in order, says when the cluster is usable, and stops them in the opposite order.

mod components;
mod start;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::kubeconfig::{self, Identity};
use crate::wait::Stop;
use crate::{Binaries, Kubectl, Pki, Ports, Process, files};

/// What a control plane needs to know.
#[derive(Clone, Debug)]
pub struct PlaneConfig {
    /// Holds `pki/`, `etcd/`, `kubeconfigs/`, `logs/` and `ports.json`.
    pub dir: PathBuf,
    /// Where the API server listens.
    pub bind: IpAddr,
    /// This machine's own address, if it has one beside loopback.
    pub host: Option<IpAddr>,
    /// Data need not survive a power cut: etcd then skips fsync. For tests only.
    pub throwaway: bool,
    /// The variable `GOGC` of its programs, if not Go's own choice: a larger one trades memory for time.
    pub gogc: Option<&'static str>,
    /// Other API servers may stand behind this one; it calls them at their endpoints, as nothing here is a Service's proxy.
    pub aggregation: bool,
    /// Ends a start that is under way.
    pub stop: Stop,
}

impl PlaneConfig {
    /// A control plane on loopback with data in `dir`.
    pub fn new(dir: &Path) -> Self {
        let host = crate::net::host_ipv4().map(IpAddr::from);
        let (bind, stop) = (Ipv4Addr::LOCALHOST.into(), Stop::default());
        Self { dir: dir.to_owned(), bind, host, throwaway: false, gogc: None, aggregation: false, stop }
    }
}

/// Told the name and process id of each process that was started.
pub type Note<'a> = &'a mut dyn FnMut(&str, u32) -> Result<()>;

/// A running control plane. Dropping it stops it.
#[derive(Debug)]
pub struct Plane {
    /// In the order of their start.
    processes: Vec<Process>,
    server: String,
    kubectl: Kubectl,
    pki: Pki,
}

impl Plane {
    /// Starts all four and waits until the API server says ready and its controllers work.
    ///
    /// # Errors
    /// When a process ends during the start (its name and last log lines), or takes too long.
    pub fn start(config: &PlaneConfig, binaries: &Binaries) -> Result<Self> {
        Self::start_noting(config, binaries, &mut |_, _| Ok(()))
    }

    /// As [`Plane::start`]; `note` is told the name and process id of each process as soon as it runs, for callers that
    /// must find it again after they were killed.
    ///
    /// # Errors
    /// As [`Plane::start`], and what `note` returns.
    pub fn start_noting(config: &PlaneConfig, binaries: &Binaries, note: Note) -> Result<Self> {
        files::private_dir(&config.dir)?;
        let dir = config.dir.canonicalize().with_context(|| format!("cannot open {}", config.dir.display()))?;
        let pki = Pki::open(&dir.join("pki"))?;
        let mut ports = Ports::open(&dir)?;
        let port = ports.get("kube-apiserver", config.bind)?;
        let server = format!("https://{}", SocketAddr::new(config.bind, port));
        let kubectl = Kubectl::new(&binaries.kubectl, &write_kubeconfigs(&dir, &pki, &server)?);
        let mut plane = Self { processes: Vec::new(), server, kubectl, pki };
        start::Start { config, dir: &dir, binaries, ports, note }.all(&mut plane, port)?;
        Ok(plane)
    }

    /// The API server's address, such as `https://127.0.0.1:21443`.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The certificates, for signing more of them.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// kubectl as cluster administrator.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// Name and process id of each process, in the order of their start.
    pub fn processes(&self) -> impl Iterator<Item = (&str, u32)> {
        self.processes.iter().map(|process| (process.name(), process.pid()))
    }

    /// Says nothing while all four run.
    ///
    /// # Errors
    /// When one has ended: its name and the last lines of its log.
    pub fn ensure_alive(&mut self) -> Result<()> {
        self.processes.iter_mut().try_for_each(Process::ensure_alive)
    }

    /// Stops all four, last started first. Data stays.
    pub fn stop(&mut self) {
        while let Some(mut process) = self.processes.pop() {
            process.stop();
        }
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Writes the kubeconfigs of the administrator and of the two controllers; gives the administrator's.
fn write_kubeconfigs(dir: &Path, pki: &Pki, server: &str) -> Result<PathBuf> {
    let folder = dir.join("kubeconfigs");
    files::private_dir(&folder)?;
    let users = [
        ("admin", "remotegpu-admin", Some("system:masters")),
        ("controller-manager", "system:kube-controller-manager", None),
        ("scheduler", "system:kube-scheduler", None),
    ];
    for (name, user, group) in users {
        let files = pki.client(name, user, group)?;
        let path = folder.join(format!("{name}.yaml"));
        kubeconfig::write(&path, "remotegpu-local", server, Some(&pki.ca_file()), &Identity::Certificate(&files))?;
    }
    Ok(folder.join("admin.yaml"))
}
