//! The processes of one data directory in the order of their start, each noted in `pids.json` as soon as it runs.
//! So that `down`, or the next `up`, finds them even if this process is killed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use localplane::Process;

use super::record::{Known, Record};

/// Running children. Dropping it stops them.
#[derive(Debug)]
pub struct Supervised {
    dir: PathBuf,
    processes: Vec<Process>,
    record: Record,
}

impl Supervised {
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), processes: Vec::new(), record: Record::of_this_process() }
    }

    /// Starts one more, with its log in `DIR/logs/<name>.log`.
    ///
    /// # Errors
    /// When it cannot be started or noted.
    pub fn start(&mut self, name: &str, command: &mut Command) -> Result<()> {
        let process = Process::spawn(name, command, &self.dir.join("logs"))?;
        let pid = process.pid();
        self.processes.push(process);
        self.note(name, pid)
    }

    /// Notes a process that somebody else watches and stops.
    ///
    /// # Errors
    /// When `pids.json` cannot be written.
    pub fn note(&mut self, name: &str, pid: u32) -> Result<()> {
        self.record.children.extend(Known::running(name, pid));
        self.record.write(&self.dir)
    }

    /// What is noted so far.
    pub fn record(&self) -> Record {
        self.record.clone()
    }

    /// Says nothing while all run.
    ///
    /// # Errors
    /// When one has ended: its name and the last lines of its log.
    pub fn ensure_alive(&mut self) -> Result<()> {
        self.processes.iter_mut().try_for_each(Process::ensure_alive)
    }

    /// Stops all, last started first.
    pub fn stop(&mut self) {
        while let Some(mut process) = self.processes.pop() {
            process.stop();
        }
    }

    /// Stops one by its name, before the others.
    pub fn stop_one(&mut self, name: &str) {
        if let Some(index) = self.processes.iter().position(|process| process.name() == name) {
            self.processes.remove(index).stop();
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.stop();
    }
}
