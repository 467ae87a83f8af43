//! Token buckets as one number each (GCRA): the time at which the bucket would be full again.
//! Memory is bounded: what was not touched for as long as a bucket takes to fill is forgotten, which changes nothing.

use std::collections::HashMap;
use std::mem;

// Two generations of these; an entry is some 60 bytes.
const MOST: usize = 50_000;
const SECOND: u64 = 1_000_000_000;

/// How many at once, and how many a second after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Size of the bucket.
    pub burst: u32,
    /// Refill.
    pub per_second: u32,
}

/// The buckets of one class. Times are nanoseconds since any start that never goes back.
#[derive(Debug, Default)]
pub struct Table {
    young: HashMap<String, u64>,
    old: HashMap<String, u64>,
    turned: u64,
}

// === impl Limit ===

impl Limit {
    fn interval(self) -> u64 {
        SECOND / u64::from(self.per_second.max(1))
    }

    /// How long an empty bucket takes to fill.
    fn whole(self) -> u64 {
        self.interval().saturating_mul(u64::from(self.burst))
    }
}

// === impl Table ===

impl Table {
    /// Takes one token.
    ///
    /// # Errors
    /// The nanoseconds until there is one.
    pub fn take(&mut self, subject: &str, limit: Limit, now: u64) -> Result<(), u64> {
        self.turn(limit, now);
        self.check(subject, limit, now)?;
        let full_at = self.full_at(subject).max(now);
        self.young.insert(subject.to_owned(), full_at + limit.interval());
        Ok(())
    }

    /// Looks for one token.
    ///
    /// # Errors
    /// As [`Table::take`].
    pub fn check(&self, subject: &str, limit: Limit, now: u64) -> Result<(), u64> {
        let missing = self.full_at(subject).saturating_sub(now) + limit.interval();
        if missing > limit.whole() { Err(missing - limit.whole()) } else { Ok(()) }
    }

    /// Whether there is a bucket of this name.
    pub fn knows(&self, subject: &str) -> bool {
        self.full_at(subject) > 0
    }

    fn full_at(&self, subject: &str) -> u64 {
        self.young.get(subject).or_else(|| self.old.get(subject)).copied().unwrap_or(0)
    }

    /// Forgets the older half when the younger one is full, or old enough for the older one to be all full buckets.
    fn turn(&mut self, limit: Limit, now: u64) {
        if self.young.len() >= MOST || now.saturating_sub(self.turned) >= limit.whole() {
            self.old = mem::take(&mut self.young);
            self.turned = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { burst: 3, per_second: 2 };

    #[test]
    fn a_burst_then_the_refill() {
        let mut table = Table::default();
        for _ in 0..3 {
            assert_eq!(table.take("a", LIMIT, 0), Ok(()));
        }
        assert_eq!(table.take("a", LIMIT, 0), Err(SECOND / 2));
        assert_eq!(table.take("a", LIMIT, SECOND / 2), Ok(()));
        assert_eq!(table.take("a", LIMIT, SECOND / 2), Err(SECOND / 2));
        assert_eq!(table.take("b", LIMIT, SECOND / 2), Ok(()));
    }

    #[test]
    fn refused_requests_cost_nothing() {
        let mut table = Table::default();
        let _ = (0..100).map(|_| table.take("a", LIMIT, 0)).filter(Result::is_err).count();
        assert_eq!(table.take("a", LIMIT, SECOND / 2), Ok(()));
    }

    #[test]
    fn an_untouched_bucket_is_full_again_and_never_fuller() {
        let mut table = Table::default();
        while table.take("a", LIMIT, 0).is_ok() {}
        let later = 100 * SECOND;
        assert_eq!((0..10).filter(|_| table.take("a", LIMIT, later).is_ok()).count(), 3);
    }

    #[test]
    fn forgetting_by_time_gives_nobody_fresh_tries() {
        let mut table = Table::default();
        let mut answered = 0;
        for tick in 0..1000 {
            answered += u64::from(table.take("a", LIMIT, tick * SECOND / 10).is_ok());
        }
        assert!(answered <= 3 + 2 * 100, "{answered} in 100 s");
    }

    #[test]
    fn memory_is_bounded_however_many_ask() {
        let mut table = Table::default();
        for number in 0..3 * MOST {
            let _ = table.take(&number.to_string(), LIMIT, 0);
        }
        assert!(table.young.len() + table.old.len() <= 2 * MOST);
    }
}
