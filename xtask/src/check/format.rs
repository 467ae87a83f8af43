//! The formatter and the linter, as cargo brings them.
//! The browser's half is linted alone, for its own target: in one native build its features would meet the server's.

use std::path::Path;
use std::process::Command;

use localplane::Stop;

use super::{Outcome, broken};
use crate::tools::WASM;
use crate::{repo, shell};

/// `cargo fmt --check` over every crate.
pub fn formatted(root: &Path) -> Outcome {
    let mut cargo = repo::cargo(root);
    let output = cargo.args(["fmt", "--all", "--", "--check", "--files-with-diff"]).output();
    let output = output.map_err(|error| vec![format!("cannot start cargo fmt: {error}")])?;
    if output.status.success() {
        return Ok(String::new());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Err(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// clippy over everything but the browser's half, tests included; warnings are breaches.
pub fn lints(root: &Path, stop: &Stop) -> Outcome {
    let mut cargo = repo::cargo(root);
    cargo.args(["clippy", "--quiet", "--locked", "--workspace", "--exclude", "frontend", "--all-targets"]);
    clippy(&mut cargo, stop)
}

/// clippy over the browser's half.
pub fn browser_lints(root: &Path, stop: &Stop) -> Outcome {
    let mut cargo = repo::cargo(root);
    cargo.args(["clippy", "--quiet", "--locked", "--package", "frontend", "--target", WASM]);
    clippy(&mut cargo, stop)
}

fn clippy(cargo: &mut Command, stop: &Stop) -> Outcome {
    cargo.args(["--", "--deny", "warnings"]);
    shell::run("cargo clippy", cargo, stop).map(|()| String::new()).map_err(|error| broken(&error))
}
