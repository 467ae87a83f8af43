//! Does a program run, and which version is it?
//! A file that was cut off, or is of another machine, is found here and not in the middle of a start.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Pins, Tool};

/// What one look at a cached program says.
#[derive(Debug)]
pub enum Verdict {
    Good,
    Absent,
    /// With the reason, for people.
    Broken(String),
}

/// What the program says about its version.
///
/// # Errors
/// When it cannot be started or ends with an error.
pub fn version(tool: Tool, path: &Path) -> Result<String> {
    let arguments: &[&str] = if tool.name == "kubectl" { &["version", "--client"] } else { &["--version"] };
    let output = Command::new(path).args(arguments).output().context("it cannot be started")?;
    if !output.status.success() {
        bail!("{} gives {}", arguments.join(" "), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a cached program once.
pub fn judge(tool: Tool, path: &Path, pins: &Pins) -> Verdict {
    if !path.exists() {
        return Verdict::Absent;
    }
    match version(tool, path) {
        Err(error) => Verdict::Broken(format!("{error:#}")),
        Ok(text) if text.contains(&pins.exact(tool)) => Verdict::Good,
        Ok(text) => Verdict::Broken(format!("it says {}", text.lines().next().unwrap_or("nothing"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::TOOLS;
    use super::*;

    /// Written by another process: a file that a thread of ours has open for writing cannot be run by its neighbours.
    fn program(name: &str, text: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("localplane-probe-{}-{name}", std::process::id()));
        let mut shell = Command::new("sh");
        shell.args(["-c", "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\""]).arg(&path).arg(text);
        assert!(shell.status().unwrap().success());
        path
    }

    #[test]
    fn a_program_that_was_cut_off_is_broken() {
        let path = program("cut", "\u{7f}ELF");
        assert!(matches!(judge(TOOLS[0], &path, &Pins::read().unwrap()), Verdict::Broken(_)));
    }

    #[test]
    fn a_program_that_ends_with_an_error_is_broken() {
        let path = program("error", "#!/bin/sh\nexit 1\n");
        let Verdict::Broken(why) = judge(TOOLS[1], &path, &Pins::read().unwrap()) else { panic!("not broken") };
        assert_eq!(why, "--version gives exit status: 1");
    }

    #[test]
    fn a_program_of_another_version_is_broken() {
        let path = program("old", "#!/bin/sh\necho Kubernetes v1.0.0\n");
        let Verdict::Broken(why) = judge(TOOLS[1], &path, &Pins::read().unwrap()) else { panic!("not broken") };
        assert_eq!(why, "it says Kubernetes v1.0.0");
    }

    #[test]
    fn a_file_that_is_not_there_is_absent() {
        assert!(matches!(judge(TOOLS[1], Path::new("/nowhere/at/all"), &Pins::read().unwrap()), Verdict::Absent));
    }
}
