//! Our own figures: what the node asked of engine and API server, and how that went.
//! Counted without locks on the way; read only when somebody asks.
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use crate::decide::phase;

/// Upper bounds of [`Durations`]: in milliseconds, and as Prometheus writes them.
const BOUNDS: [(u64, &str); 11] = [
    (500, "0.5"),
    (1_000, "1"),
    (2_500, "2.5"),
    (5_000, "5"),
    (10_000, "10"),
    (15_000, "15"),
    (30_000, "30"),
    (60_000, "60"),
    (120_000, "120"),
    (300_000, "300"),
    (600_000, "600"),
];

/// One figure that only grows, or the newest of a kind.
#[derive(Default)]
pub(crate) struct Figure(AtomicU64);

/// Calls of one kind, by outcome.
#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) ok: Figure,
    pub(crate) failed: Figure,
}

/// How often an engine called one route of its own API, for the node's metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteCalls {
    /// Method and path, with placeholders for ids: `GET /v2/pods/{id}`.
    pub route: String,
    /// Status of the answer; `None` = there was none.
    pub status: Option<u16>,
    /// Calls since the start.
    pub count: u64,
}

/// What an engine rents for the pods of one namespace, in millionths of its provider's currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Of the pods.
    pub namespace: String,
    /// What it takes an hour now.
    pub micros_per_hour: i64,
    /// What it has taken since this process began to count.
    pub accrued_micros: i64,
}

/// What an engine's provider lets it call yet, in one of the windows that it counts in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaLeft {
    /// As the provider calls it: `minute`.
    pub window: String,
    /// Calls until it ends.
    pub calls: u64,
}

/// How long something took, over and over: how often up to each bound.
#[derive(Default)]
pub(crate) struct Durations {
    /// By bound; the last took longer than all of them.
    counts: [Figure; BOUNDS.len() + 1],
    milliseconds: Figure,
}

/// All figures of a node.
#[derive(Default)]
pub(crate) struct Metrics {
    pub(crate) creates: Calls,
    pub(crate) deletes: Calls,
    pub(crate) lists: Calls,
    /// Of the last list that worked.
    pub(crate) list_microseconds: Figure,
    pub(crate) status_writes: Figure,
    pub(crate) orphans_terminated: Figure,
    pub(crate) refusals: Figure,
    /// From the creation of a pod to the status that called it Running.
    pub(crate) create_to_running: Durations,
}

// === impl Figure ===

impl Figure {
    pub(crate) fn add(&self) {
        self.add_many(1);
    }

    fn add_many(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Calls ===

impl Calls {
    /// Counts a call and passes its result on.
    pub(crate) fn count<T, E>(&self, result: Result<T, E>) -> Result<T, E> {
        if result.is_ok() {
            self.ok.add()
        } else {
            self.failed.add()
        }
        result
    }
}

// === impl Durations ===

impl Durations {
    pub(crate) fn add(&self, took: Duration) {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let place = BOUNDS.iter().position(|(bound, _)| milliseconds <= *bound).unwrap_or(BOUNDS.len());
        self.counts[place].add();
        self.milliseconds.add_many(milliseconds);
    }

    /// How many took so long or less, by the bound as Prometheus writes it; the last of them counts all.
    pub(crate) fn up_to(&self) -> Vec<(&'static str, u64)> {
        let bounds = BOUNDS.iter().map(|(_, bound)| *bound).chain(["+Inf"]);
        let counts = self.counts.iter().scan(0, |sum: &mut u64, count| {
            *sum += count.get();
            Some(*sum)
        });
        bounds.zip(counts).collect()
    }

    pub(crate) fn total_milliseconds(&self) -> u64 {
        self.milliseconds.get()
    }
}

/// How long a pod was on its way, if this write of its status is the one that calls it Running.
pub(crate) fn until_running(before: &Pod, written: &Pod, now: Timestamp) -> Option<Duration> {
    let began_to_run = phase(before) == "Pending" && phase(written) == "Running";
    let created = written.metadata.creation_timestamp.as_ref().filter(|_| began_to_run)?;
    // The API server's clock may be ahead of this one.
    Some(Duration::try_from(now.duration_since(created.0)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{api::core::v1::PodStatus, apimachinery::pkg::apis::meta::v1::Time};

    use super::*;

    fn pod(phase: Option<&str>, created: Timestamp) -> Pod {
        let mut pod = Pod::default();
        pod.metadata.creation_timestamp = Some(Time(created));
        pod.status = phase.map(|phase| PodStatus { phase: Some(phase.to_owned()), ..PodStatus::default() });
        pod
    }

    #[test]
    fn a_duration_counts_for_its_own_bound_and_for_all_above() {
        let durations = Durations::default();
        for milliseconds in [0, 1_000, 1_001, 3_600_000] {
            durations.add(Duration::from_millis(milliseconds));
        }
        let told = durations.up_to();
        assert_eq!(told[..3], [("0.5", 1), ("1", 2), ("2.5", 3)]);
        assert_eq!(told[told.len() - 2..], [("600", 3), ("+Inf", 4)]);
        assert_eq!(durations.total_milliseconds(), 3_602_001);
    }

    #[test]
    fn only_the_write_that_calls_a_pod_running_is_timed() {
        let created: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let now: Timestamp = "2026-01-01T00:00:07Z".parse().unwrap();
        let took = |before, written| until_running(&pod(before, created), &pod(Some(written), created), now);
        assert_eq!(took(None, "Running"), Some(Duration::from_secs(7)));
        assert_eq!(took(Some("Pending"), "Running"), Some(Duration::from_secs(7)));
        assert_eq!(took(Some("Pending"), "Pending"), None);
        assert_eq!(took(Some("Running"), "Running"), None, "a restart of a container, or of the node");
        assert_eq!(took(Some("Pending"), "Succeeded"), None, "never seen running");
        let ahead = until_running(&pod(None, now), &pod(Some("Running"), now), created);
        assert_eq!(ahead, Some(Duration::ZERO), "the other clock is ahead");
    }
}
