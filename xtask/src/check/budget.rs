//! Lines per file: half of them at most 120, nine of ten at most 350, none over 500; tests apart.
//! Short files are how a newcomer finds things; the numbers are a page, a long page, and too much.

use std::path::{Path, PathBuf};

use super::Outcome;
use super::packages::Packages;

const MEDIAN: usize = 120;
const NINETY: usize = 350;
const MOST: usize = 500;

/// Measures every source file of the workspace.
pub fn check(packages: &Packages, root: &Path) -> Outcome {
    let files = packages.0.iter().flat_map(|package| sources(&package.dir)).filter(|path| !is_test(path));
    let mut lengths: Vec<(usize, PathBuf)> =
        files.filter_map(|path| Some((lines(&std::fs::read_to_string(&path).ok()?), path))).collect();
    lengths.sort();
    let at = |tenths: usize| lengths.get(lengths.len() * tenths / 10).map_or(0, |(length, _)| *length);
    let (median, ninety, most) = (at(5), at(9), lengths.last().map_or(0, |(length, _)| *length));
    let figures = format!("{} files: median {median}, nine of ten up to {ninety}, longest {most}", lengths.len());
    let mut breaches = Vec::new();
    if median > MEDIAN || ninety > NINETY {
        breaches.push(format!("{figures}; allowed are {MEDIAN}, {NINETY} and {MOST}"));
    }
    let too_long = lengths.iter().filter(|(length, _)| *length > MOST);
    breaches.extend(too_long.map(|(length, path)| {
        format!("{} has {length} lines; allowed are {MOST}", path.strip_prefix(root).unwrap_or(path).display())
    }));
    if breaches.is_empty() { Ok(figures) } else { Err(breaches) }
}

/// All Rust files of one package.
pub fn sources(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let below = entries.flatten().map(|entry| entry.path()).flat_map(|path| {
        let skipped = path.file_name().is_some_and(|name| name == "target" || name == "node_modules");
        match path.is_dir() {
            true if skipped => Vec::new(),
            true => sources(&path),
            false => vec![path],
        }
    });
    below.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

fn is_test(path: &Path) -> bool {
    let in_tests = path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "benches");
    in_tests || path.file_stem().is_some_and(|stem| stem == "tests")
}

/// Lines up to the tests at the end of the file.
fn lines(text: &str) -> usize {
    let all: Vec<&str> = text.lines().collect();
    let tests = all.windows(2).position(|pair| pair[0].trim() == "#[cfg(test)]" && pair[1].starts_with("mod tests"));
    tests.unwrap_or(all.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_at_the_end_do_not_count() {
        assert_eq!(lines("fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n"), 2);
        assert_eq!(lines("fn a() {}\nfn b() {}\n"), 2);
    }

    #[test]
    fn files_of_tests_are_known_by_their_place() {
        assert!(is_test(Path::new("/w/server/tests/keys.rs")) && is_test(Path::new("/w/x/src/pki/tests.rs")));
        assert!(!is_test(Path::new("/w/xtask/src/test/mod.rs")));
    }
}
