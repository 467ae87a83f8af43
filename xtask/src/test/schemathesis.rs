//! schemathesis, a fuzzer that reads our API document: installed once into the user's cache, run by the integration
//! tests (`server/tests/integration/schemathesis.rs`), which have the console and the people it needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use localplane::binaries::find_program;

use crate::say::Say;
use crate::shell;

/// Pinned: a newer one finds other things.
const VERSION: &str = "4.32.5";

/// Where the program is; none, with a note, where Python or its package index is missing.
pub fn program(say: &Say) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from)?;
    let folder = home.join(".cache/remotegpu/tools").join(format!("schemathesis-{VERSION}"));
    let program = folder.join("bin/schemathesis");
    if program.is_file() {
        return Some(program);
    }
    say.step(format!("Installing schemathesis {VERSION}"));
    match install(&folder) {
        Ok(()) => Some(program),
        Err(error) => {
            // A half-made environment would look installed the next time.
            let _ = std::fs::remove_dir_all(&folder);
            say.note(format!("schemathesis is left out: {error:#}"));
            None
        }
    }
}

fn install(folder: &Path) -> anyhow::Result<()> {
    let python = find_program("python3");
    let python = python.ok_or_else(|| anyhow::anyhow!("no python3: type `sudo apt-get install python3-venv`"))?;
    shell::quiet("python3 -m venv", Command::new(python).args(["-m", "venv"]).arg(folder))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    shell::quiet("pip install", pip.args(["install", "--quiet", &format!("schemathesis=={VERSION}")]))?;
    Ok(())
}
