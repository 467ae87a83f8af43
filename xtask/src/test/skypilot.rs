//! SkyPilot itself, from PyPI: installed once into the user's cache, run by `server/tests/integration/skypilot.rs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use localplane::binaries::find_program;

use crate::say::Say;
use crate::shell;

/// Pinned: the permission profiles were recorded with it.
const VERSION: &str = "0.14.1";
/// Debian packages of `socat` and `nc`.
const TOOLS: [&str; 2] = ["socat", "netcat-openbsd"];

/// Where `sky` is; none, with a note, where Python or its package index is missing.
pub fn program(say: &Say) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from)?;
    let folder = home.join(".cache/remotegpu/tools").join(format!("skypilot-{VERSION}"));
    let program = folder.join("bin/sky");
    if !program.is_file() {
        say.step(format!("Installing SkyPilot {VERSION}"));
        if let Err(error) = install(&folder) {
            // A half-made environment would look installed the next time.
            let _ = std::fs::remove_dir_all(&folder);
            say.note(format!("SkyPilot is left out: {error:#}"));
            return None;
        }
    }
    match tools() {
        Ok(()) => Some(program),
        Err(error) => {
            say.note(format!("SkyPilot is left out: {error:#}; type `sudo apt-get install {}`", TOOLS.join(" ")));
            None
        }
    }
}

/// `sky check` reports Kubernetes as disabled where these are missing.
fn tools() -> anyhow::Result<()> {
    if find_program("socat").is_some() && find_program("nc").is_some() {
        return Ok(());
    }
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").args(["--quiet", "install", "--yes"]).args(TOOLS);
    shell::quiet("apt-get", &mut apt).map(drop)
}

fn install(folder: &Path) -> anyhow::Result<()> {
    let python = find_program("python3");
    let python = python.ok_or_else(|| anyhow::anyhow!("no python3: type `sudo apt-get install python3-venv`"))?;
    shell::quiet("python3 -m venv", Command::new(python).args(["-m", "venv"]).arg(folder))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    shell::quiet("pip install", pip.args(["install", "--quiet", &format!("skypilot[kubernetes]=={VERSION}")]))?;
    Ok(())
}
