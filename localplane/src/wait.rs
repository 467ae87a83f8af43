//! Waiting for a condition with a limit, and the flag that ends every wait at once.
//! One place, so that Ctrl-C is noticed within a fraction of a second whatever we are waiting for.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

// 25 ms: far below what a person notices.
const STEP: Duration = Duration::from_millis(25);

/// Set once somebody wants everything to end; shared by all waits and the signal handlers.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// The flag itself, for a signal handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Asks every wait to end.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked for the end.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// The error of a wait that ended because [`Stop`] was requested. Callers tell it from a failure by its type.
#[derive(Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Calls `probe` until it gives a value.
///
/// # Errors
/// - whatever `probe` returns as an error, at once
/// - [`Interrupted`] when `stop` is requested
/// - `<what> took longer than <limit>` at the limit
pub fn until<T>(what: &str, limit: Duration, stop: &Stop, mut probe: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if stop.requested() {
            return Err(Interrupted.into());
        }
        let asked = Instant::now();
        if let Some(value) = probe()? {
            return Ok(value);
        }
        // A probe may be a program that costs 100 ms of processor: at least as long a pause lets the rest get on.
        let pause = STEP.max(asked.elapsed());
        if start.elapsed() >= limit {
            bail!("{what} took longer than {} s", limit.as_secs());
        }
        std::thread::sleep(pause);
    }
}

/// Runs a program to its end and gives what it wrote. It leads a process group of its own, which ends whole when `stop` is
/// requested: what it started is not left behind.
///
/// # Errors
/// When it cannot be started, and [`Interrupted`].
pub fn output(command: &mut Command, stop: &Stop) -> Result<Output> {
    if stop.requested() {
        return Err(Interrupted.into());
    }
    let program = command.get_program().display().to_string();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    let group = Pid::from_raw(i32::try_from(child.id()).context("no process has this number")?);
    let end = std::thread::spawn(move || child.wait_with_output());
    while !end.is_finished() {
        if stop.requested() {
            let _gone_already = killpg(group, Signal::SIGTERM);
            let _reaped = end.join();
            return Err(Interrupted.into());
        }
        std::thread::sleep(STEP);
    }
    let end = end.join().ok().with_context(|| format!("nobody waits for {program} any more"))?;
    end.with_context(|| format!("cannot wait for {program}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_ended_with_all_that_it_started_when_the_end_is_requested() {
        let (dir, stop) = (tempfile::tempdir().unwrap(), Stop::default());
        let (mark, flag) = (dir.path().join("mark"), stop.clone());
        let mut shell = Command::new("sh");
        // The shell waits for a child of its own, which holds the pipes open.
        shell.args(["-c", "sleep 3600 & echo > \"$0\"; wait"]).arg(&mark);
        let running = std::thread::spawn(move || output(&mut shell, &flag));
        until("the shell", Duration::from_secs(20), &Stop::default(), || Ok(mark.exists().then_some(()))).unwrap();
        stop.request();
        assert!(running.join().unwrap().unwrap_err().is::<Interrupted>(), "and the sleep let go of the pipe");
    }

    #[test]
    fn what_a_program_wrote_and_how_it_ended_is_given() {
        let ended =
            output(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]), &Stop::default()).unwrap();
        let ended = (ended.status.code(), ended.stdout.as_slice(), ended.stderr.as_slice());
        assert_eq!(ended, (Some(3), b"out\n".as_slice(), b"err\n".as_slice()));
    }

    #[test]
    fn a_wait_gives_the_first_value_of_its_probe() {
        let mut calls = 0;
        let value = until("counting", Duration::from_secs(5), &Stop::default(), || {
            calls += 1;
            Ok((calls == 3).then_some(calls))
        });
        assert_eq!(value.unwrap(), 3);
    }

    #[test]
    fn a_wait_ends_at_once_when_the_end_is_requested() {
        let stop = Stop::default();
        stop.request();
        let result: Result<()> = until("nothing", Duration::from_secs(3600), &stop, || Ok(None));
        assert!(result.unwrap_err().is::<Interrupted>());
    }

    #[test]
    fn a_wait_that_runs_out_says_what_it_waited_for() {
        let result: Result<()> = until("the moon", Duration::ZERO, &Stop::default(), || Ok(None));
        assert_eq!(result.unwrap_err().to_string(), "the moon took longer than 0 s");
    }
}
