//! Each crate root says `#![forbid(unsafe_code)]` itself.
//! The workspace lint says it too, but a crate can drop that with one line in its manifest.

use super::Outcome;
use super::packages::Packages;

/// Finds crate roots without the line.
pub fn check(packages: &Packages) -> Outcome {
    let roots = packages.0.iter().flat_map(|package| &package.roots);
    let says = |path: &&std::path::PathBuf| {
        std::fs::read_to_string(path).is_ok_and(|text| text.contains("#![forbid(unsafe_code)]"))
    };
    let silent: Vec<_> = roots.filter(|path| !says(path)).map(|path| path.display().to_string()).collect();
    if silent.is_empty() { Ok(String::new()) } else { Err(silent) }
}
