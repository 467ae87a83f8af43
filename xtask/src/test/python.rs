//! The official Python client for the tests, in an environment of its own beside our other cached tools.
//! Where it cannot be fetched its test is skipped, and says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use localplane::binaries::find_program;

use crate::say::Say;
use crate::shell;

/// The client, pinned: its exec plugin code is what SkyPilot runs.
const CLIENT: &str = "kubernetes==37.0.2";

/// A Python that can import the client.
pub fn find(say: &Say) -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let folder = home.join(".cache/remotegpu/tools/python");
    let python = folder.join("bin/python");
    if can_import(&python) {
        return Some(python);
    }
    let system = find_program("python3")?;
    say.step("Fetching the official Python client");
    let made = shell::quiet("python3 -m venv", Command::new(system).args(["-m", "venv"]).arg(&folder))
        .and_then(|_| shell::quiet("pip install", Command::new(&python).args(["-m", "pip", "install", "-q", CLIENT])));
    if let Err(error) = made {
        say.note(format!("  skipped: the test of the Python client ({error:#})"));
        return None;
    }
    Some(python)
}

fn can_import(python: &Path) -> bool {
    let mut import = Command::new(python);
    shell::quiet("import", import.args(["-c", "import kubernetes"])).is_ok()
}
