//! Builds the programs from the modules that `go.mod` pins, with their version stamped in.
//! The last resort where nothing can be downloaded: about five minutes on two cores.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::pins::{GO_MOD, GO_SUM};
use super::{Pins, Progress, Tool, find_program};
use crate::go;
use crate::wait::Stop;

/// Builds `tools` into `dir`.
///
/// # Errors
/// When Go is missing (says what to install) or a build fails (with the compiler's last lines); when `stop` is requested.
pub fn all(tools: &[Tool], dir: &Path, pins: &Pins, progress: Progress, stop: &Stop) -> Result<()> {
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
        go::build(tool.package, tool.package, &linker_flags(pins), &source, &dir.join(tool.name), stop)?;
        progress(&format!("Built {} in {} s", tool.name, start.elapsed().as_secs()));
    }
    fs::remove_dir_all(&source).with_context(|| format!("cannot remove {}", source.display()))
}

/// Without these the version is `v0.0.0-master+$Format:%H$`, on which kubectl and every version parser fail.
fn linker_flags(pins: &Pins) -> String {
    let stamp = "-X k8s.io/component-base/version";
    let (major, minor) = pins.kubernetes_minor();
    format!("-s -w {stamp}.gitVersion={} {stamp}.gitMajor={major} {stamp}.gitMinor={minor}", pins.kubernetes)
}
