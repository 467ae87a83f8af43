//! `cargo xtask test`: everything CI runs, quick things first, and one last line with the count.
//! One PostgreSQL and one platform (the same start as `up`) serve all tests; every test makes its own account.

pub mod browser;
mod imported;
mod life;
pub mod postgres;
mod provider;
mod python;
mod rented;
mod rust;
mod schemathesis;
mod skypilot;
mod system;
mod venv;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use localplane::{Pki, Ports, Stop};

use crate::build::{self, Scope};
use crate::check;
use crate::check::Tally;
use crate::ending::{self, Explained};
use crate::repo::Repo;
use crate::say::Say;
use crate::tools;
use crate::up::platform::{Platform, Settings};
use imported::Imported;
use life::Foreign;
use postgres::Postgres;
use provider::Provider;
use rented::Rented;
use schemathesis::SCHEMATHESIS;

/// For the Go programs of the tests, API server and kubectl above all: bound by the cores and not by the memory, they
/// collect garbage a quarter as often.
const GOGC: &str = "400";

/// `cargo xtask test`
#[derive(Debug, Args)]
pub struct Options {
    /// Leave out the browser and real containers.
    #[arg(long)]
    pub quick: bool,
    /// Rent one cheap instance at RunPod itself, with the key in RUNPOD_API_KEY, and give it back.
    #[arg(long)]
    pub live_runpod: bool,
    /// Only tests whose name contains this; leaves out the checks.
    pub filter: Option<String>,
}

/// Runs everything and prints `N passed, N failed` as the last line; what could not run is named before it.
///
/// # Errors
/// When anything failed.
pub fn run(options: &Options, stop: &Stop) -> Result<()> {
    ending::stop_on_signals(stop, true)?;
    let mut run = Run { options, stop, say: Say::new(), tally: Tally::default(), left_out: Vec::new() };
    let repo = Repo::find()?;
    // A name of its own: what an earlier run kept is nobody's platform of today.
    let dir = tempfile::Builder::new().prefix("remotegpu-test-").tempdir().context("cannot make a folder")?.keep();
    let end = run.all(&repo, &dir);
    if let Err(error) = &end {
        run.tally.failed += 1;
        eprintln!("error: {error:#}");
    }
    if run.tally.failed == 0 {
        std::fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    } else {
        run.say.step(format!("Logs and data are kept in {}", dir.display()));
    }
    run.say.step("Done");
    // A proof that did not run is none.
    if !run.left_out.is_empty() {
        run.say.note(format!("{} left out:", run.left_out.len()));
    }
    for what in &run.left_out {
        run.say.note(format!("  {what}"));
    }
    println!("{} passed, {} failed", run.tally.passed, run.tally.failed);
    if run.tally.failed == 0 { Ok(()) } else { Err(Explained.into()) }
}

struct Run<'a> {
    options: &'a Options,
    stop: &'a Stop,
    say: Say,
    tally: Tally,
    left_out: Vec<String>,
}

impl Run<'_> {
    fn all(&mut self, repo: &Repo, dir: &Path) -> Result<()> {
        let key = std::env::var_os("RUNPOD_API_KEY").is_some_and(|key| !key.is_empty());
        ensure!(key || !self.options.live_runpod, "RUNPOD_API_KEY is not set: --live-runpod rents with it");
        system::install(self.options.quick, &self.say, self.stop)?;
        if self.options.filter.is_none() {
            let checks = check::all(repo, &self.say, self.stop)?;
            self.add(checks);
        }
        let built = build::all(repo, Scope::Tests, &self.say, self.stop)?;
        let dir = dir.canonicalize().with_context(|| format!("cannot open {}", dir.display()))?;
        let postgres = Postgres::start(&dir, &self.say, self.stop)?;
        let rented = Rented::start(&built.runpod_sim, &dir)?;
        let settings = settings(&dir, !self.options.quick, rented.url())?;
        tools::npm_packages(&repo.root.join("end2end"), &self.say, self.stop)?;
        let console = format!("http://127.0.0.1:{}", settings.port);
        let _provider = Provider::start(&repo.root, &dir, &console)?;
        let mut platform = Platform::start(&settings, repo, &built, &self.say, self.stop)?;
        self.say.step(format!("The platform is ready at {}", platform.url()));
        let mut environment = environment(&platform, &dir, &postgres, self.options.quick)?;
        environment.extend(self.optional());
        environment.extend(self.options.live_runpod.then(|| ("REMOTEGPU_TEST_LIVE_RUNPOD".to_owned(), "1".to_owned())));
        let filter = self.options.filter.as_deref();
        let (rust, left_out) = rust::run(&repo.root, filter, &environment, &self.say, self.stop)?;
        self.add(rust);
        self.left_out = left_out;
        // Tests may kill what they started, never what everybody uses.
        platform.ensure_alive()?;
        if !self.options.quick {
            let imported = Imported::start(&dir, &self.say, self.stop)?;
            environment.push(imported.environment());
            environment.extend(rented.environment());
            platform.start_imported(&built, &self.say, self.stop)?;
            let browser = browser::run(&repo.root, filter, &dir, &environment, &self.say, self.stop)?;
            self.add(browser);
            platform.ensure_alive()?;
            if filter.is_none() {
                let life = life::run(repo, &dir, &Foreign { imported, postgres }, &self.say, self.stop)?;
                self.add(life);
            }
        }
        Ok(())
    }

    /// Programs that not every machine has, for the tests that need them.
    fn optional(&self) -> Vec<(String, String)> {
        let (schemathesis, skypilot) = match self.options.quick {
            true => (None, None),
            false => (SCHEMATHESIS.find(&self.say), skypilot::program(&self.say)),
        };
        let all = [
            ("REMOTEGPU_TEST_SCHEMATHESIS", schemathesis),
            ("REMOTEGPU_TEST_SKYPILOT", skypilot),
            ("REMOTEGPU_TEST_PYTHON", python::find(&self.say)),
        ];
        let named = |(name, program): (&str, Option<PathBuf>)| Some((name.to_owned(), program?.display().to_string()));
        all.into_iter().filter_map(named).collect()
    }

    fn add(&mut self, tally: Tally) {
        self.tally.passed += tally.passed;
        self.tally.failed += tally.failed;
    }
}

fn settings(dir: &Path, containers: bool, runpod_api: String) -> Result<Settings> {
    let port = Ports::open(dir)?.get("remotegpu", std::net::Ipv4Addr::LOCALHOST.into())?;
    Ok(Settings {
        dir: dir.to_owned(),
        port,
        kubeconfig: None,
        database: None,
        throwaway: true,
        gogc: Some(GOGC),
        containers,
        demo_runpod: false,
        runpod_api: Some(runpod_api),
    })
}

/// What the tests find in their environment: that of `up.env`, and where things are.
fn environment(platform: &Platform, dir: &Path, postgres: &Postgres, quick: bool) -> Result<Vec<(String, String)>> {
    let mut all: Vec<(String, String)> =
        platform.env()?.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let mut add = |key: &str, value: String| all.push((key.to_owned(), value));
    add("REMOTEGPU_TEST_DIR", dir.display().to_string());
    add("REMOTEGPU_TEST_POSTGRES", postgres.url());
    // For a receiver of webhooks that the platform trusts.
    let receiver = Pki::open(&dir.join("pki"))?.kubelet_serving("receiver", std::net::Ipv4Addr::LOCALHOST.into())?;
    add("REMOTEGPU_TEST_RECEIVER_CERT", receiver.cert.display().to_string());
    add("REMOTEGPU_TEST_RECEIVER_KEY", receiver.key.display().to_string());
    for name in ["REMOTEGPU_KUBECTL", "REMOTEGPU_TEST_KUBECTL"] {
        add(name, platform.kubectl_program().display().to_string());
    }
    add("GOGC", GOGC.to_owned());
    if quick {
        add("REMOTEGPU_TEST_QUICK", "1".to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(dir.join("bin")).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders.collect::<Vec<PathBuf>>()).context("PATH holds a colon in a name")?;
    add("PATH", path.to_string_lossy().into_owned());
    Ok(all)
}
