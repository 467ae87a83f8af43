//! The Helm of a test run, found or built once.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The program.
pub fn helm() -> &'static Path {
    static HELM: OnceLock<PathBuf> = OnceLock::new();
    HELM.get_or_init(|| localplane::helm::find(&mut |_| {}).expect("helm can be found or built"))
}
