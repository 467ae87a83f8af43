//! All Rust tests in one pass of cargo: unit, contract (SQLite and PostgreSQL), integration on the running platform.
//! The browser's half has no native tests and stays out: its features would meet the server's.

use std::path::Path;

use anyhow::Result;
use localplane::Stop;

use crate::check::Tally;
use crate::say::Say;
use crate::{repo, shell};

/// What a test writes that leaves something out.
const LEFT_OUT: &str = "left out: ";
const THREADS: &str = "RUST_TEST_THREADS";
/// Most tests wait for a cluster half of their time.
const THREADS_PER_CORE: usize = 2;

/// Runs them, counts, and collects what they left out.
///
/// # Errors
/// When cargo cannot be started. A build that fails is one failure.
pub fn run(
    root: &Path,
    filter: Option<&str>,
    environment: &[(String, String)],
    say: &Say,
    stop: &Stop,
) -> Result<(Tally, Vec<String>)> {
    say.step("Running the Rust tests");
    let mut cargo = repo::cargo(root);
    cargo.args(["test", "--locked", "--workspace", "--exclude", "frontend", "--no-fail-fast"]).args(filter);
    cargo.envs(environment.iter().map(|(key, value)| (key, value)));
    if std::env::var_os(THREADS).is_none() {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        cargo.env(THREADS, (cores * THREADS_PER_CORE).to_string());
    }
    let (mut tally, mut left_out) = (Tally::default(), Vec::new());
    let status = shell::follow("cargo test", &mut cargo, stop, |line| {
        if let Some((passed, failed)) = counts(line) {
            tally.passed += passed;
            tally.failed += failed;
        }
        left_out.extend(left_out_by(line));
    })?;
    if !status.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    left_out.sort_unstable();
    left_out.dedup();
    Ok((tally, left_out))
}

/// What the line says was left out. A test of another thread may have begun the line: `test a::b ... left out: …`.
fn left_out_by(line: &str) -> Option<String> {
    line.split_once(LEFT_OUT).map(|(_, what)| what.trim_end().to_owned())
}

/// The numbers in `test result: ok. 20 passed; 0 failed; …`.
fn counts(line: &str) -> Option<(usize, usize)> {
    let (_, rest) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |word: &str| {
        let part = rest.split("; ").find(|part| part.ends_with(word))?;
        part.split(' ').next()?.parse().ok()
    };
    Some((number(" passed")?, number(" failed")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_test_harness_is_counted() {
        let line = "test result: FAILED. 20 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.08s";
        assert_eq!(counts(line), Some((20, 3)));
        assert_eq!(counts("test wait::tests::a ... ok"), None);
    }

    #[test]
    fn what_a_test_leaves_out_is_named() {
        let what = Some("a clock: libfaketime is not installed".to_owned());
        assert_eq!(left_out_by("left out: a clock: libfaketime is not installed"), what);
        assert_eq!(left_out_by("test a::b ... left out: a clock: libfaketime is not installed"), what);
        assert_eq!(left_out_by("test a::b ... ok"), None);
    }
}
