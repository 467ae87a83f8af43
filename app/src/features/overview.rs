//! The figures of the first page, summed from namespaces, keys and deployments.

use domain::api_key::{ApiKeyView, KeyStatus};
use domain::money::Money;
use domain::namespace::{NamespaceStatus, NamespaceView};
use domain::usage::UsageSummary;
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
    /// What the account spends, by its usage records.
    pub spending: Spending,
    /// Everything that runs, what needs a person first: (namespace id, namespace name, workload).
    pub work: Vec<(String, String, WorkloadView)>,
}

/// What an account spends, as decimals of one currency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spending {
    /// ISO 4217; empty while nothing was ever charged.
    pub currency: String,
    /// What runs now costs this per hour.
    pub per_hour: String,
    /// This month so far.
    pub month: String,
    /// This month, if what runs now goes on.
    pub forecast: String,
}

// === impl Spending ===

impl Spending {
    /// Of the sums of an account.
    pub fn of(summary: UsageSummary) -> Self {
        let UsageSummary { currency, per_hour, month, forecast, .. } = summary;
        Self { currency, per_hour, month, forecast }
    }

    /// The rate; nothing while nothing runs.
    pub fn rate(&self) -> Option<Money> {
        amount(&self.per_hour, &self.currency).filter(|rate| rate.micros > 0)
    }

    /// This month so far, and the forecast in words.
    pub fn this_month(&self) -> (String, String) {
        let shown = |decimal: &str| amount(decimal, &self.currency).map(|amount| amount.display());
        let forecast = shown(&self.forecast).map_or_else(String::new, |forecast| format!("{forecast} if this goes on"));
        (shown(&self.month).unwrap_or_else(|| "–".to_owned()), forecast)
    }
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
            spending: Spending::default(),
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
        assert_eq!((empty.spending.rate(), empty.spending.this_month().0.as_str()), (None, "–"));
    }

    #[test]
    fn what_is_spent_reads_as_money() {
        let [currency, per_hour, month, forecast] = ["EUR", "3.29", "12.5", "100"].map(str::to_owned);
        let spending = Spending { currency, per_hour, month, forecast };
        assert_eq!(spending.rate().unwrap().display(), "€3.29");
        assert_eq!(spending.this_month(), ("€12.50".to_owned(), "€100.00 if this goes on".to_owned()));
    }

    #[test]
    fn pods_are_summed_and_trouble_is_found() {
        let work = [workload(WorkloadStatus::Running, Some("3.29")), workload(WorkloadStatus::Failed, None)];
        let work = work.into_iter().map(|d| ("id".to_owned(), "team-ml".to_owned(), d)).collect();
        let overview = Overview { work, ..Overview::default() };
        assert_eq!(overview.pods(), (1, 4));
        assert_eq!(overview.troubled().len(), 1);
    }
}
