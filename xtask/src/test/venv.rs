//! Programs from Python's package index: each in an environment of its own in the user's cache, made once.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use localplane::binaries::find_program;

use crate::say::Say;
use crate::shell;

/// What is wanted.
pub struct Program {
    /// For people.
    pub name: &'static str,
    /// Pinned.
    pub version: &'static str,
    /// What pip is asked for, without the version.
    pub package: &'static str,
    /// Its file.
    pub file: &'static str,
}

// === impl Program ===

impl Program {
    /// Where it is; none, with a note, where Python or its package index is missing.
    pub fn find(&self, say: &Say) -> Option<PathBuf> {
        let home = std::env::var_os("HOME").map(PathBuf::from)?;
        let folder = format!("{}-{}", self.name.to_lowercase(), self.version);
        let folder = home.join(".cache/remotegpu/tools").join(folder);
        let program = folder.join("bin").join(self.file);
        if program.is_file() {
            return Some(program);
        }
        say.step(format!("Installing {} {}", self.name, self.version));
        match self.install(&folder) {
            Ok(()) => Some(program),
            Err(error) => {
                // A half-made environment would look installed the next time.
                let _ = std::fs::remove_dir_all(&folder);
                say.note(format!("{} is left out: {error:#}", self.name));
                None
            }
        }
    }

    fn install(&self, folder: &Path) -> Result<()> {
        let python = find_program("python3").context("no python3: type `sudo apt-get install python3-venv`")?;
        shell::quiet("python3 -m venv", Command::new(python).args(["-m", "venv"]).arg(folder))?;
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet", &format!("{}=={}", self.package, self.version)]);
        shell::quiet("pip install", &mut pip).map(drop)
    }
}
