//! Helm for the chart and its tests: from PATH in the pinned major version, else from our cache, else built from the
//! module that `helm/go.mod` pins. That file is its own, so that Helm's modules never move those of the control plane.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::binaries::{Progress, find_program};

const GO_MOD: &str = include_str!("../helm/go.mod");
const GO_SUM: &str = include_str!("../helm/go.sum");
const PACKAGE: &str = "helm.sh/helm/v4/cmd/helm";

/// Finds or makes it.
///
/// # Errors
/// When Go is missing (says what to install) or the build fails (with the compiler's last lines).
pub fn find(progress: Progress) -> Result<PathBuf> {
    if let Some(found) = find_program("helm").filter(|path| fits(path)) {
        return Ok(found);
    }
    let dir = cache_dir()?;
    let program = dir.join("helm");
    if fits(&program) {
        return Ok(program);
    }
    fs::create_dir_all(&dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    // Two tests at once must not build the same file; the second finds it made.
    let lock = File::create(dir.join(".lock")).context("cannot make the lock file of the cache")?;
    lock.lock().context("cannot lock the cache")?;
    if !fits(&program) {
        progress("Building helm (some minutes)");
        build(&dir, &program)?;
    }
    Ok(program)
}

/// Whether it runs and is of the pinned major version.
fn fits(program: &Path) -> bool {
    let asked = Command::new(program).args(["version", "--short"]).stdin(Stdio::null()).output();
    asked.is_ok_and(|output| output.status.success() && output.stdout.starts_with(b"v4."))
}

/// `$HOME/.cache/remotegpu/helm/<first 12 digits of the hash of go.mod and go.sum>`.
fn cache_dir() -> Result<PathBuf> {
    let home = std::env::var_os("HOME").context("HOME is not set: it holds the cache of helm")?;
    let mut hash = Sha256::new();
    hash.update(GO_MOD);
    hash.update(GO_SUM);
    let name: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Ok(PathBuf::from(home).join(".cache/remotegpu/helm").join(name))
}

fn build(dir: &Path, program: &Path) -> Result<()> {
    if find_program("go").is_none() {
        bail!(
            "helm 4 is not on PATH, and Go is not installed to build it: install Go 1.26 or newer from https://go.dev/dl/"
        );
    }
    let source = dir.join("source");
    fs::create_dir_all(&source).with_context(|| format!("cannot make the folder {}", source.display()))?;
    fs::write(source.join("go.mod"), GO_MOD).context("cannot write go.mod")?;
    fs::write(source.join("go.sum"), GO_SUM).context("cannot write go.sum")?;
    let part = dir.join("helm.part");
    // Without the stamp it calls itself v4 with the minor version that its source names, which is all that is asked.
    let output = Command::new("go")
        .args(["build", "-trimpath", "-ldflags", "-s -w", "-o"])
        .arg(&part)
        .arg(PACKAGE)
        .current_dir(&source)
        .env("CGO_ENABLED", "0")
        .env_remove("GOFLAGS")
        .stdin(Stdio::null())
        .output()
        .context("cannot start go")?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = errors.lines().rev().take(12).collect();
        bail!("go build of helm failed:\n    {}", last.into_iter().rev().collect::<Vec<_>>().join("\n    "));
    }
    fs::rename(&part, program).context("cannot write helm")?;
    fs::remove_dir_all(&source).with_context(|| format!("cannot remove {}", source.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helm_is_a_tool_of_its_own_go_mod() {
        assert!(GO_MOD.contains(&format!("\ntool {PACKAGE}\n")));
        assert!(!GO_SUM.is_empty());
    }
}
