//! How long a watch of the cluster that broke waits before it tries again.

use std::time::Duration;

// A restarted API server is noticed within seconds; kube's own default waits up to 30 s.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Doubling pauses between tries. kube's own adapter takes every good event for success, but a list that will be
/// refused is announced by an `Init` first: without the right to list, it would ask again every 100 ms for ever. So
/// whoever reads the events says which of them is an answer.
#[derive(Debug)]
pub struct Reconnect(Duration);

// === impl Reconnect ===

impl Default for Reconnect {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Reconnect {
    /// How long to wait after a failure.
    pub fn pause(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        pause
    }

    /// The cluster answers; the next pause is short again.
    pub fn answered(&mut self) {
        self.0 = FIRST_PAUSE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_a_few_seconds_and_an_answer_makes_the_next_one_short_again() {
        let mut reconnect = Reconnect::default();
        let pauses: Vec<u128> = (0..7).map(|_| reconnect.pause().as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3000, 3000]);
        reconnect.answered();
        assert_eq!(reconnect.pause(), FIRST_PAUSE);
    }
}
