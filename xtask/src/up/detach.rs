//! `up --detach`: a copy of this program goes on in a session of its own, and we leave once it is ready.
//! What it says goes to `DIR/logs/up.log`, and to the person as long as we are here.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use localplane::{Stop, wait};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::record::Record;
use super::{Options, already_running, record};
use crate::ending::{self, Explained};

// A first start compiles everything; a person can see in the lines above where it is.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(2 * 3600);

/// Makes this process the leader of a session of its own: closing the terminal no longer reaches it.
pub fn leave_the_terminal() -> Result<()> {
    nix::unistd::setsid().context("cannot leave the terminal")?;
    Ok(())
}

/// Starts the copy, repeats its lines, and returns when it is ready.
pub fn run(options: &Options, dir: &Path, stop: &Stop) -> Result<()> {
    ending::stop_on_signals(stop, true)?;
    if record::lock(dir)?.is_none() {
        bail!("{}", already_running(dir));
    }
    let log = dir.join("logs/up.log");
    fs::create_dir_all(dir.join("logs")).context("cannot make the folder of the logs")?;
    let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut copy = command(options, dir)?;
    let copy = copy.stdin(Stdio::null()).stderr(output.try_clone().context("cannot share the log")?).stdout(output);
    let mut child = copy.spawn().context("cannot start a copy of this program")?;
    let mut log = File::open(&log).with_context(|| format!("cannot read {}", log.display()))?;
    let end = wait::until("the start", LIMIT, stop, || {
        let ended = child.try_wait().context("cannot watch the start")?;
        repeat(&mut log)?;
        if ended.is_some() {
            return Err(Explained.into());
        }
        let record = Record::read(dir);
        let is_its = record.owner.is_some_and(|owner| owner.pid == child.id());
        Ok((is_its && record.is_ready).then_some(()))
    });
    repeat(&mut log)?;
    if stop.requested() {
        end_copy(&mut child);
    }
    end
}

/// The same command line, with `--detached` for `--detach`. A database URL may hold a password: it goes by environment.
fn command(options: &Options, dir: &Path) -> Result<Command> {
    let mut copy = Command::new(std::env::current_exe().context("cannot find this program")?);
    copy.args(["up", "--detached", "--port", &options.port.to_string(), "--data"]).arg(dir);
    if let Some(kubeconfig) = &options.kubeconfig {
        copy.arg("--kubeconfig").arg(kubeconfig);
    }
    if let Some(database) = &options.database {
        copy.env("REMOTEGPU_DATABASE", database);
    }
    copy.args(options.release.then_some("--release"));
    copy.args(options.demo_runpod.then_some("--demo-runpod"));
    copy.args(options.as_built.then_some("--as-built"));
    Ok(copy)
}

fn repeat(log: &mut File) -> Result<()> {
    let mut fresh = Vec::new();
    log.read_to_end(&mut fresh).context("cannot read the log")?;
    let mut terminal = std::io::stdout();
    let _nobody_listens = terminal.write_all(&fresh).and_then(|()| terminal.flush());
    Ok(())
}

fn end_copy(child: &mut Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    let _gone_already = kill(pid, Signal::SIGTERM);
    let _reaped = child.wait();
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    /// What the copy reads of the command line it is given, and what its environment is told.
    fn copied(given: &[&str]) -> (Options, Option<String>) {
        let options = Line::parse_from(std::iter::once("up").chain(given.iter().copied())).options;
        let command = command(&options, Path::new("/data")).unwrap();
        let database = command.get_envs().find(|(name, _)| *name == "REMOTEGPU_DATABASE");
        let database = database.and_then(|(_, value)| Some(value?.to_string_lossy().into_owned()));
        (Line::parse_from(command.get_args()).options, database)
    }

    #[test]
    fn the_copy_is_told_everything_but_the_database_on_its_command_line() {
        let database = "postgres://console:secret@127.0.0.1/console";
        let given = ["--detach", "--port=9000", "--kubeconfig=k.yaml", "--database", database];
        let more = ["--release", "--demo-runpod", "--as-built"];
        let (copy, told) = copied(&[given.as_slice(), more.as_slice()].concat());
        assert!(copy.detached && !copy.detach && copy.release && copy.demo_runpod && copy.as_built);
        assert_eq!((copy.port, copy.data.as_deref()), (9000, Some(Path::new("/data"))));
        assert_eq!(copy.kubeconfig.as_deref(), Some(Path::new("k.yaml")));
        assert_eq!(told.as_deref(), Some(database));
    }

    #[test]
    fn the_copy_is_told_nothing_that_was_not_asked_for() {
        let (copy, _) = copied(&["--detach"]);
        assert!(!copy.release && !copy.demo_runpod && copy.kubeconfig.is_none());
    }
}
