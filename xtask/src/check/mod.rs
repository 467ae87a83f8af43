//! `cargo xtask check`: the house rules. No rule that a person must remember if a check can hold it.
//! Each check is one line, failed ones with their findings, quick ones first.

mod budget;
mod format;
mod layers;
mod licences;
mod migrations;
mod packages;
mod rules;
mod unsafe_code;
mod unused;
mod wasm;

use anyhow::Result;
use localplane::Stop;

use crate::ending::{self, Explained};
use crate::repo::{self, Repo};
use crate::say::Say;
use packages::Packages;

/// How many checks were kept and broken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
}

/// What a check found: a remark if the rule is kept, one line per breach if not.
pub type Outcome = Result<String, Vec<String>>;

/// Runs all checks.
///
/// # Errors
/// When one is broken or cannot be run.
pub fn run(stop: &Stop) -> Result<()> {
    ending::stop_on_signals(stop, true)?;
    let tally = all(&Repo::find()?, &Say::new(), stop)?;
    println!("{} checks passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 { Ok(()) } else { Err(Explained.into()) }
}

/// As [`run`], for the tests.
///
/// # Errors
/// When one cannot be run at all.
pub fn all(repo: &Repo, say: &Say, stop: &Stop) -> Result<Tally> {
    let packages = Packages::of(&repo::metadata(&repo.root, &["--no-deps"])?);
    let mut report = Report { say, stop, tally: Tally::default() };
    report.add("layers", || layers::check(&packages))?;
    report.add("unsafe code forbidden", || unsafe_code::check(&packages))?;
    report.add("unused dependencies", || unused::check(&packages))?;
    report.add("migrations in pairs", || migrations::check(&repo.root))?;
    report.add("line budgets", || budget::check(&packages, &repo.root))?;
    report.add("proofs of the security rules", || rules::check(&repo.root))?;
    report.add("wasm purity", || wasm::check(&repo.root))?;
    report.add("format", || format::formatted(&repo.root))?;
    report.add("lints", || format::lints(&repo.root, stop))?;
    report.add("lints of the browser's half", || format::browser_lints(&repo.root, stop))?;
    report.add("licences, bans, sources", || licences::check(&repo.root, say, stop))?;
    Ok(report.tally)
}

struct Report<'a> {
    say: &'a Say,
    stop: &'a Stop,
    tally: Tally,
}

impl Report<'_> {
    fn add(&mut self, name: &str, check: impl FnOnce() -> Outcome) -> Result<()> {
        let outcome = check();
        if self.stop.requested() {
            return Err(localplane::wait::Interrupted.into());
        }
        match outcome {
            Ok(remark) => {
                self.tally.passed += 1;
                let remark = if remark.is_empty() { remark } else { format!(" ({remark})") };
                self.say.step(format!("check ok      {name}{remark}"));
            }
            Err(breaches) => {
                self.tally.failed += 1;
                self.say.step(format!("check FAILED  {name}"));
                for breach in breaches {
                    self.say.note(format!("             {}", breach.replace('\n', "\n             ")));
                }
            }
        }
        Ok(())
    }
}

/// A failure to run a check, as its only finding.
fn broken(error: &anyhow::Error) -> Vec<String> {
    vec![format!("{error:#}")]
}
