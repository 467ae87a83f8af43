//! The figures of the first page, summed from namespaces, keys, budgets, SKUs and what runs.

use std::collections::BTreeMap;

use domain::api_key::{ApiKeyView, KeyStatus};
use domain::budget::BudgetView;
use domain::idle_gpu::IdleWorkload;
use domain::money::Money;
use domain::namespace::{NamespaceStatus, NamespaceView};
use domain::sku::{SkuGpuView, SkuView};
use domain::usage::UsageSummary;
use domain::workload::{WorkloadStatus, WorkloadView};
use serde::{Deserialize, Serialize};

use crate::features::words::count;
use crate::ui::money::amount;

/// Rows of what runs: a first page, not the list of everything.
const MOST_WORK: usize = 100;

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
    /// Workloads whose GPUs are all idle.
    pub idle: Vec<IdleWorkload>,
    /// Keys that end soon.
    pub expiring: Vec<ExpiringKey>,
    /// Budgets of which nothing is left.
    pub used_up: Vec<BudgetView>,
    /// GPUs that are free, by class.
    pub free: Vec<FreeGpus>,
    /// Pods that are ready, and pods that are wanted.
    pub pods: (u32, u32),
    /// Workloads in trouble.
    pub troubled: u32,
    /// Workloads that `work` leaves out.
    pub left_out: u32,
    /// What runs, what needs a person first: (namespace id, namespace name, workload).
    pub work: Vec<(String, String, WorkloadView)>,
}

/// A key that ends soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiringKey {
    /// Row id.
    pub id: String,
    /// Name.
    pub name: String,
    /// RFC 3339.
    pub at: String,
}

/// GPUs of one class that a SKU of the account could take now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeGpus {
    /// `H100 80 GB`
    pub class: String,
    /// Free now.
    pub free: u32,
    /// On empty nodes.
    pub total: u32,
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

// === impl FreeGpus ===

impl FreeGpus {
    /// By class. SKUs of one class share its GPUs: the one that has room for most of them says how many there are.
    pub fn of(skus: &[SkuView]) -> Vec<Self> {
        let mut classes = BTreeMap::<String, (u32, u32)>::new();
        for (sku, gpu) in skus.iter().filter_map(|sku| Some((sku, sku.gpu.as_ref()?))) {
            let gpus = |places: u32| places.saturating_mul(gpu.count);
            let class = classes.entry(class(gpu)).or_default();
            *class = (class.0.max(gpus(sku.available.free)), class.1.max(gpus(sku.available.total)));
        }
        let there = classes.into_iter().filter(|(_, (_, total))| *total > 0);
        there.map(|(class, (free, total))| Self { class, free, total }).collect()
    }

    /// `3 of 16 H100 80 GB`
    pub fn words(&self) -> String {
        format!("{} of {} {}", self.free, self.total, self.class)
    }
}

fn class(gpu: &SkuGpuView) -> String {
    match &gpu.mig_profile {
        Some(profile) => format!("{} {profile}", gpu.model),
        None => format!("{} {} GB", gpu.model, gpu.memory_gib),
    }
}

// === impl Overview ===

impl Overview {
    /// What namespaces, oldest first, and keys say by themselves.
    pub fn new(namespaces: &[NamespaceView], keys: &[ApiKeyView]) -> Self {
        let there = |n: &&NamespaceView| n.status != NamespaceStatus::Deleting;
        let why = |n: &NamespaceView| n.status_message.clone().unwrap_or_else(|| "Could not be set up".to_owned());
        let failed = namespaces.iter().filter(|n| n.status == NamespaceStatus::Failed);
        let active = || keys.iter().filter(|k| k.status == KeyStatus::Active);
        let ending = |k: &ApiKeyView| {
            let at = k.expires_at.clone().filter(|_| k.expires_soon)?;
            Some(ExpiringKey { id: k.id.clone(), name: k.name.clone(), at })
        };
        Self {
            namespaces: namespaces.iter().filter(there).count() as u32,
            newest: namespaces.iter().rfind(there).map(|n| n.id.clone()),
            keys: active().count() as u32,
            key_used: keys.iter().any(|k| k.last_used_at.is_some()),
            failed_namespaces: failed.map(|n| (n.name.clone(), why(n))).collect(),
            expiring: active().filter_map(ending).collect(),
            ..Self::default()
        }
    }

    /// Adds what runs, each with its namespace: sums of all of it, rows of what needs a person first.
    pub fn with_work(mut self, running: Vec<(NamespaceView, Vec<WorkloadView>)>) -> Self {
        let of = |(namespace, work): (NamespaceView, Vec<WorkloadView>)| {
            work.into_iter().map(move |one| (namespace.id.clone(), namespace.name.clone(), one))
        };
        self.work = running.into_iter().flat_map(of).collect();
        let sum = |figure: fn(&WorkloadView) -> u32| self.work.iter().map(|(.., one)| figure(one)).sum::<u32>();
        self.pods = (sum(|one| one.ready), sum(|one| one.wanted));
        self.troubled = sum(|one| u32::from(matches!(one.status, WorkloadStatus::Failed | WorkloadStatus::Degraded)));
        self.left_out = self.work.len().saturating_sub(MOST_WORK) as u32;
        self.work.sort_by_key(|(.., one)| one.status.urgency());
        self.work.truncate(MOST_WORK);
        self
    }

    /// Adds the budgets of which nothing is left.
    pub fn with_budgets(mut self, mut budgets: Vec<BudgetView>) -> Self {
        budgets.retain(|budget| budget.stopped || budget.percent >= 100);
        self.used_up = budgets;
        self
    }

    /// How many things need a person.
    pub fn attention(&self) -> u32 {
        self.troubled + (self.failed_namespaces.len() + self.expiring.len() + self.used_up.len()) as u32
    }

    /// How many GPUs are free, and of which classes.
    pub fn free_gpus(&self) -> (String, String) {
        let free: u32 = self.free.iter().map(|class| class.free).sum();
        let classes: Vec<String> = self.free.iter().map(FreeGpus::words).collect();
        (free.to_string(), if classes.is_empty() { "None on offer".to_owned() } else { classes.join(", ") })
    }

    /// What the table of what runs leaves out, in words.
    pub fn rest(&self) -> Option<String> {
        (self.left_out > 0).then(|| format!("{} more: see the namespaces", count(self.left_out, "workload")))
    }

    /// The four first steps, done or not: namespace, key, kubectl, deployment.
    pub fn steps(&self) -> [bool; 4] {
        [self.namespaces > 0, self.keys > 0, self.key_used, !self.work.is_empty()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::sku::{AvailabilityView, PriceView};

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
            cost_currency: None,
            created_at: String::new(),
            pod_count: 0,
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

    fn namespace(name: &str, status: NamespaceStatus) -> NamespaceView {
        NamespaceView {
            id: format!("id-{name}"),
            name: name.into(),
            kubernetes_name: format!("{name}-0a1b2c3d"),
            tenant: None,
            label: String::new(),
            status,
            status_message: None,
            deployments: 0,
            quota: Vec::new(),
            share: domain::account::Share::default(),
            price_per_hour: None,
            created_at: "2026-11-21T09:00:00Z".into(),
        }
    }

    #[test]
    fn pods_are_summed_and_trouble_comes_first() {
        let work = vec![workload(WorkloadStatus::Running, Some("3.29")), workload(WorkloadStatus::Failed, None)];
        let overview = Overview::default().with_work(vec![(namespace("team", NamespaceStatus::Active), work)]);
        assert_eq!((overview.pods, overview.attention(), overview.rest()), ((1, 4), 1, None));
        let (id, name, first) = &overview.work[0];
        assert_eq!((id.as_str(), name.as_str(), first.status), ("id-team", "team", WorkloadStatus::Failed));
    }

    #[test]
    fn of_very_many_the_page_shows_some_and_sums_all() {
        let many = vec![workload(WorkloadStatus::Running, Some("1")); 250];
        let overview = Overview::default().with_work(vec![(namespace("team", NamespaceStatus::Active), many)]);
        assert_eq!((overview.work.len(), overview.pods), (100, (250, 500)));
        assert_eq!(overview.rest().as_deref(), Some("150 workloads more: see the namespaces"));
    }

    #[test]
    fn the_first_steps_lead_to_the_newest_namespace_that_stays() {
        let [old, new, going] = [
            namespace("old", NamespaceStatus::Active),
            namespace("new", NamespaceStatus::Creating),
            namespace("going", NamespaceStatus::Deleting),
        ];
        let overview = Overview::new(&[old, new, going], &[]);
        assert_eq!((overview.namespaces, overview.newest.as_deref()), (2, Some("id-new")));
    }

    #[test]
    fn a_budget_of_which_nothing_is_left_needs_somebody() {
        let budget = |percent: u32, stopped: bool| BudgetView {
            id: percent.to_string(),
            namespace_id: None,
            namespace: None,
            amount: "10.00".into(),
            currency: "EUR".into(),
            warn_at: vec![50],
            hard_stop: stopped,
            spent: "0.00".into(),
            percent,
            stopped,
        };
        let overview = Overview::default().with_budgets(vec![budget(99, false), budget(100, false), budget(0, true)]);
        let told: Vec<u32> = overview.used_up.iter().map(|budget| budget.percent).collect();
        assert_eq!((told, overview.attention()), (vec![100, 0], 2));
    }

    #[test]
    fn free_gpus_are_counted_once_although_several_skus_sell_them() {
        let sku = |count: u32, free: u32, total: u32, mig: Option<&str>| SkuView {
            code: format!("gpu-{count}x"),
            title: String::new(),
            kind: "gpu".into(),
            gpu: Some(SkuGpuView { model: "H100".into(), count, memory_gib: 80, mig_profile: mig.map(Into::into) }),
            cpu: "1".into(),
            memory: "1Gi".into(),
            storage: None,
            price: PriceView { amount: "1".into(), currency: "EUR".into(), unit: "hour".into() },
            available: AvailabilityView { free, total, as_of: None },
            granted: true,
            engines: Vec::new(),
            runtime_class: None,
            usual_start_seconds: None,
        };
        let free = FreeGpus::of(&[sku(1, 13, 16, None), sku(8, 1, 2, None), sku(1, 2, 7, Some("1g.10gb"))]);
        let words: Vec<String> = free.iter().map(FreeGpus::words).collect();
        assert_eq!(words, ["2 of 7 H100 1g.10gb", "13 of 16 H100 80 GB"]);
        let overview = Overview { free, ..Overview::default() };
        assert_eq!(overview.free_gpus().0, "15");
        assert!(FreeGpus::of(&[sku(1, 0, 0, None)]).is_empty(), "what is nowhere is not on offer");
    }
}
