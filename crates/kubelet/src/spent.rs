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
        let ended: u64 = ended.map(|(_, before)| before).sum();
        seen.gone += ended;
        let running: u64 = now.values().sum();
        seen.last = now;
        Some(seen.gone + running)
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
    }
}
