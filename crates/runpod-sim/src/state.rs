//! Everything the simulated provider remembers.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    catalogue, create::hardware_id, fault::Faults, pod::Pod, quota::Quota, random::Random, settings::Settings,
};

/// Hardware id, data centre, and whether it is the secure cloud.
pub(crate) type Stock = (String, String, bool);

pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) random: Random,
    pub(crate) faults: Faults,
    pub(crate) quota: Quota,
    /// Every instance there ever was, by id.
    pub(crate) pods: BTreeMap<String, Pod>,
    pub(crate) registries: BTreeMap<String, Value>,
    pub(crate) templates: BTreeMap<String, Value>,
    pub(crate) volumes: BTreeMap<String, Value>,
    pub(crate) ssh_keys: Vec<String>,
    /// Which host key the SSH servers of instances show.
    pub(crate) host_keys: u8,
    taken: HashMap<Stock, u64>,
    limits: HashMap<(String, String), u64>,
    /// The catalogue shows HIGH for everything.
    pub(crate) stale_stock: bool,
    /// Calls by route and status.
    pub(crate) calls: BTreeMap<(String, u16), u64>,
    /// Replies that broke the schema.
    pub(crate) violations: Vec<String>,
    /// Highest spending so far, millionths of a dollar per hour.
    pub(crate) peak: i64,
}

// === impl State ===

impl State {
    pub(crate) fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            random: Random::new(seed),
            faults: Faults::default(),
            quota: Quota::default(),
            pods: BTreeMap::new(),
            registries: BTreeMap::new(),
            templates: BTreeMap::new(),
            volumes: BTreeMap::new(),
            ssh_keys: Vec::new(),
            host_keys: 0,
            taken: HashMap::new(),
            limits: HashMap::new(),
            stale_stock: false,
            calls: BTreeMap::new(),
            violations: Vec::new(),
            peak: 0,
        }
    }

    /// Looks at what has happened by `now`; at zero balance everything is terminated.
    pub(crate) fn progress(&mut self, now: Timestamp) {
        for pod in self.pods.values_mut() {
            pod.progress(now, &self.settings);
        }
        if self.balance(now) <= 0 {
            let alive: Vec<String> =
                self.pods.values().filter(|pod| pod.is_alive(now)).map(|pod| pod.id.clone()).collect();
            for id in alive {
                self.end(&id, crate::pod::End::Terminated, now);
            }
        }
        self.peak = self.peak.max(self.spending(now));
    }

    /// Ends an instance and gives its hardware back.
    pub(crate) fn end(&mut self, id: &str, end: crate::pod::End, now: Timestamp) {
        let Some(pod) = self.pods.get_mut(id) else { return };
        let was_alive = pod.is_alive(now);
        let stock = (hardware_id(&pod.hardware), pod.data_center.clone(), pod.cloud == "SECURE");
        pod.end(end, now);
        if was_alive && let Some(taken) = self.taken.get_mut(&stock) {
            *taken = taken.saturating_sub(1);
        }
    }

    pub(crate) fn take(&mut self, stock: &Stock) {
        *self.taken.entry(stock.clone()).or_default() += 1;
    }

    /// Free instances.
    pub(crate) fn stock(&self, stock: &Stock) -> u64 {
        let limit = |id: &str, place: &str| self.limits.get(&(id.to_owned(), place.to_owned())).copied();
        let (id, place) = (stock.0.as_str(), stock.1.as_str());
        let limit = limit(id, place).or_else(|| limit(id, "")).or_else(|| limit("", place)).unwrap_or(catalogue::STOCK);
        limit.saturating_sub(self.taken.get(stock).copied().unwrap_or(0))
    }

    /// Only `count` instances of a type in a data centre from now on; an empty text means all of them.
    pub(crate) fn limit(&mut self, id: &str, place: &str, count: u64) {
        self.limits.insert((id.to_owned(), place.to_owned()), count);
    }

    /// Millionths of a dollar that are left.
    pub(crate) fn balance(&self, now: Timestamp) -> i64 {
        self.settings.balance_micros - self.pods.values().map(|pod| pod.ledger.micros(now)).sum::<i64>()
    }

    /// Millionths of a dollar per hour at present.
    pub(crate) fn spending(&self, now: Timestamp) -> i64 {
        self.pods.values().filter(|pod| !pod.is_terminated(now)).map(|pod| pod.ledger.rate()).sum()
    }
}
