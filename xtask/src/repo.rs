//! The checkout this command belongs to, and where cargo puts what it builds.
//! Asked of cargo itself, so that CARGO_TARGET_DIR and configuration files are respected.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// What people run beside kubectl, as (package, binary).
pub const CLI: (&str, &str) = ("cli", "kubectl-remotegpu");

/// The five programs, as (package, binary).
pub const PROGRAMS: [(&str, &str); 5] = [
    ("server", "remotegpu"),
    ("admission", "remotegpu-admission"),
    ("node", "remotegpu-kubelet"),
    CLI,
    ("runpod-sim", "runpod-sim"),
];

/// One checkout.
#[derive(Clone, Debug)]
pub struct Repo {
    pub root: PathBuf,
    pub target: PathBuf,
}

impl Repo {
    /// Finds the checkout and its target directory.
    ///
    /// # Errors
    /// When cargo cannot say.
    pub fn find() -> Result<Self> {
        // Set by `cargo run`, so that a program built in one checkout and run in another works on the second.
        let here =
            std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = here.parent().context("xtask is not inside a workspace")?.to_owned();
        let found = metadata(&root, &["--no-deps"])?;
        let target = found["target_directory"].as_str().context("cargo metadata names no target directory")?.into();
        Ok(Self { root, target })
    }

    /// The folder of finished programs: `target/debug` or `target/release`.
    pub fn programs(&self, release: bool) -> PathBuf {
        self.target.join(if release { "release" } else { "debug" })
    }
}

/// `cargo metadata` of the workspace at `root`.
///
/// # Errors
/// When cargo fails: its own words.
pub fn metadata(root: &Path, more: &[&str]) -> Result<Value> {
    let mut command = cargo(root);
    command.args(["metadata", "--format-version=1", "--locked"]).args(more);
    let output = command.output().context("cannot start cargo")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")
}

/// cargo in the workspace, without the variables that our own `cargo run` set: build scripts watch some of them and
/// would run again for nothing.
pub fn cargo(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let ours = ["CARGO_MANIFEST", "CARGO_PKG_", "CARGO_CRATE_NAME", "CARGO_BIN_NAME", "CARGO_PRIMARY_PACKAGE"];
        if name == "CARGO" || ours.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}
