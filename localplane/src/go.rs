//! One build by Go: of a package of the module whose `go.mod` and `go.sum` lie in a folder.
//! Used for the control plane and for each program that has a module of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::wait::{self, Stop};

/// Builds `package` of the module in `source` with these linker flags, and puts the program at `program`; `what` is its name
/// in an error. Written beside it first, so that a build that was cut off leaves nothing that looks whole.
///
/// # Errors
/// When Go cannot be started or the build fails (with the compiler's last lines), and when `stop` is requested.
pub(crate) fn build(
    what: &str,
    package: &str,
    linker_flags: &str,
    source: &Path,
    program: &Path,
    stop: &Stop,
) -> Result<()> {
    let part = program.with_added_extension("part");
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-ldflags", linker_flags, "-o"]).arg(&part).arg(package);
    go.current_dir(source).env("CGO_ENABLED", "0").env_remove("GOFLAGS");
    let output = wait::output(&mut go, stop)?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = errors.lines().rev().take(12).collect();
        bail!("go build of {what} failed:\n    {}", last.into_iter().rev().collect::<Vec<_>>().join("\n    "));
    }
    fs::rename(&part, program).with_context(|| format!("cannot write {}", program.display()))
}
