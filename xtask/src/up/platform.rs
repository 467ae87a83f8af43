//! The whole start: cluster, manifests, webhook, nodes, console. One function, used by `up` and by the tests.
//! Each process runs under its own identity; only this file's steps use the administrator's.

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use localplane::{Ports, Stop, files};

use super::cluster::Cluster;
use super::containers::Containers;
use super::nodes::{self, Nodes};
use super::record::Record;
use super::secrets::Secrets;
use super::supervised::Supervised;
use super::{accounts, admission, console, engine, manifests};
use crate::build::Built;
use crate::repo::Repo;
use crate::say::Say;

/// The first user: platform operator, and owner of the account `default`.
pub const ADMIN_EMAIL: &str = "admin@remotegpu.local";

/// What one start needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Absolute.
    pub dir: PathBuf,
    /// The console's port on loopback.
    pub port: u16,
    /// The administrator's kubeconfig of a cluster that is there already.
    pub kubeconfig: Option<PathBuf>,
    /// SQLite in `dir` if not given.
    pub database: Option<String>,
    /// The data need not survive a power cut.
    pub throwaway: bool,
    /// As [`localplane::PlaneConfig::gogc`].
    pub gogc: Option<&'static str>,
    /// Look for a container engine.
    pub containers: bool,
    /// Start a RunPod node on a simulated account.
    pub demo_runpod: bool,
    /// Where accounts at RunPod are, for engines that somebody imports; RunPod itself if not given.
    pub runpod_api: Option<String>,
}

/// Everything of one start, running. Dropping it stops it.
#[derive(Debug)]
pub struct Platform {
    settings: Settings,
    // Stopped in this order: first what uses the cluster, then the cluster.
    processes: Supervised,
    cluster: Cluster,
    socket: Option<PathBuf>,
    secrets: Secrets,
    /// No start on this directory has been ready before: the password has not been shown yet.
    is_first: bool,
    stopped: bool,
}

impl Platform {
    /// Starts everything and returns when the console is ready and the nodes are.
    ///
    /// # Errors
    /// When a part cannot be started or dies on the way; what runs by then is stopped.
    pub fn start(settings: &Settings, repo: &Repo, built: &Built, say: &Say, stop: &Stop) -> Result<Self> {
        let mut processes = Supervised::new(&settings.dir);
        let cluster = Cluster::open(settings, &mut processes, say, stop)?;
        link(&settings.dir, "kubectl", &cluster.kubectl_program)?;
        link(&settings.dir, "kubectl-remotegpu", &built.cli)?;
        let secrets = Secrets::open(&settings.dir)?;
        let is_first = !settings.dir.join("up.env").exists();
        let settings = settings.clone();
        let mut platform = Self { settings, processes, cluster, socket: None, secrets, is_first, stopped: false };
        platform.launch(&repo.root.join("deploy"), built, say, stop)?;
        platform.write_env()?;
        Ok(platform)
    }

    fn launch(&mut self, deploy: &Path, built: &Built, say: &Say, stop: &Stop) -> Result<()> {
        let (settings, cluster, processes) = (&self.settings, &self.cluster, &mut self.processes);
        let dir = &settings.dir;
        say.step("Applying resources, roles and policies");
        manifests::apply_base(&cluster.kubectl, deploy)?;
        accounts::write_all(cluster, dir)?;
        let mut ports = Ports::open(dir)?;
        let webhook = admission::start(cluster, dir, &built.admission, &mut ports, processes)?;
        console::start(settings, cluster, built, &self.secrets, &mut ports, processes)?;
        if settings.containers {
            // Tests need containers; a first look does not.
            self.socket = engine::find(settings.throwaway, dir, processes, say, stop)?;
        }
        say.step("Starting the webhook, the nodes and the console");
        let nodes = Nodes {
            cluster,
            dir,
            program: &built.kubelet,
            ip: nodes::address(say),
            throwaway: settings.throwaway,
            runpod_api: settings.runpod_api.as_deref(),
            say,
            stop,
        };
        let mut names = nodes.start(self.socket.as_deref(), &mut ports, processes)?;
        if settings.demo_runpod {
            names.push(nodes.start_runpod(&built.runpod_sim, &mut ports, processes)?);
        }
        admission::register(cluster, webhook, deploy, processes, stop)?;
        let cpu_engine = manifests::CPU_ENGINES[usize::from(self.socket.is_none())];
        manifests::apply_skus(&cluster.kubectl, deploy, cpu_engine)?;
        nodes.wait_until_ready(&names, processes, stop)?;
        console::wait_until_ready(settings, processes, stop)?;
        // Tests import engines of their own and start the process for them; one of them leads.
        if settings.throwaway {
            return Ok(());
        }
        // The console has brought the schema of the database up to date.
        nodes.start_imported(&built.server, &console::database(settings), &self.secrets, processes)
    }

    /// Starts what a throwaway platform leaves to its tests: the process that runs the nodes of imported engines.
    ///
    /// # Errors
    /// When a certificate cannot be made or the program not started.
    pub fn start_imported(&mut self, built: &Built, say: &Say, stop: &Stop) -> Result<()> {
        let nodes = Nodes {
            cluster: &self.cluster,
            dir: &self.settings.dir,
            program: &built.kubelet,
            ip: nodes::address(say),
            throwaway: self.settings.throwaway,
            runpod_api: self.settings.runpod_api.as_deref(),
            say,
            stop,
        };
        let database = console::database(&self.settings);
        nodes.start_imported(&built.server, &database, &self.secrets, &mut self.processes)
    }

    /// The console's address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    fn address(&self) -> SocketAddr {
        console::address(&self.settings)
    }

    /// kubectl's program.
    pub fn kubectl_program(&self) -> &Path {
        &self.cluster.kubectl_program
    }

    /// What `up.env` holds, as (key, value).
    ///
    /// # Errors
    /// When the password cannot be read.
    pub fn env(&self) -> Result<[(&'static str, String); 4]> {
        Ok([
            ("REMOTEGPU_URL", self.url()),
            ("REMOTEGPU_ADMIN_EMAIL", ADMIN_EMAIL.to_owned()),
            ("REMOTEGPU_ADMIN_PASSWORD", self.secrets.password_text()?),
            ("KUBECONFIG", self.cluster.kubectl.kubeconfig().display().to_string()),
        ])
    }

    fn write_env(&self) -> Result<()> {
        let lines: Vec<String> = self.env()?.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        files::write_private(&self.settings.dir.join("up.env"), lines.concat().as_bytes())
    }

    /// What a person needs to go on. The password is shown at the first start only.
    pub fn welcome(&self) -> String {
        let dir = self.settings.dir.display();
        let password =
            if self.is_first { self.secrets.password_text().unwrap_or_default() } else { format!("(in {dir}/up.env)") };
        let kubeconfig = self.cluster.kubectl.kubeconfig().display();
        format!(
            "\n  Console   {0}\n  Sign in   {ADMIN_EMAIL}   {password}\n  \
             kubectl   {dir}/bin/kubectl --kubeconfig {kubeconfig}\n  \
             CLI       {dir}/bin/kubectl-remotegpu login --server {0}\n  \
             Stop      Ctrl-C here, or `cargo xtask down`; the data stays in {dir}\n",
            self.url()
        )
    }

    /// What runs, for `pids.json`.
    pub fn record(&self) -> Record {
        self.processes.record()
    }

    /// Says nothing while everything runs.
    ///
    /// # Errors
    /// When a process has ended: its name and the last lines of its log.
    pub fn ensure_alive(&mut self) -> Result<()> {
        self.processes.ensure_alive()?;
        self.cluster.ensure_alive()
    }

    /// Stops everything: the nodes, then their containers, then the rest, the control plane last.
    pub fn stop(&mut self) {
        if self.stopped {
            return;
        }
        self.stopped = true;
        for name in ["remotegpu-kubelet-local", "remotegpu-kubelet-simulated", "remotegpu-kubelet-runpod"] {
            self.processes.stop_one(name);
        }
        if let Some(socket) = &self.socket {
            let containers = Containers { socket, cluster: &self.cluster.id };
            if self.settings.throwaway { containers.remove() } else { containers.stop() }
        }
        self.processes.stop();
        self.cluster.stop();
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.stop();
    }
}

/// `DIR/bin`: the pinned kubectl, for people and tests on machines that have none or an older one, and its plugin.
fn link(dir: &Path, name: &str, program: &Path) -> Result<()> {
    let folder = dir.join("bin");
    files::private_dir(&folder)?;
    let link = folder.join(name);
    let _not_there = std::fs::remove_file(&link);
    symlink(program, &link).with_context(|| format!("cannot make {}", link.display()))
}
