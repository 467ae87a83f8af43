//! metrics-server for the test of `kubectl top`.

use std::path::PathBuf;

use anyhow::Result;

use crate::binaries::Progress;
use crate::module::Program;

/// Without a stamp it does not know its own version.
pub(crate) const METRICS_SERVER: Program = Program {
    name: "metrics-server",
    title: "metrics-server",
    on_path: "metrics-server",
    package: "sigs.k8s.io/metrics-server/cmd/metrics-server",
    go_mod: include_str!("../metrics-server/go.mod"),
    go_sum: include_str!("../metrics-server/go.sum"),
    stamp: "",
    ask: &["--version"],
    answer: "",
};

/// Finds or makes it.
///
/// # Errors
/// As [`Program::find`].
pub fn find(progress: Progress) -> Result<PathBuf> {
    METRICS_SERVER.find(progress)
}
