//! Which processes belong to a data directory: `pids.json`, and a lock that its owner holds while it lives.
//! A process is known by its id and its start time, so that a number used again by somebody else is never mistaken.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use localplane::files;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// One process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Known {
    pub name: String,
    pub pid: u32,
    /// In clock ticks since the machine's start, as `/proc/<pid>/stat` says.
    started: u64,
}

impl Known {
    /// A process that runs now; `None` if it does not.
    pub fn running(name: &str, pid: u32) -> Option<Self> {
        Some(Self { name: name.to_owned(), pid, started: start_time(pid)? })
    }

    /// Whether this very process still runs.
    pub fn is_alive(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }

    /// Sends a signal to the process group it leads, or to itself if it leads none.
    pub fn signal(&self, signal: Signal) {
        if self.is_alive() {
            let pid = Pid::from_raw(i32::try_from(self.pid).unwrap_or(i32::MAX));
            if killpg(pid, signal) == Err(Errno::ESRCH) {
                let _gone_already = kill(pid, signal);
            }
        }
    }
}

/// The contents of `pids.json`.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The `up` itself.
    pub owner: Option<Known>,
    /// In the order of their start.
    pub children: Vec<Known>,
    pub is_ready: bool,
}

impl Record {
    /// This process, with nothing started yet.
    pub fn of_this_process() -> Self {
        Self { owner: Known::running("xtask", std::process::id()), ..Self::default() }
    }

    /// The same, ready for use.
    pub fn ready(self) -> Self {
        Self { is_ready: true, ..self }
    }

    /// Reads `DIR/pids.json`; empty if there is none or it is not ours.
    pub fn read(dir: &Path) -> Self {
        let read = || {
            let value: Value = serde_json::from_slice(&fs::read(dir.join("pids.json")).ok()?).ok()?;
            let children = value["children"].as_array()?.iter().filter_map(parse).collect();
            Some(Self { owner: parse(&value["owner"]), children, is_ready: value["ready"].as_bool()? })
        };
        read().unwrap_or_default()
    }

    /// Writes `DIR/pids.json`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let show = |known: &Known| json!({"name": known.name, "pid": known.pid, "started": known.started});
        let value = json!({
            "owner": self.owner.as_ref().map(show),
            "children": self.children.iter().map(show).collect::<Vec<_>>(),
            "ready": self.is_ready,
        });
        files::write_public(&dir.join("pids.json"), format!("{value:#}\n").as_bytes())
    }
}

/// Removes `DIR/pids.json`.
pub fn forget(dir: &Path) {
    let _not_there = fs::remove_file(dir.join("pids.json"));
}

/// Takes the lock of a data directory until the file is dropped; `None` if somebody else holds it.
///
/// # Errors
/// When the lock file cannot be made.
pub fn lock(dir: &Path) -> Result<Option<File>> {
    let path = dir.join(".lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(file.try_lock().is_ok().then_some(file))
}

fn parse(value: &Value) -> Option<Known> {
    let pid = u32::try_from(value["pid"].as_u64()?).ok()?;
    Some(Known { name: value["name"].as_str()?.to_owned(), pid, started: value["started"].as_u64()? })
}

/// Field 22 of `/proc/<pid>/stat`; `None` for a process that is gone or only waits to be reaped.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in brackets and may hold anything, brackets and blanks too.
    let mut after_name = stat.rsplit_once(')')?.1.split_whitespace();
    let state = after_name.next()?;
    let started = after_name.nth(18)?.parse().ok()?;
    (state != "Z").then_some(started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_being_written_and_read() {
        let dir = tempfile::tempdir().unwrap();
        let record = Record::of_this_process().ready();
        record.write(dir.path()).unwrap();
        let read = Record::read(dir.path());
        assert_eq!(read.owner, record.owner);
        assert!(read.is_ready && read.owner.unwrap().is_alive());
    }

    #[test]
    fn a_number_used_again_by_another_process_is_not_ours() {
        let mut known = Known::running("me", std::process::id()).unwrap();
        known.started += 1;
        assert!(!known.is_alive());
    }

    #[test]
    fn a_data_directory_has_one_owner_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock(dir.path()).unwrap();
        assert!(first.is_some());
        assert!(lock(dir.path()).unwrap().is_none());
        drop(first);
        assert!(lock(dir.path()).unwrap().is_some());
    }
}
