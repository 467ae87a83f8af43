//! How a command ends: its exit status and its last words.
//! An end that was asked for (Ctrl-C, `down`) is not a failure.

use std::process::ExitCode;

use anyhow::{Context, Result};
use localplane::Stop;
use localplane::wait::Interrupted;

/// A failure that has been explained already: only the exit status is left to give.
#[derive(Debug)]
pub struct Explained;

impl std::fmt::Display for Explained {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("failed")
    }
}

impl std::error::Error for Explained {}

/// Makes Ctrl-C and SIGTERM a wish to stop; with `terminal`, its closing too.
///
/// # Errors
/// When the handlers cannot be set.
pub fn stop_on_signals(stop: &Stop, terminal: bool) -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let signals = [SIGINT, SIGTERM].into_iter().chain(terminal.then_some(SIGHUP));
    for signal in signals {
        signal_hook::flag::register(signal, stop.flag()).context("cannot set a signal handler")?;
    }
    Ok(())
}

/// The exit status; prints what went wrong, cause by cause on one line.
pub fn of(result: Result<()>, stop: &Stop) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // 130: what shells give a program that was ended by Ctrl-C.
        Err(error) if error.is::<Interrupted>() || stop.requested() => ExitCode::from(130),
        Err(error) if error.is::<Explained>() => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
