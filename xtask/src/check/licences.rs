//! cargo-deny over `deny.toml`: licences, banned and doubled crates, sources.
//! Advisories need a network and are checked only on request; a skip is said aloud.

use std::path::Path;
use std::process::Command;

use localplane::Stop;

use super::{Outcome, broken};
use crate::say::Say;
use crate::{repo, shell, tools};

const VERSION: &str = "0.20.2";

/// Runs cargo-deny, building it once if it is not there.
pub fn check(root: &Path, say: &Say, stop: &Stop) -> Outcome {
    let program = tools::cargo_tool(root, "cargo-deny", VERSION, say, stop).map_err(|error| broken(&error))?;
    // It reads the manifest of every crate in the lock file, also of those that only other systems compile.
    let mut fetch = repo::cargo(root);
    fetch.args(["fetch", "--locked", "--quiet"]);
    shell::run("cargo fetch", &mut fetch, stop).map_err(|error| broken(&error))?;
    let mut command = Command::new(program);
    // Its calls of cargo must see the same environment as ours.
    command.envs(repo::cargo(root).get_envs().filter_map(|(key, value)| Some((key, value?))));
    command.current_dir(root).args(["--log-level=error", "--locked", "--offline", "check"]);
    command.args(["--hide-inclusion-graph", "bans", "licenses", "sources"]);
    shell::run("cargo deny", &mut command, stop).map_err(|error| broken(&error))?;
    Ok("advisories skipped: they need a network; type `cargo deny check advisories`".to_owned())
}
