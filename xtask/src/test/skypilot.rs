//! SkyPilot itself, from PyPI: installed once into the user's cache, run by `server/tests/integration/skypilot.rs`.

use std::path::PathBuf;
use std::process::Command;

use localplane::binaries::find_program;

use super::venv::Program;
use crate::say::Say;
use crate::shell;

/// Pinned: the permission profiles were recorded with it.
const SKYPILOT: Program = Program { name: "SkyPilot", version: "0.14.1", package: "skypilot[kubernetes]", file: "sky" };
/// What it runs itself.
const PROGRAMS: [&str; 4] = ["socat", "nc", "rsync", "ssh-keygen"];
/// Debian packages of these.
const TOOLS: [&str; 4] = ["socat", "netcat-openbsd", "rsync", "openssh-client"];

/// Where `sky` is; none, with a note, where Python, its package index or what it runs is missing.
pub fn program(say: &Say) -> Option<PathBuf> {
    let program = SKYPILOT.find(say)?;
    match tools() {
        Ok(()) => Some(program),
        Err(error) => {
            say.note(format!("SkyPilot is left out: {error:#}; type `sudo apt-get install {}`", TOOLS.join(" ")));
            None
        }
    }
}

/// `sky check` reports Kubernetes as disabled where the first two are missing; `sky launch` needs the others, and the
/// test leaves it out without them.
fn tools() -> anyhow::Result<()> {
    let have = |programs: &[&str]| programs.iter().all(|program| find_program(program).is_some());
    if have(&PROGRAMS) {
        return Ok(());
    }
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").args(["--quiet", "install", "--yes"]).args(TOOLS);
    let installed = shell::quiet("apt-get", &mut apt).map(drop);
    if have(&PROGRAMS[..2]) { Ok(()) } else { installed }
}
