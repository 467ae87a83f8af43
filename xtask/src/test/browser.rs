//! The browser tests: Playwright over the running platform, in the system's own Chromium.
//! Counted from Playwright's JSON report, while a person reads its list.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use localplane::Stop;
use localplane::binaries::find_program;
use serde_json::Value;

use crate::check::Tally;
use crate::ending::Explained;
use crate::say::Say;
use crate::{shell, tools};

/// Names under which Chromium is installed.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Runs them and counts.
///
/// # Errors
/// When npm's packages or the browser are missing, or Playwright broke off before its report.
pub fn run(
    root: &Path,
    filter: Option<&str>,
    dir: &Path,
    environment: &[(String, String)],
    say: &Say,
    stop: &Stop,
) -> Result<Tally> {
    let folder = root.join("end2end");
    tools::npm_packages(&folder, say, stop)?;
    let chromium = chromium().context("no Chromium found: type `sudo apt-get install chromium`")?;
    say.step(format!("Running the browser tests in {}", chromium.display()));
    let report = dir.join("playwright.json");
    let mut playwright = Command::new(folder.join("node_modules/.bin/playwright"));
    playwright.current_dir(&folder).args(["test", "--reporter=list,json"]);
    if let Some(filter) = filter {
        playwright.args(["--pass-with-no-tests", "--grep", filter]);
    }
    playwright.envs(environment.iter().map(|(key, value)| (key, value)));
    playwright.env("CHROMIUM", chromium).env("PLAYWRIGHT_JSON_OUTPUT_FILE", &report).env("CI", "1");
    let end = shell::run("playwright", &mut playwright, stop);
    ensure!(!stop.requested(), Explained);
    let text = std::fs::read_to_string(&report);
    let text = text.with_context(|| format!("playwright wrote no report ({end:?})"))?;
    let mut tally = count(&serde_json::from_str(&text).context("playwright's report is not JSON")?);
    if end.is_err() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// The browser of this machine.
pub fn chromium() -> Option<PathBuf> {
    BROWSERS.iter().find_map(|name| find_program(name))
}

/// A test that passed only at the second try hides a race: it counts as failed.
fn count(report: &Value) -> Tally {
    let number = |name: &str| usize::try_from(report["stats"][name].as_u64().unwrap_or(0)).unwrap_or(0);
    Tally { passed: number("expected"), failed: number("unexpected") + number("flaky") }
}
