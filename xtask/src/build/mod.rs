//! The build: the browser's half (wasm, style sheet, hashed names) and the five programs.
//! Cargo judges what is up to date; the steps after it run only when their input changed.

mod compress;
pub mod css;
mod site;
mod wasm;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use localplane::Stop;
use sha2::{Digest, Sha256};

use crate::repo::{CLI, PROGRAMS, Repo};
use crate::say::Say;
use crate::{repo, shell, tools};

pub use site::{FIRST_LOAD_KB, root as site_root};

/// `cargo xtask build`
#[derive(Debug, Args)]
pub struct Options {
    /// Optimise the programs too (the browser's half always is).
    #[arg(long)]
    pub release: bool,
}

/// What cargo builds natively.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// The five programs.
    Programs { release: bool },
    /// All programs and all tests in one go. Tests turn on more features of shared crates: built apart, half of the
    /// graph would be compiled twice.
    Tests,
}

/// Where everything lies once built.
#[derive(Clone, Debug)]
pub struct Built {
    pub server: PathBuf,
    pub admission: PathBuf,
    pub kubelet: PathBuf,
    /// For `up --demo-runpod`.
    pub runpod_sim: PathBuf,
    /// What people run beside kubectl.
    pub cli: PathBuf,
    /// What the console serves under `/pkg` and `/`.
    pub site_root: PathBuf,
}

impl Built {
    /// What was built before, whatever its age.
    pub fn left_by_the_last_build(repo: &Repo, release: bool) -> Self {
        let programs = repo.programs(release);
        let [server, admission, kubelet, cli, runpod_sim] = PROGRAMS.map(|(_, binary)| programs.join(binary));
        Self { server, admission, kubelet, cli, runpod_sim, site_root: site::root(repo) }
    }

    /// The bytes in brotli that a browser fetches for every page.
    pub fn first_load(&self) -> u64 {
        site::first_load(&self.site_root)
    }
}

/// Builds everything and says where it is.
///
/// # Errors
/// When a tool is missing or a step fails.
pub fn run(options: &Options, stop: &Stop) -> Result<()> {
    crate::ending::stop_on_signals(stop, true)?;
    let say = Say::new();
    let repo = Repo::find()?;
    let built = all(&repo, Scope::Programs { release: options.release }, &say, stop)?;
    if options.release {
        static_cli(&repo, &say, stop)?;
    }
    say.step(format!("Built {}", built.server.display()));
    Ok(())
}

/// The program that people carry to other machines, once more: in one file that needs nothing of them, not even their libc.
fn static_cli(repo: &Repo, say: &Say, stop: &Stop) -> Result<()> {
    let (package, binary) = CLI;
    say.step(format!("Building {binary} as one static file"));
    let mut cargo = repo::cargo(&repo.root);
    cargo.args(["rustc", "--locked", "--release", "--package", package, "--bin", binary]);
    // Given to this one program: for the whole graph it would be another build of everything.
    cargo.args(["--", "-C", "target-feature=+crt-static"]);
    shell::run("cargo rustc", &mut cargo, stop)
}

/// As [`run`], for other commands.
///
/// # Errors
/// As [`run`]; for tests also when every page loads more than it may.
pub fn all(repo: &Repo, scope: Scope, say: &Say, stop: &Stop) -> Result<Built> {
    tools::wasm_target(&repo.root, say)?;
    tools::npm_packages(&repo.root.join("style"), say, stop)?;
    say.step("Building the browser's half");
    let browser = wasm::build(repo, say, stop)?;
    let sheet = css::build(repo, stop)?;
    let site = site::assemble(repo, &browser, &sheet, say)?;
    if scope == Scope::Tests {
        site::keep_budget(site::first_load(&site::root(repo)))?;
    }
    native(repo, scope, say, stop)?;
    let release = scope == Scope::Programs { release: true };
    // The console reads it beside its program, so each profile has its own copy.
    localplane::files::write_public(&repo.programs(release).join("hash.txt"), site.hash.as_bytes())?;
    Ok(Built::left_by_the_last_build(repo, release))
}

fn native(repo: &Repo, scope: Scope, say: &Say, stop: &Stop) -> Result<()> {
    let mut cargo = repo::cargo(&repo.root);
    cargo.args(["build", "--locked"]);
    match scope {
        Scope::Programs { release } => {
            say.step("Building the programs");
            cargo.args(PROGRAMS.iter().flat_map(|(package, _)| ["--package", package]));
            cargo.args(release.then_some("--release"));
        }
        Scope::Tests => {
            say.step("Building the programs and the tests");
            cargo.args(["--workspace", "--exclude", "frontend", "--bins", "--tests"]);
        }
    }
    shell::run("cargo build", &mut cargo, stop)
}

/// The first 16 hexadecimal digits of the SHA-256 of some contents.
fn fingerprint<'a>(contents: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for content in contents {
        hash.update(content);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// All files below a folder, sorted, without `node_modules` and hidden ones; empty if there is no such folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let hidden = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with('.') || name == "node_modules"
    };
    paths.retain(|path| !hidden(path));
    paths.into_iter().flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
