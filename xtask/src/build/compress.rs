//! A `.br` and a `.gz` beside each file of the site.
//! Made once at build time, so that the console sends the smallest form without work per request.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// Writes both compressed forms of each file; gives the bytes of all brotli forms together.
///
/// # Errors
/// When Node cannot be started or a file not be read or written.
pub fn all(root: &Path, files: &[PathBuf]) -> Result<usize> {
    let mut node = Command::new("node");
    node.arg(root.join("xtask/src/build/compress.mjs")).args(files);
    let total = shell::quiet("compressing the site", &mut node)?;
    total.trim().parse().context("compressing the site says no number")
}
