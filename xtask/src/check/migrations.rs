//! Each migration exists for both databases, under the same number and name.
//! One that is missing on one side would only show on somebody else's database.

use std::collections::BTreeSet;
use std::path::Path;

use super::Outcome;

/// Finds migrations without their twin.
pub fn check(root: &Path) -> Outcome {
    let (sqlite, postgres) = (names(&root.join("migrations/sqlite")), names(&root.join("migrations/postgres")));
    let lone = sqlite.symmetric_difference(&postgres).map(|name| {
        let side = if sqlite.contains(name) { "postgres" } else { "sqlite" };
        format!("migrations/{side}/{name} is missing")
    });
    let lone: Vec<String> = lone.collect();
    if lone.is_empty() { Ok(format!("{} of each", sqlite.len())) } else { Err(lone) }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".sql"))
        .collect()
}
