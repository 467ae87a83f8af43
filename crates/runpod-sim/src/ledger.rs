//! What one instance has cost so far: every millisecond at its rate of that moment, in whole numbers.

use jiff::Timestamp;

/// Milliseconds of an hour.
const HOUR: i128 = 3_600_000;

/// The account of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    since: Timestamp,
    /// Millionths of a dollar per hour.
    rate: i64,
    /// Millionths of a dollar times milliseconds per hour.
    sum: i128,
}

// === impl Ledger ===

impl Ledger {
    pub(crate) fn new(now: Timestamp, rate: i64) -> Self {
        Self { since: now, rate, sum: 0 }
    }

    /// From `now` on it costs `rate`.
    pub(crate) fn change(&mut self, now: Timestamp, rate: i64) {
        self.sum = self.sum_at(now);
        self.since = now.max(self.since);
        self.rate = rate;
    }

    pub(crate) fn rate(&self) -> i64 {
        self.rate
    }

    /// Millionths of a dollar until `now`.
    pub(crate) fn micros(&self, now: Timestamp) -> i64 {
        i64::try_from(self.sum_at(now) / HOUR).unwrap_or(i64::MAX)
    }

    fn sum_at(&self, now: Timestamp) -> i128 {
        let span = now.duration_since(self.since).as_millis().max(0);
        self.sum + i128::from(self.rate) * span
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn each_second_is_charged_at_its_own_rate() {
        let start = Timestamp::from_second(1_000).unwrap();
        let mut ledger = Ledger::new(start, 3_600_000);
        let stopped = start + SignedDuration::from_secs(10);
        ledger.change(stopped, 360_000);
        assert_eq!(ledger.micros(stopped), 10_000);
        assert_eq!(ledger.micros(stopped + SignedDuration::from_secs(10)), 11_000);
        ledger.change(stopped + SignedDuration::from_secs(10), 0);
        assert_eq!(ledger.micros(Timestamp::MAX), 11_000);
    }
}
