//! `cargo xtask up`: everything for a first look, with one line of progress per step.
//! The start itself is [`platform`], which the tests use too; this file is its life in a terminal.

mod accounts;
mod admission;
mod cluster;
mod console;
mod containers;
mod detach;
mod engine;
mod http;
mod manifests;
mod nodes;
pub mod platform;
pub mod record;
mod secrets;
mod serving;
mod supervised;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use localplane::{Stop, files, net};

use crate::build::{self, Scope};
use crate::down;
use crate::ending::{self, Explained};
use crate::repo::Repo;
use crate::say::Say;
use cluster::Cluster;
use platform::{Platform, Settings};
use record::Record;

/// `cargo xtask up`
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The console's port on this machine.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// The data directory [default: .remotegpu in the checkout].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Use this cluster (as its administrator) instead of starting a control plane.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Use this database instead of SQLite in the data directory.
    #[arg(long, value_name = "URL", env = "REMOTEGPU_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
    /// Return once everything is ready; `cargo xtask down` stops it.
    #[arg(long)]
    pub detach: bool,
    /// Also start a virtual RunPod node, on a simulated account that costs nothing.
    #[arg(long)]
    pub demo_runpod: bool,
    /// Build optimised programs.
    #[arg(long)]
    pub release: bool,
    /// Set for the copy of itself that `--detach` leaves running.
    #[arg(long, hide = true)]
    pub detached: bool,
}

/// Starts everything and stays until it is told to stop, or a part of it dies.
///
/// # Errors
/// When a part cannot be started or ends by itself: one message that says which and why.
pub fn run(options: &Options, stop: &Stop) -> Result<()> {
    let repo = Repo::find()?;
    let dir = data_dir(&repo, options.data.as_ref())?;
    if options.detach {
        return detach::run(options, &dir, stop);
    }
    if options.detached {
        detach::leave_the_terminal()?;
    }
    ending::stop_on_signals(stop, !options.detached)?;
    let say = Say::new();
    let Some(_lock) = record::lock(&dir)? else { bail!("{}", already_running(&dir)) };
    down::stop_leftovers(&dir, &say)?;
    port_is_free(options.port)?;
    let result = live(options, &repo, &dir, &say, stop);
    record::forget(&dir);
    if result.is_err() && stop.requested() {
        say.step("Stopped before it was ready; the data stays");
    }
    result
}

fn live(options: &Options, repo: &Repo, dir: &std::path::Path, say: &Say, stop: &Stop) -> Result<()> {
    Record::of_this_process().write(dir)?;
    if let Some(kubeconfig) = &options.kubeconfig {
        Cluster::probe(kubeconfig, say)?;
    }
    let built = build::all(repo, Scope::Programs { release: options.release }, say, stop)?;
    let settings = Settings {
        dir: dir.to_owned(),
        port: options.port,
        kubeconfig: options.kubeconfig.clone(),
        database: options.database.clone(),
        throwaway: false,
        containers: true,
        demo_runpod: options.demo_runpod,
    };
    let mut platform = Platform::start(&settings, repo, &built, say, stop)?;
    say.step(format!("Ready at {}", platform.url()));
    say.note(platform.welcome());
    platform.record().ready().write(dir)?;
    let end = watch(&mut platform, stop);
    if let Err(error) = &end {
        eprintln!("error: {error:#}");
    }
    say.step("Stopping");
    platform.stop();
    say.step("Stopped; the data stays");
    end.map_err(|_explained| Explained.into())
}

/// Stays until the end is asked for (well) or a process ends by itself (an error).
fn watch(platform: &mut Platform, stop: &Stop) -> Result<()> {
    while !stop.requested() {
        platform.ensure_alive()?;
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// The data directory, made if it is not there; absolute.
pub fn data_dir(repo: &Repo, given: Option<&PathBuf>) -> Result<PathBuf> {
    let dir = given.cloned().unwrap_or_else(|| repo.root.join(".remotegpu"));
    files::private_dir(&dir)?;
    dir.canonicalize().with_context(|| format!("cannot open {}", dir.display()))
}

fn port_is_free(port: u16) -> Result<()> {
    let free = net::is_free(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    let other = if port == u16::MAX { 8080 } else { port + 1 };
    ensure!(free, "port {port} is in use by another program: choose another, such as `cargo xtask up --port {other}`");
    Ok(())
}

fn already_running(dir: &std::path::Path) -> String {
    format!(
        "RemoteGPU already runs on {0}; see {0}/up.env for its address. `cargo xtask down --data {0}` stops it",
        dir.display()
    )
}
