//! What the simulator has seen: calls, instances, money. The money test reads nothing else.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::{clock::seconds_between, simulator::Simulator};

/// Everything up to one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The moment, in the simulator's time.
    pub at: Timestamp,
    /// Calls by `METHOD route` and status.
    pub calls: BTreeMap<String, BTreeMap<u16, u64>>,
    /// Every instance there ever was.
    pub pods: Vec<PodReport>,
    /// Spent so far, millionths of a dollar.
    pub spent_micros: i64,
    /// Spent per hour at present, millionths of a dollar.
    pub rate_micros: i64,
    /// Highest spending per hour so far, millionths of a dollar.
    pub peak_micros: i64,
    /// Left on the account, millionths of a dollar.
    pub balance_micros: i64,
    /// Registry credentials by id.
    pub registries: Vec<String>,
    /// Replies of our own that broke the schema: always empty.
    pub violations: Vec<String>,
}

/// One instance.
#[derive(Clone, Debug, Serialize)]
pub struct PodReport {
    /// Id.
    pub id: String,
    /// Name, which holds the marker.
    pub name: String,
    /// Status.
    pub status: String,
    /// It is not terminated: it costs something.
    pub billed: bool,
    /// GPU or CPU type.
    pub hardware: String,
    /// Where it is.
    pub data_center: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it ended, if it has.
    pub ended: Option<Timestamp>,
    /// Seconds since its creation, or until it ended.
    pub seconds: u64,
    /// Its cost so far, millionths of a dollar.
    pub micros: i64,
    /// What it was created with: image, args, ports, env.
    pub container: serde_json::Value,
    /// What the create said of the hardware: id, count, CUDA versions.
    pub asked: serde_json::Value,
}

// === impl Simulator ===

impl Simulator {
    /// What has happened so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let now = self.clock.now();
        let mut state = self.lock();
        state.progress(now);
        let mut calls: BTreeMap<String, BTreeMap<u16, u64>> = BTreeMap::new();
        for ((route, status), count) in &state.calls {
            calls.entry(route.clone()).or_default().insert(*status, *count);
        }
        let pods: Vec<PodReport> = state
            .pods
            .values()
            .map(|pod| {
                let ended = pod.ended.map(|(_, at)| at).filter(|at| *at <= now);
                PodReport {
                    id: pod.id.clone(),
                    name: pod.name.clone(),
                    status: pod.status(now, state.settings.boot).to_owned(),
                    billed: !pod.is_terminated(now),
                    hardware: crate::create::hardware_id(&pod.hardware),
                    data_center: pod.data_center.clone(),
                    created: pod.created,
                    ended,
                    seconds: seconds_between(pod.created, ended.unwrap_or(now)),
                    micros: pod.ledger.micros(now),
                    container: serde_json::Value::Object(pod.container.clone()),
                    asked: pod.asked.clone(),
                }
            })
            .collect();
        Report {
            at: now,
            calls,
            spent_micros: pods.iter().map(|pod| pod.micros).sum(),
            pods,
            rate_micros: state.spending(now),
            peak_micros: state.peak,
            balance_micros: state.balance(now),
            registries: state.registries.keys().cloned().collect(),
            violations: state.violations.clone(),
        }
    }
}

// === impl Report ===

impl Report {
    /// Number of calls of a route, whatever the answer.
    #[must_use]
    pub fn count(&self, route: &str) -> u64 {
        self.calls.get(route).map_or(0, |all| all.values().sum())
    }

    /// Instances that still cost something and whose name contains `part`.
    #[must_use]
    pub fn billed(&self, part: &str) -> Vec<&PodReport> {
        self.pods.iter().filter(|pod| pod.billed && pod.name.contains(part)).collect()
    }
}
