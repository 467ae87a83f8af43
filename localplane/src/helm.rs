//! Helm for the chart and its tests.

use std::path::PathBuf;

use anyhow::Result;

use crate::binaries::Progress;
use crate::module::Program;

/// Without a stamp it calls itself v4 with the minor version that its source names, which is all that is asked.
pub(crate) const HELM: Program = Program {
    name: "helm",
    title: "helm 4",
    on_path: "helm",
    package: "helm.sh/helm/v4/cmd/helm",
    go_mod: include_str!("../helm/go.mod"),
    go_sum: include_str!("../helm/go.sum"),
    stamp: "",
    ask: &["version", "--short"],
    answer: "v4.",
};

/// Finds or makes it.
///
/// # Errors
/// As [`Program::find`].
pub fn find(progress: Progress) -> Result<PathBuf> {
    HELM.find(progress)
}
