//! One child process: its own process group, its own log file, stopped in good time.
//! A child that ends by itself becomes an error that carries its name and its last words.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

// 5 s: the API server would wait a minute for open watches; its state is in etcd, so nothing is lost by not waiting.
const GRACE: Duration = Duration::from_secs(5);
const TAIL_LINES: usize = 12;

/// A running child. Dropping it stops it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    stopped: bool,
}

impl Process {
    /// Starts `command` in a process group of its own (Ctrl-C in the terminal does not reach it) with both outputs in
    /// `logs/<name>.log`; the log of the run before is kept as `<name>.log.old`.
    ///
    /// # Errors
    /// When the program cannot be started or the log not written; names both.
    pub fn spawn(name: &str, command: &mut Command, logs: &Path) -> Result<Self> {
        fs::create_dir_all(logs).with_context(|| format!("cannot make the folder {}", logs.display()))?;
        let log = logs.join(format!("{name}.log"));
        if log.exists() {
            fs::rename(&log, log.with_extension("log.old"))
                .with_context(|| format!("cannot move {}", log.display()))?;
        }
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let errors = output.try_clone().with_context(|| format!("cannot write {}", log.display()))?;
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name} ({program})"))?;
        Ok(Self { name: name.to_owned(), child, log, stopped: false })
    }

    /// The name given at start.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id, which is also the id of its process group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Says nothing while the child runs.
    ///
    /// # Errors
    /// When it has ended: its name, how it ended and the last lines of its log.
    pub fn ensure_alive(&mut self) -> Result<()> {
        match self.child.try_wait().with_context(|| format!("cannot watch {}", self.name))? {
            None => Ok(()),
            Some(status) => bail!("{}", self.obituary(status)),
        }
    }

    /// Sends SIGTERM to its group, and SIGKILL if it is still there after a short wait.
    pub fn stop(&mut self) {
        self.signal_end();
        self.finish();
    }

    /// Sends SIGTERM without waiting, so that several children can end side by side; [`Process::stop`] waits.
    pub fn signal_end(&mut self) {
        if !self.stopped && matches!(self.child.try_wait(), Ok(None)) {
            let _gone_already = killpg(self.group(), Signal::SIGTERM);
        }
    }

    fn finish(&mut self) {
        if self.stopped {
            return;
        }
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if start.elapsed() >= GRACE {
                let _gone_already = killpg(self.group(), Signal::SIGKILL);
                let _reaped = self.child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.stopped = true;
    }

    fn group(&self) -> Pid {
        // Process ids of Linux fit in 22 bits.
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX))
    }

    fn obituary(&self, status: ExitStatus) -> String {
        let last = tail(&self.log, TAIL_LINES);
        let log = self.log.display();
        if last.is_empty() {
            return format!("{} ended by itself ({status}) and wrote nothing to {log}", self.name);
        }
        format!("{} ended by itself ({status}). The end of {log}:\n{last}", self.name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The last `lines` lines of a file, each indented by four blanks; empty when it cannot be read.
pub fn tail(path: &Path, lines: usize) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    let from = all.len().saturating_sub(lines);
    all[from..].iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("localplane-process-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_child_that_ends_by_itself_is_named_with_its_last_words() {
        let logs = logs("dies");
        let mut command = Command::new("sh");
        let mut child = Process::spawn("poet", command.args(["-c", "echo so long >&2; exit 3"]), &logs).unwrap();
        let error = crate::wait::until("its end", Duration::from_secs(10), &crate::Stop::default(), || {
            Ok(child.ensure_alive().err())
        });
        let error = error.unwrap().to_string();
        assert!(error.starts_with("poet ended by itself (exit status: 3)"), "{error}");
        assert!(error.ends_with("    so long"), "{error}");
    }

    #[test]
    fn stopping_ends_the_child_and_what_it_started() {
        let logs = logs("group");
        let mut command = Command::new("sh");
        let mut child = Process::spawn("parent", command.args(["-c", "sleep 600 & echo $!; wait"]), &logs).unwrap();
        let log = logs.join("parent.log");
        let grandchild = crate::wait::until("its child", Duration::from_secs(10), &crate::Stop::default(), || {
            Ok(fs::read_to_string(&log).ok().and_then(|text| text.trim().parse::<u32>().ok()))
        });
        let proc_entry = PathBuf::from(format!("/proc/{}/stat", grandchild.unwrap()));
        child.stop();
        // The orphan may stay a zombie until init reaps it: gone or state Z both mean ended.
        crate::wait::until("the end of its child", Duration::from_secs(10), &crate::Stop::default(), || {
            Ok(match fs::read_to_string(&proc_entry) {
                Err(_) => Some(()),
                Ok(stat) => stat.contains(") Z ").then_some(()),
            })
        })
        .unwrap();
    }
}
