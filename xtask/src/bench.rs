//! `cargo xtask bench`: the figures of DESIGN §9 on a control plane and a PostgreSQL of its own, as ratios.
//! Nothing here can fail for being slow: figures are read, not asserted.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use localplane::binaries::find_program;
use localplane::{Ports, Stop};
use serde_json::Value;

use crate::build::{self, Built, Scope};
use crate::repo::Repo;
use crate::say::Say;
use crate::test::browser;
use crate::test::postgres::Postgres;
use crate::up::platform::{Platform, Settings};
use crate::{ending, repo, shell, tools};

/// `cargo xtask bench`
#[derive(Debug, Args)]
pub struct Options {
    /// What to measure; everything if not given.
    pub what: Option<What>,
    /// Measure unoptimised programs: quick to build, absolute times mean nothing.
    #[arg(long)]
    pub dev: bool,
    /// Rows in the big tables.
    #[arg(long, default_value = "1,10000,1000000")]
    pub sizes: String,
}

/// One group of figures.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum What {
    /// Credentials, keys, the console itself.
    Access,
    /// The webhook's decision with many SKUs.
    Admission,
    /// A virtual node holding pods, against KWOK.
    Node,
    /// Imported clusters: the memory of `remotegpu nodes` with 200 of them, the time of a preflight.
    Engine,
    /// A thousand readers of one live list, 5,000 pods in one namespace, from Deploy to Running.
    Live,
    /// Usage records: sums, pages and invoices of a big month.
    Usage,
    /// Reads of the tenant API at a steady rate.
    Tenant,
}

/// Where a running control plane and database are, when somebody gave them.
const GIVEN: [&str; 2] = ["REMOTEGPU_TEST_DIR", "REMOTEGPU_TEST_POSTGRES"];

/// Measures everything and prints it.
///
/// # Errors
/// When something cannot be built or started.
pub fn run(options: &Options, stop: &Stop) -> Result<()> {
    ending::stop_on_signals(stop, true)?;
    let (repo, say) = (Repo::find()?, Say::new());
    if GIVEN.iter().all(|name| std::env::var_os(name).is_some()) {
        return measure(options, &repo, &[], &say, stop);
    }
    let dir = tempfile::Builder::new().prefix("remotegpu-bench-").tempdir().context("cannot make a folder")?.keep();
    let dir = dir.canonicalize().with_context(|| format!("cannot open {}", dir.display()))?;
    let end = on_a_platform(options, &repo, &dir, &say, stop);
    std::fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    end
}

fn on_a_platform(options: &Options, repo: &Repo, dir: &Path, say: &Say, stop: &Stop) -> Result<()> {
    let built = build::all(repo, Scope::Programs { release: !options.dev }, say, stop)?;
    say.step(format!("In brotli: {} KB for every page (aim {})", built.first_load() / 1024, build::FIRST_LOAD_KB));
    let postgres = Postgres::start(dir, say, stop)?;
    let port = Ports::open(dir)?.get("remotegpu", Ipv4Addr::LOCALHOST.into())?;
    let settings = Settings {
        dir: dir.to_owned(),
        port,
        kubeconfig: None,
        database: None,
        throwaway: true,
        gogc: None,
        containers: false,
        demo_runpod: false,
        runpod_api: None,
    };
    let _platform = Platform::start(&settings, repo, &built, say, stop)?;
    let environment = [(GIVEN[0], dir.display().to_string()), (GIVEN[1], postgres.url())];
    measure(options, repo, &environment, say, stop)
}

fn measure(options: &Options, repo: &Repo, environment: &[(&str, String)], say: &Say, stop: &Stop) -> Result<()> {
    let all = [
        (What::Access, "server", "access", None),
        (What::Admission, "admission", "admission", None),
        (What::Node, "node", "node", None),
        // The same program, told what to measure.
        (What::Engine, "server", "access", Some("engine")),
        (What::Live, "server", "access", Some("live")),
        (What::Usage, "server", "access", Some("usage")),
        (What::Tenant, "server", "access", Some("tenant")),
    ];
    let wanted = |what: What| options.what.is_none_or(|wanted| wanted == what);
    for (what, package, bench, part) in all.into_iter().filter(|(what, ..)| wanted(*what)) {
        say.step(format!("Measuring: {what:?}"));
        let mut cargo = repo::cargo(&repo.root);
        cargo.args(["bench", "--locked", "--package", package, "--bench", bench]);
        cargo.args(options.dev.then_some(["--profile", "dev"]).into_iter().flatten());
        cargo.args(part.map(|part| ["--", part]).into_iter().flatten());
        cargo
            .env("REMOTEGPU_TEST_BENCH_SIZES", &options.sizes)
            .envs(environment.iter().map(|(key, value)| (key, value)));
        if what == What::Node {
            let (program, stages) = kwok(say, stop)?;
            cargo.env("REMOTEGPU_TEST_KWOK", program).env("REMOTEGPU_TEST_KWOK_STAGES", stages);
        }
        if what == What::Live
            && let Some(chromium) = a_browser(repo, say, stop)
        {
            let site = Built::left_by_the_last_build(repo, !options.dev).site_root;
            cargo.env("REMOTEGPU_TEST_CHROMIUM", chromium).env("REMOTEGPU_TEST_SITE", site);
        }
        shell::run("the benchmark", &mut cargo, stop)?;
    }
    Ok(())
}

/// The browser of this machine, with the packages that drive it; without them a sentence, and its figures are left out.
fn a_browser(repo: &Repo, say: &Say, stop: &Stop) -> Option<PathBuf> {
    let Some(chromium) = browser::chromium() else {
        say.note("Left out: figures of a real browser. No Chromium found: type `sudo apt-get install chromium`");
        return None;
    };
    match tools::npm_packages(&repo.root.join("end2end"), say, stop) {
        Ok(()) => Some(chromium),
        Err(error) => {
            say.note(format!("Left out: figures of a real browser. {error:#}"));
            None
        }
    }
}

/// The yardstick of the node: KWOK, built once from its Go module and kept, and the folder of its published stages.
/// The program has no stage of its own, and without one it ends at once.
fn kwok(say: &Say, stop: &Stop) -> Result<(PathBuf, PathBuf)> {
    const VERSION: &str = "v0.8.0";
    let home = std::env::home_dir().context("there is no home folder to keep KWOK in")?;
    let folder = home.join(".cache/remotegpu/kwok").join(VERSION);
    let program = folder.join("kwok");
    if !program.exists() {
        ensure!(
            find_program("go").is_some(),
            "Go is not installed to build KWOK, which the node is measured against: install Go 1.26 or newer from \
             https://go.dev/dl/, or measure something else, such as `cargo xtask bench access`"
        );
        say.step(format!("Building KWOK {VERSION}"));
        let mut go = Command::new("go");
        go.args(["install", "-trimpath", &format!("sigs.k8s.io/kwok/cmd/kwok@{VERSION}")]);
        go.env("GOBIN", &folder).env("CGO_ENABLED", "0");
        shell::run("go install of kwok", &mut go, stop)?;
    }
    let mut go = Command::new("go");
    go.args(["mod", "download", "-json", &format!("sigs.k8s.io/kwok@{VERSION}")]);
    let module: Value = serde_json::from_str(&shell::quiet("go mod download of kwok", &mut go)?)?;
    let module = module["Dir"].as_str().context("go does not say where the module of kwok is")?;
    Ok((program, Path::new(module).join("kustomize/stage")))
}
