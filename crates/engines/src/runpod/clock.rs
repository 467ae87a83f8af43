//! The engine's clock: wall time that moves with tokio's clock, so that tests move both together.
//! It starts at the wall time of its making and is never set back.
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Tells the time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    base: Timestamp,
    since: Instant,
}

// === impl Clock ===

impl Clock {
    /// Shows `base` now.
    #[must_use]
    pub fn starting_at(base: Timestamp) -> Self {
        Self { base, since: Instant::now() }
    }

    /// Shows the system's time.
    #[must_use]
    pub fn system() -> Self {
        Self::starting_at(Timestamp::now())
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.since.elapsed()).unwrap_or(SignedDuration::MAX);
        self.base.checked_add(passed).unwrap_or(Timestamp::MAX)
    }
}

/// From `from` until `to`; zero if that is in the past.
pub(super) fn span(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
