//! `cargo xtask down`: stops what `up` started on a data directory, in the same order as `up` itself would.
//! Only processes that are proved to be ours are touched; data stays.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use localplane::{Stop, wait};
use nix::sys::signal::Signal;

use crate::repo::Repo;
use crate::say::Say;
use crate::up::record::{self, Known, Record};

/// Each of at most nine processes gets five seconds before it is killed.
const OWNER: Duration = Duration::from_secs(60);
const CHILD: Duration = Duration::from_secs(5);

/// `cargo xtask down`
#[derive(Debug, Args)]
pub struct Options {
    /// The data directory [default: .remotegpu in the checkout].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Stops everything of the data directory and says so.
///
/// # Errors
/// When the directory cannot be read.
pub fn run(options: &Options) -> Result<()> {
    let say = Say::new();
    let dir = options.data.clone().map_or_else(|| Ok(Repo::find()?.root.join(".remotegpu")), anyhow::Ok)?;
    let record = Record::read(&dir);
    let running = record.owner.iter().chain(&record.children).any(Known::is_alive);
    if !running {
        say.note(format!("Nothing runs on {}", dir.display()));
        return Ok(());
    }
    if let Some(owner) = record.owner.filter(Known::is_alive) {
        say.step(format!("Stopping what runs on {}", dir.display()));
        owner.signal(Signal::SIGTERM);
        // Not killed: it may be in the middle of stopping what it started.
        gone(&owner, OWNER).with_context(|| format!("`up` still runs (process {})", owner.pid))?;
    }
    stop_leftovers(&dir, &say)?;
    say.step("Stopped; the data stays");
    Ok(())
}

/// Stops children whose `up` was killed before it could stop them.
///
/// # Errors
/// When one cannot be stopped; names it.
pub fn stop_leftovers(dir: &Path, say: &Say) -> Result<()> {
    let record = Record::read(dir);
    let left: Vec<&Known> = record.children.iter().rev().filter(|known| known.is_alive()).collect();
    if !left.is_empty() {
        let names: Vec<&str> = left.iter().map(|known| known.name.as_str()).collect();
        say.step(format!("Stopping processes of an earlier start that was killed: {}", names.join(", ")));
    }
    for known in left {
        known.signal(Signal::SIGTERM);
        if gone(known, CHILD).is_err() {
            known.signal(Signal::SIGKILL);
            gone(known, CHILD).with_context(|| format!("cannot stop {} (process {})", known.name, known.pid))?;
        }
    }
    record::forget(dir);
    Ok(())
}

fn gone(known: &Known, limit: Duration) -> Result<()> {
    let what = format!("the end of {}", known.name);
    wait::until(&what, limit, &Stop::default(), || Ok((!known.is_alive()).then_some(())))
}
