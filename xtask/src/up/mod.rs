//! `cargo xtask up`: everything for a first look, with one line of progress per step.
//! The start itself is [`platform`], which the tests use too; this file is its life in a terminal.

mod accounts;
mod admission;
mod cluster;
mod console;
pub mod containers;
mod detach;
mod engine;
pub mod http;
mod manifests;
mod nodes;
pub mod platform;
pub mod record;
mod secrets;
mod serving;
mod supervised;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use localplane::{Stop, files};

use crate::build::{self, Built, Scope};
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
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
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
    /// Start what the last build left: for the tests, which have built everything.
    #[arg(long, hide = true)]
    pub as_built: bool,
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
        Cluster::probe(kubeconfig, say, stop)?;
    }
    let built = match options.as_built {
        true => Built::left_by_the_last_build(repo, options.release),
        false => build::all(repo, Scope::Programs { release: options.release }, say, stop)?,
    };
    let settings = Settings {
        dir: dir.to_owned(),
        port: options.port,
        kubeconfig: options.kubeconfig.clone(),
        database: options.database.clone(),
        throwaway: false,
        gogc: None,
        containers: true,
        demo_runpod: options.demo_runpod,
        runpod_api: None,
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
    let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) else { return Ok(()) };
    let other = if (1024..u16::MAX).contains(&port) { port + 1 } else { 8080 };
    bail!("port {port} {}: choose another, such as `cargo xtask up --port {other}`", why_not(&error))
}

fn why_not(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => "is for root only",
        _ => "is in use by another program",
    }
}

fn already_running(dir: &std::path::Path) -> String {
    format!(
        "RemoteGPU already runs on {0}; see {0}/up.env for its address. `cargo xtask down --data {0}` stops it",
        dir.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_what_to_type() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = port_is_free(port).unwrap_err().to_string();
        assert!(error.starts_with(&format!("port {port} is in use by another program")), "{error}");
        assert!(error.contains("`cargo xtask up --port "), "{error}");
        assert_eq!(why_not(&ErrorKind::PermissionDenied.into()), "is for root only");
    }
}
