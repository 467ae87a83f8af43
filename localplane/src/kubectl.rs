//! Our pinned kubectl under one kubeconfig: the way in which `up` and the tests set up a cluster.
//! Everything a caller needs of Kubernetes here is a command that a person could type too.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// One kubectl program and one kubeconfig.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    pub fn new(program: &Path, kubeconfig: &Path) -> Self {
        Self { program: program.to_owned(), kubeconfig: kubeconfig.to_owned() }
    }

    /// The program's path.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The kubeconfig's path.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The command with kubeconfig set and everything else of the caller's environment that would change it left out.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig).env_remove("KUBECONFIG").stdin(Stdio::null());
        // The default cache is shared by address and port: another cluster that had them would answer from it.
        command.arg("--cache-dir").arg(self.kubeconfig.with_extension("cache"));
        command
    }

    /// Runs kubectl and gives what it printed.
    ///
    /// # Errors
    /// When it ends with an error: its own words.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        self.feed(arguments, "")
    }

    /// As [`Kubectl::run`], with `input` on its standard input.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub fn feed(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A kubectl that ends early closes its side; its exit status below says why.
            let _closed_early = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().context("cannot wait for kubectl")?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            bail!("kubectl {}: {}", arguments.first().copied().unwrap_or_default(), words.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
