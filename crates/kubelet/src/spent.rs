//! CPU time of the whole node since its start: a counter, so what ended containers have used stays in it.
//! An engine only tells of containers that run.
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::InstanceStats;

/// What was seen last, and what is gone.
#[derive(Default)]
pub(crate) struct Spent(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    last: HashMap<(String, String), u64>,
    gone: u64,
}

// === impl Spent ===

impl Spent {
    /// Nanoseconds, if each container of `stats` was measured.
    pub(crate) fn total(&self, stats: &[InstanceStats]) -> Option<u64> {
        let mut now = HashMap::new();
        for instance in stats {
            for container in &instance.containers {
                now.insert((instance.uid.clone(), container.name.clone()), container.cpu_nanoseconds?);
            }
        }
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A figure that fell belongs to a new attempt; the old one is gone as if its container were.
        let ended = seen.last.iter().filter(|(key, before)| now.get(*key).is_none_or(|now| now < *before));
        // Engines belong to others: no figure of theirs may be too large to add.
        let sum = |sum: u64, one: &u64| sum.saturating_add(*one);
        let gone = ended.map(|(_, before)| before).fold(seen.gone, sum);
        let running = now.values().fold(0, sum);
        (seen.gone, seen.last) = (gone, now);
        Some(gone.saturating_add(running))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ContainerStats;

    fn stats(all: &[(&str, Option<u64>)]) -> Vec<InstanceStats> {
        let instance = |(uid, cpu): &(&str, Option<u64>)| InstanceStats {
            uid: (*uid).into(),
            containers: vec![ContainerStats {
                name: "app".into(),
                taken: "2026-01-01T00:00:00Z".parse().unwrap(),
                started: None,
                cpu_nanoseconds: *cpu,
                memory_working_set_bytes: None,
                gpus: Vec::new(),
            }],
        };
        all.iter().map(instance).collect()
    }

    #[test]
    fn what_was_spent_never_decreases() {
        let spent = Spent::default();
        assert_eq!(spent.total(&stats(&[("a", Some(10)), ("b", Some(5))])), Some(15));
        assert_eq!(spent.total(&stats(&[("b", Some(7))])), Some(17));
        assert_eq!(spent.total(&stats(&[("b", Some(1))])), Some(18), "b was restarted");
        assert_eq!(spent.total(&stats(&[("b", None)])), None);
        assert_eq!(spent.total(&stats(&[])), Some(18));
        let endless = stats(&[("a", Some(u64::MAX)), ("b", Some(u64::MAX))]);
        assert_eq!(spent.total(&endless), Some(u64::MAX));
    }
}
