//! A program from a Go module of its own: from PATH where it fits, else from our cache, else built.
//! Such a module has its own `go.mod`, so that it never moves the modules of the control plane.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::binaries::{Progress, find_program};
use crate::go;
use crate::wait::Stop;

/// What is wanted, and what it is built from.
pub struct Program {
    /// Its file name in our cache.
    pub name: &'static str,
    /// With its version, for people.
    pub title: &'static str,
    /// Its file name on PATH.
    pub on_path: &'static str,
    /// The Go package, a `tool` of the module.
    pub package: &'static str,
    /// The text of the module's `go.mod`.
    pub go_mod: &'static str,
    /// The text of its `go.sum`.
    pub go_sum: &'static str,
    /// What the linker stamps in.
    pub stamp: &'static str,
    /// How to ask for its version.
    pub ask: &'static [&'static str],
    /// How the answer of a fitting one begins.
    pub answer: &'static str,
}

// === impl Program ===

impl Program {
    /// Finds or makes it.
    ///
    /// # Errors
    /// When Go is missing (says what to install) or the build fails (with the compiler's last lines).
    pub fn find(&self, progress: Progress) -> Result<PathBuf> {
        if let Some(found) = find_program(self.on_path).filter(|path| self.fits(path)) {
            return Ok(found);
        }
        let dir = self.cache_dir()?;
        let program = dir.join(self.name);
        if self.fits(&program) {
            return Ok(program);
        }
        fs::create_dir_all(&dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
        // Two tests at once must not build the same file; the second finds it made.
        let lock = File::create(dir.join(".lock")).context("cannot make the lock file of the cache")?;
        lock.lock().context("cannot lock the cache")?;
        if !self.fits(&program) {
            progress(&format!("Building {} (some minutes)", self.title));
            self.build(&dir, &program)?;
        }
        Ok(program)
    }

    /// Whether it runs and is of the wanted version.
    fn fits(&self, program: &Path) -> bool {
        let asked = Command::new(program).args(self.ask).stdin(Stdio::null()).output();
        asked.is_ok_and(|output| output.status.success() && output.stdout.starts_with(self.answer.as_bytes()))
    }

    /// `$HOME/.cache/remotegpu/<name>/<first 12 digits of the hash of go.mod and go.sum>`.
    fn cache_dir(&self) -> Result<PathBuf> {
        let home = std::env::var_os("HOME").with_context(|| format!("HOME is not set: it holds {}", self.name))?;
        let mut hash = Sha256::new();
        hash.update(self.go_mod);
        hash.update(self.go_sum);
        let version: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Ok(PathBuf::from(home).join(".cache/remotegpu").join(self.name).join(version))
    }

    fn build(&self, dir: &Path, program: &Path) -> Result<()> {
        let title = self.title;
        if find_program("go").is_none() {
            bail!(
                "{title} is not on PATH, and Go is not installed to build it: install Go 1.26 or newer from \
                 https://go.dev/dl/"
            );
        }
        let source = dir.join("source");
        fs::create_dir_all(&source).with_context(|| format!("cannot make the folder {}", source.display()))?;
        fs::write(source.join("go.mod"), self.go_mod).context("cannot write go.mod")?;
        fs::write(source.join("go.sum"), self.go_sum).context("cannot write go.sum")?;
        go::build(title, self.package, &format!("-s -w {}", self.stamp), &source, program, &Stop::default())?;
        fs::remove_dir_all(&source).with_context(|| format!("cannot remove {}", source.display()))
    }
}

#[cfg(test)]
mod tests {
    use crate::{earlier, helm, metrics_server};

    #[test]
    fn each_program_is_a_tool_of_its_own_go_mod() {
        for program in [&helm::HELM, &earlier::KUBECTL, &metrics_server::METRICS_SERVER] {
            assert!(program.go_mod.contains(&format!("\ntool {}\n", program.package)), "{}", program.title);
            assert!(!program.go_sum.is_empty(), "{}", program.title);
        }
    }
}
