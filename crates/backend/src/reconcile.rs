//! The one desired-state loop: rows are orders, this carries them out, repairs drift, and finishes what a restart or an
//! unreachable API server interrupted (RULINGS 36). Of several replicas the leader runs it; every step is idempotent, so
//! that a new leader goes on where the last one broke off.

mod access;
mod suspension;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use domain::account::AccountStatus;
use domain::audit::Action;
use domain::id::NamespaceId;
use domain::namespace::{Namespace, NamespaceStatus};
use domain::{Error, Result};
use futures::StreamExt as _;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::ports::{Removal, TenantRules};
use crate::{Backend, namespace};

// Other replicas' orders and failed tries come at the next look; our own wake the loop at once.
const LOOK: Duration = Duration::from_secs(2);
// A lost watch event is repaired at the latest then.
const FULL: Duration = Duration::from_secs(600);
// Tokens that are not handed out any more leave the memory at the latest then.
const TOKENS: Duration = Duration::from_secs(60);
const AT_ONCE: usize = 8;
const BATCH: u32 = 100;

impl Backend {
    /// Whether this process does the work that nobody asked for.
    pub fn leads(&self) -> bool {
        self.inner.leadership.leads()
    }

    /// Runs until cancelled; idle while another replica leads.
    pub async fn reconcile(&self, shutdown: CancellationToken) {
        let mut changes = self.inner.cluster.tenant_changes();
        let mut look = tokio::time::interval(LOOK);
        let mut full = tokio::time::interval(FULL);
        let mut drifted = BTreeSet::new();
        // What drifted while nobody or another process led was not seen here: a new leader looks at everything.
        let mut everything = true;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                Some(id) = changes.next() => { drifted.insert(id); }
                () = self.inner.wake.notified() => {}
                _ = look.tick() => {}
                _ = full.tick() => everything = true,
            }
            if !self.leads() {
                (everything, drifted) = (true, BTreeSet::new());
                continue;
            }
            let work = async {
                if std::mem::take(&mut everything) {
                    self.every_active(&mut drifted).await;
                    self.sweep_identities().await;
                    self.sweep_skypilot().await;
                }
                self.pass(&mut drifted).await;
            };
            // Not one more call once the claim has ended: the next leader may be at the same namespace.
            tokio::select! { biased; () = self.inner.leadership.lost() => everything = true, () = work => {} }
        }
    }

    /// Drops cached tokens of ServiceAccounts that changed or went, and those whose time is over. Runs on every replica
    /// until cancelled: each has tokens of its own.
    pub async fn forget_changed_identities(&self, shutdown: CancellationToken) {
        let mut identities = self.inner.cluster.identity_changes();
        let mut stale = tokio::time::interval(TOKENS);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                Some(account) = identities.next() => self.inner.tokens.forget_account(&account),
                _ = stale.tick() => self.inner.tokens.forget_stale(Instant::now()),
            }
        }
    }

    /// Says that something will be tried again: loudly once, quietly while the trouble lasts.
    pub(crate) fn log(&self, doing: &'static str, error: &Error) {
        let error = error as &dyn std::error::Error;
        metrics::counter!("remotegpu_reconcile_failures_total").increment(1);
        match self.inner.failures.fetch_add(1, Ordering::Relaxed) {
            0 => tracing::warn!(error, doing, "will be tried again; further failures are logged at level debug"),
            _ => tracing::debug!(error, doing, "will be tried again"),
        }
    }

    async fn pass(&self, drifted: &mut BTreeSet<NamespaceId>) {
        let failures = self.inner.failures.load(Ordering::Relaxed);
        self.number_tenants().await;
        self.orders().await;
        self.outdated().await;
        self.repairs(drifted).await;
        self.measure(failures);
        if failures > 0 && self.inner.failures.load(Ordering::Relaxed) == failures {
            self.inner.failures.store(0, Ordering::Relaxed);
            tracing::info!("reconciling works again");
        }
    }

    /// `failures` is how many there were before the pass.
    fn measure(&self, failures: u32) {
        if self.inner.failures.load(Ordering::Relaxed) == failures {
            let now = self.inner.clock.now().as_second() as f64;
            metrics::gauge!("remotegpu_reconcile_last_success_timestamp_seconds").set(now);
        }
    }

    async fn orders(&self) {
        let pending = [NamespaceStatus::Creating, NamespaceStatus::Deleting];
        match self.inner.store.namespaces_in(&pending, None, BATCH).await {
            Ok(orders) => {
                queued("namespaces", orders.len());
                futures::stream::iter(orders).for_each_concurrent(AT_ONCE, |n| self.carry_out(n)).await;
            }
            Err(error) => self.log("reading the namespaces to reconcile", &error),
        }
        self.access_orders().await;
        self.skypilot_orders().await;
    }

    /// Namespaces that an older binary made have no number of the tenant API yet.
    async fn number_tenants(&self) {
        if let Err(error) = self.inner.store.number_tenants(BATCH).await {
            self.log("numbering the namespaces of an older version", &error);
        }
    }

    async fn repairs(&self, drifted: &mut BTreeSet<NamespaceId>) {
        let ids = std::mem::take(drifted);
        let repairs = futures::stream::iter(ids).map(|id| async move { (id, self.repair(id).await) });
        let results: Vec<_> = repairs.buffer_unordered(AT_ONCE).collect().await;
        for (id, result) in results {
            if let Err(error) = result {
                self.log("repairing a namespace", &error);
                drifted.insert(id);
            }
        }
    }

    /// Namespaces of accounts whose limits changed, or that were suspended or resumed.
    async fn outdated(&self) {
        let renew = async |(tenant, since): (Namespace, Timestamp)| {
            let renewed = async {
                self.apply(&tenant).await?;
                self.inner.store.namespace_applied(tenant.id, since).await
            };
            if let Err(error) = renewed.await {
                self.log("applying changed limits or a suspension", &error);
            }
        };
        match self.inner.store.outdated_namespaces(BATCH).await {
            Ok(tenants) => futures::stream::iter(tenants).for_each_concurrent(AT_ONCE, renew).await,
            Err(error) => self.log("reading the namespaces whose account changed", &error),
        }
    }

    /// Makes the cluster's objects as they must be, with the limits, SKUs and budgets that the account has now, and the
    /// namespace's share of those; what connectors may do follows its suspension.
    async fn apply(&self, tenant: &Namespace) -> Result<()> {
        let account = self.inner.store.account(tenant.account_id).await?;
        let suspended = account.as_ref().is_some_and(|account| account.status() == AccountStatus::Suspended);
        if suspended {
            // First: what cannot be applied must not keep anybody's rights.
            self.unbind_connectors(tenant).await?;
        }
        let (quota, skus) = account.map_or_else(Default::default, |account| (account.quota, account.skus));
        let spending_stopped = self.inner.store.spending_stopped(tenant.account_id, tenant.id).await?;
        let default_sku = self.inner.store.default_sku(tenant.id).await?;
        let rules = TenantRules { quota: quota.in_namespace(&tenant.share), skus, default_sku, spending_stopped };
        self.inner.cluster.apply_tenant(tenant, &rules).await?;
        if suspended { Ok(()) } else { self.bind_connectors(tenant).await }
    }

    async fn carry_out(&self, namespace: Namespace) {
        let result = match namespace.status {
            NamespaceStatus::Creating => self.set_up(&namespace).await,
            NamespaceStatus::Deleting => self.tear_down(&namespace).await,
            NamespaceStatus::Active | NamespaceStatus::Failed => Ok(()),
        };
        if let Err(error) = result {
            self.log("reconciling a namespace", &error);
        }
    }

    async fn set_up(&self, tenant: &Namespace) -> Result<()> {
        let (to, action, failure) = match self.apply(tenant).await {
            Ok(()) => (NamespaceStatus::Active, Action::NamespaceActivated, None),
            Err(error) if error.retryable() => return Err(error),
            Err(error) => {
                self.log("setting up a namespace", &error);
                (NamespaceStatus::Failed, Action::NamespaceFailed, Some(error))
            }
        };
        let message = failure.as_ref().map(Error::to_string);
        let detail = message.clone().unwrap_or_default();
        let audit = self.audit_system(tenant.account_id, action, namespace::target(tenant.id), detail);
        let audit = audit.named(tenant.name.as_str());
        let audit = failure.map(|error| error.code()).into_iter().fold(audit, |audit, code| audit.failed(code));
        let from = NamespaceStatus::Creating;
        self.inner.store.set_namespace_status(tenant.id, from, to, message.as_deref(), &audit).await.map(drop)
    }

    async fn tear_down(&self, tenant: &Namespace) -> Result<()> {
        self.inner.tokens.forget_namespace(tenant.id);
        self.tear_down_skypilot(tenant).await?;
        if self.inner.cluster.delete_tenant(tenant).await? == Removal::InProgress {
            return Ok(());
        }
        let name = tenant.name.as_str();
        let audit = self.audit_system(tenant.account_id, Action::NamespaceDeleted, namespace::target(tenant.id), name);
        let audit = audit.named(name);
        self.inner.store.remove_namespace(tenant.id, &audit).await
    }

    async fn repair(&self, id: NamespaceId) -> Result<()> {
        match self.inner.store.namespace_by_id(id).await? {
            Some(tenant) if tenant.status == NamespaceStatus::Active => {
                self.apply(&tenant).await?;
                self.repair_skypilot(&tenant).await
            }
            Some(tenant) if tenant.status == NamespaceStatus::Deleting => self.tear_down(&tenant).await,
            _ => Ok(()),
        }
    }

    async fn every_active(&self, drifted: &mut BTreeSet<NamespaceId>) {
        let mut after = None;
        loop {
            match self.inner.store.namespaces_in(&[NamespaceStatus::Active], after, BATCH).await {
                Err(error) => return self.log("reading the active namespaces", &error),
                Ok(rows) => {
                    drifted.extend(rows.iter().map(|n| n.id));
                    after = rows.last().map(|n| n.id);
                    if rows.len() < BATCH as usize {
                        return;
                    }
                }
            }
        }
    }
}

/// What a look found, for the metrics; at most one batch.
fn queued(kind: &'static str, orders: usize) {
    let orders = u32::try_from(orders).unwrap_or(u32::MAX);
    metrics::gauge!("remotegpu_reconcile_queue", "kind" => kind).set(f64::from(orders));
}
