//! The figures of the first page, summed from namespaces, keys and deployments.

use domain::api_key::{ApiKeyView, KeyStatus};
use domain::money::Money;
use domain::namespace::{NamespaceStatus, NamespaceView};
use domain::workload::{WorkloadStatus, WorkloadView};
use serde::{Deserialize, Serialize};

use crate::ui::money::amount;

/// What the first page knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// Namespaces that are there.
    pub namespaces: u32,
    /// The newest one, for links.
    pub newest: Option<String>,
    /// Keys that work.
    pub keys: u32,
    /// A key was used from outside.
    pub key_used: bool,
    /// Namespaces that need a person, with the reason.
    pub failed_namespaces: Vec<(String, String)>,
    /// Everything that runs, what needs a person first: (namespace id, namespace name, workload).
    pub work: Vec<(String, String, WorkloadView)>,
}

// === impl Overview ===

impl Overview {
    /// What namespaces and keys say by themselves.
    pub fn new(namespaces: &[NamespaceView], keys: &[ApiKeyView]) -> Self {
        let there = |n: &&NamespaceView| n.status != NamespaceStatus::Deleting;
        let why = |n: &NamespaceView| n.status_message.clone().unwrap_or_else(|| "Could not be set up".to_owned());
        let failed = namespaces.iter().filter(|n| n.status == NamespaceStatus::Failed);
        Self {
            namespaces: namespaces.iter().filter(there).count() as u32,
            newest: namespaces.iter().find(there).map(|n| n.id.clone()),
            keys: keys.iter().filter(|k| k.status == KeyStatus::Active).count() as u32,
            key_used: keys.iter().any(|k| k.last_used_at.is_some()),
            failed_namespaces: failed.map(|n| (n.name.clone(), why(n))).collect(),
            work: Vec::new(),
        }
    }

    /// Adds what runs in one namespace.
    pub fn add(&mut self, namespace: &NamespaceView, workloads: Vec<WorkloadView>) {
        self.work.extend(workloads.into_iter().map(|d| (namespace.id.clone(), namespace.name.clone(), d)));
    }

    /// Pods that are ready, and pods that are wanted.
    pub fn pods(&self) -> (u32, u32) {
        let sum = |count: fn(&WorkloadView) -> u32| self.work.iter().map(|(.., d)| count(d)).sum();
        (sum(|d| d.ready), sum(|d| d.wanted))
    }

    /// What runs now costs this per hour; nothing while nothing runs.
    pub fn per_hour(&self) -> Option<Money> {
        let prices = self.work.iter().filter_map(|(.., d)| d.price_per_hour.as_ref());
        let prices = prices.filter_map(|price| amount(&price.amount, &price.currency));
        prices.reduce(|a, b| Money { micros: a.micros.saturating_add(b.micros), currency: a.currency })
    }

    /// What needs a person.
    pub fn troubled(&self) -> Vec<&(String, String, WorkloadView)> {
        let bad = |d: &WorkloadView| matches!(d.status, WorkloadStatus::Failed | WorkloadStatus::Degraded);
        self.work.iter().filter(|(.., d)| bad(d)).collect()
    }

    /// The four first steps, done or not: namespace, key, kubectl, deployment.
    pub fn steps(&self) -> [bool; 4] {
        [self.namespaces > 0, self.keys > 0, self.key_used, !self.work.is_empty()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::sku::PriceView;

    fn workload(status: WorkloadStatus, price: Option<&str>) -> WorkloadView {
        let price = price.map(|p| PriceView { amount: p.into(), currency: "EUR".into(), unit: "hour".into() });
        WorkloadView {
            schedule: None,
            kind: domain::workload::WorkloadKind::Deployment,
            name: "demo".into(),
            sku_code: "gpu-h100-1x".into(),
            image: "x".into(),
            wanted: 2,
            restarts: 0,
            simulated: false,
            owners: Vec::new(),
            ready: u32::from(price.is_some()),
            status,
            reason: String::new(),
            price_per_hour: price,
            cost_so_far: None,
            created_at: String::new(),
            pods: Vec::new(),
        }
    }

    #[test]
    fn an_empty_account_has_every_step_before_it() {
        let empty = Overview::default();
        assert_eq!(empty.steps(), [false; 4]);
        assert_eq!(empty.per_hour(), None);
    }

    #[test]
    fn prices_and_pods_are_summed_and_trouble_is_found() {
        let work = [workload(WorkloadStatus::Running, Some("3.29")), workload(WorkloadStatus::Failed, None)];
        let work = work.into_iter().map(|d| ("id".to_owned(), "team-ml".to_owned(), d)).collect();
        let overview = Overview { work, ..Overview::default() };
        assert_eq!(overview.pods(), (1, 4));
        assert_eq!(overview.per_hour().unwrap().display(), "€3.29");
        assert_eq!(overview.troubled().len(), 1);
    }
}
