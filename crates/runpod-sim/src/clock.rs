//! The simulator's clock: real time, accelerated, or moved by hand.
//! It counts from tokio's clock, so a paused test runtime moves it without any waiting.
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Tells the time in the simulator.
#[derive(Debug)]
pub struct Clock(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    base: Timestamp,
    since: Instant,
    factor: f64,
}

// === impl Clock ===

impl Clock {
    /// A clock that shows `base` now and runs `factor` times as fast as the real one; 0 stands still.
    #[must_use]
    pub fn new(base: Timestamp, factor: f64) -> Self {
        Self(Mutex::new(Inner { base, since: Instant::now(), factor }))
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.lock().now()
    }

    /// Moves it on by hand.
    pub fn advance(&self, by: Duration) {
        let mut inner = self.lock();
        inner.base = later(inner.base, by);
    }

    /// How long to wait, in tokio's time, until the clock has moved by `span`; `None` if it stands still.
    #[must_use]
    pub fn real(&self, span: Duration) -> Option<Duration> {
        let factor = self.lock().factor;
        (factor > 0.0).then(|| span.div_f64(factor))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inner ===

impl Inner {
    fn now(&self) -> Timestamp {
        later(self.base, self.since.elapsed().mul_f64(self.factor))
    }
}

/// `time` moved on by `by`.
pub(crate) fn later(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| time.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

/// `time` moved on by whole seconds.
pub(crate) fn after(time: Timestamp, seconds: u64) -> Timestamp {
    later(time, Duration::from_secs(seconds))
}

/// Seconds from `from` to `to`; 0 if that is in the past.
pub(crate) fn seconds_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}
