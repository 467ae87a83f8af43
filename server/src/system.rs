//! Clock and randomness of this machine, as the use cases see them.

use backend::ports::{Clock, Random};
use jiff::Timestamp;
use rand::TryRng as _;
use rand::rngs::SysRng;
use uuid::Uuid;

/// The machine's clock.
pub struct SystemClock;

/// The operating system's randomness.
pub struct SystemRandom;

impl Clock for SystemClock {
    /// Whole milliseconds: what the database keeps, so that an answer and a later read agree.
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

impl Random for SystemRandom {
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = SysRng.try_fill_bytes(bytes) {
            // A key or token from a buffer that was not filled would be guessable: nothing may go on.
            tracing::error!(%error, "The operating system gives no randomness, stopping");
            std::process::abort();
        }
    }
}

/// Names this process among the consoles of one installation: the machine, and something that no other run has.
pub fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    let host = host.as_deref().map(str::trim).filter(|host| !host.is_empty()).unwrap_or("console");
    format!("{host}_{}", Uuid::new_v4())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_counts_whole_milliseconds() {
        assert_eq!(SystemClock.now().subsec_nanosecond() % 1_000_000, 0);
    }

    #[test]
    fn two_runs_on_one_machine_have_two_names() {
        assert_ne!(identity(), identity());
    }

    #[test]
    fn randomness_differs_and_ids_are_of_version_7() {
        let (mut one, mut other) = ([0u8; 32], [0u8; 32]);
        SystemRandom.fill(&mut one);
        SystemRandom.fill(&mut other);
        assert_ne!(one, other);
        assert_eq!(SystemRandom.uuid().get_version_num(), 7);
    }
}
