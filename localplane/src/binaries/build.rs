//! Builds the programs from the modules that `go.mod` pins, with their version stamped in.
//! The last resort where nothing can be downloaded: about five minutes on two cores.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::pins::{GO_MOD, GO_SUM};
use super::{Pins, Progress, Tool, find_program};

/// Builds `tools` into `dir`.
///
/// # Errors
/// When Go is missing (says what to install) or a build fails (with the compiler's last lines).
pub fn all(tools: &[Tool], dir: &Path, pins: &Pins, progress: Progress) -> Result<()> {
    if find_program("go").is_none() {
        bail!(
            "the control plane (Kubernetes {}) is neither on PATH nor downloadable, and Go is not installed to build it: \
             install Go 1.26 or newer from https://go.dev/dl/ and run the command again",
            pins.kubernetes
        );
    }
    let source = dir.join("source");
    fs::create_dir_all(&source).with_context(|| format!("cannot make the folder {}", source.display()))?;
    fs::write(source.join("go.mod"), GO_MOD).context("cannot write go.mod")?;
    fs::write(source.join("go.sum"), GO_SUM).context("cannot write go.sum")?;
    for (index, tool) in tools.iter().enumerate() {
        progress(&format!("Building {} ({} of {}; some minutes)", tool.name, index + 1, tools.len()));
        let start = Instant::now();
        one(*tool, &source, dir, pins)?;
        progress(&format!("Built {} in {} s", tool.name, start.elapsed().as_secs()));
    }
    fs::remove_dir_all(&source).with_context(|| format!("cannot remove {}", source.display()))
}

fn one(tool: Tool, source: &Path, dir: &Path, pins: &Pins) -> Result<()> {
    let part = dir.join(format!("{}.part", tool.name));
    let output = Command::new("go")
        .args(["build", "-trimpath", "-ldflags", &linker_flags(pins), "-o"])
        .arg(&part)
        .arg(tool.package)
        .current_dir(source)
        .env("CGO_ENABLED", "0")
        .env_remove("GOFLAGS")
        .stdin(Stdio::null())
        .output()
        .context("cannot start go")?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = errors.lines().rev().take(12).collect();
        let last = last.into_iter().rev().collect::<Vec<_>>().join("\n    ");
        bail!("go build of {} failed:\n    {last}", tool.package);
    }
    fs::rename(&part, dir.join(tool.name)).with_context(|| format!("cannot write {}", tool.name))
}

/// Without these the version is `v0.0.0-master+$Format:%H$`, on which kubectl and every version parser fail.
fn linker_flags(pins: &Pins) -> String {
    let stamp = "-X k8s.io/component-base/version";
    let (major, minor) = pins.kubernetes_minor();
    format!("-s -w {stamp}.gitVersion={} {stamp}.gitMajor={major} {stamp}.gitMinor={minor}", pins.kubernetes)
}
