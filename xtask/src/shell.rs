//! Running other programs to their end, so that a wish to stop reaches them too.
//! Their output goes straight to the person unless it is asked for.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use localplane::Stop;
use localplane::wait::Interrupted;

/// Runs a command with its output shown.
///
/// # Errors
/// When it cannot be started or fails; `what` says in words what it was to do.
pub fn run(what: &str, command: &mut Command, stop: &Stop) -> Result<()> {
    let child = command.stdin(Stdio::null()).spawn();
    let child = child.with_context(|| format!("cannot start {} ({what})", command.get_program().display()))?;
    let status = finish(child, stop)?;
    if status.success() { Ok(()) } else { bail!("{what} failed ({status})") }
}

/// Runs a command quietly; shows what it wrote only if it fails.
///
/// # Errors
/// As [`run`], with the command's own words.
pub fn quiet(what: &str, command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot start {} ({what})", command.get_program().display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    bail!("{what} failed ({}):\n{}{}", output.status, text, errors.trim_end())
}

/// Runs a command, showing what it writes line by line and handing each line, of output and of errors, to `each`.
///
/// # Errors
/// When it cannot be started; the exit status is the caller's to judge.
pub fn follow(what: &str, command: &mut Command, stop: &Stop, mut each: impl FnMut(&str)) -> Result<ExitStatus> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot start {} ({what})", command.get_program().display()))?;
    let (lines, read) = mpsc::channel();
    let output = child.stdout.take().context("no output to read")?;
    let errors = child.stderr.take().context("no errors to read")?;
    let show_output = lines.clone();
    // Two pipes, or one that is full would stop the child.
    std::thread::spawn(move || hand_on(output, |line| println!("{line}"), &show_output));
    std::thread::spawn(move || hand_on(errors, |line| eprintln!("{line}"), &lines));
    while !stop.requested() {
        let Ok(line) = read.recv() else { break };
        each(&line);
    }
    finish(child, stop)
}

fn hand_on(from: impl std::io::Read, show: impl Fn(&str), to: &mpsc::Sender<String>) {
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        show(&line);
        if to.send(line).is_err() {
            return;
        }
    }
}

fn finish(mut child: Child, stop: &Stop) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for a child")? {
            return if stop.requested() { Err(Interrupted.into()) } else { Ok(status) };
        }
        if stop.requested() {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
            let _gone_already = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
            let _reaped = child.wait();
            return Err(Interrupted.into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
