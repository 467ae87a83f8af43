//! Waiting for a condition with a limit, and the flag that ends every wait at once.
//! One place, so that Ctrl-C is noticed within a fraction of a second whatever we are waiting for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

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

#[cfg(test)]
mod tests {
    use super::*;

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
