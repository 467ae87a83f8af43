//! What must never reach the browser: database, cluster and server crates in the graph of `frontend`.
//! One wrong feature would bring them, and the page would only grow, not fail.

use std::path::Path;

use super::{Outcome, broken};
use crate::tools::WASM;
use crate::{repo, shell};

const NEVER: [&str; 9] = ["tokio", "sqlx", "kube", "k8s-openapi", "hyper", "reqwest", "backend", "axum", "utoipa"];

/// Finds such crates in `cargo tree -p frontend`.
pub fn check(root: &Path) -> Outcome {
    let mut cargo = repo::cargo(root);
    cargo.args(["tree", "--locked", "--package", "frontend", "--target", WASM, "--edges", "normal"]);
    cargo.args(["--prefix", "none", "--format", "{p}"]);
    let tree = shell::quiet("cargo tree", &mut cargo).map_err(|error| broken(&error))?;
    let names: std::collections::BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    let found: Vec<String> =
        NEVER.iter().filter(|name| names.contains(*name)).map(|name| format!("frontend holds {name}")).collect();
    if found.is_empty() { Ok(format!("{} crates", names.len())) } else { Err(found) }
}
