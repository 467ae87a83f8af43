//! The kubectl before the pinned one, found or built once.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// kubectl 1.35; none where it can be neither found nor built, which is said (RULINGS 50).
pub fn earlier_kubectl() -> Option<&'static Path> {
    static KUBECTL: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = KUBECTL.get_or_init(|| {
        let found = localplane::earlier::kubectl(&mut |_| {});
        found.inspect_err(|why| crate::left_out(&format!("kubectl 1.35: {why:#}"))).ok()
    });
    found.as_deref()
}
