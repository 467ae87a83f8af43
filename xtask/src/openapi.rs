//! `cargo xtask openapi`: writes the API document that the server generates to `docs/openapi.json`.
//! The file is a contract: a test of the server finds it stale when a handler changed and it did not.

use std::path::Path;

use anyhow::{Context, Result};
use localplane::Stop;

use crate::repo::{self, Repo};
use crate::say::Say;
use crate::{ending, shell};

const FILE: &str = "docs/openapi.json";

/// Writes the file.
///
/// # Errors
/// When the server cannot be built, or says that its document is not whole.
pub fn run(stop: &Stop) -> Result<()> {
    ending::stop_on_signals(stop, true)?;
    let root = Repo::find()?.root;
    std::fs::write(root.join(FILE), generated(&root)?).with_context(|| format!("cannot write {FILE}"))?;
    Say::new().step(format!("Wrote {FILE}"));
    Ok(())
}

fn generated(root: &Path) -> Result<String> {
    let mut cargo = repo::cargo(root);
    cargo.args(["run", "--quiet", "--locked", "--package", "server", "--bin", "remotegpu", "--", "openapi"]);
    shell::quiet("cargo run -p server -- openapi", &mut cargo)
}
