//! The meter: keeps usage records as the cluster's pods begin and end. The leader runs it; what it knows can be lost at any
//! moment, because every look starts from what is stored and what the cluster says.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use domain::Result;
use domain::admission::Orderer;
use domain::api_key::ApiKey;
use domain::id::{AccountId, NamespaceId, UsageId};
use domain::sku::Sku;
use domain::usage::{Meter, MeteredPod, Metering, Note, Subject, UsageKey, UsageRecord};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::Backend;

const LOOK: Duration = Duration::from_secs(2);
// What a killed console may fail to charge for a pod that went while nobody looked.
const MARK: SignedDuration = SignedDuration::from_secs(5);
// Every budget is judged as often as that; those of an account whose records changed at once.
const JUDGE: SignedDuration = SignedDuration::from_secs(10);

/// Whom the pods of a namespace are charged to, by who ordered them.
type Payers = HashMap<(NamespaceId, Option<Orderer>), Option<UsageRecord>>;

/// What the loop holds between two looks.
#[derive(Default)]
struct Held {
    meter: Option<Meter>,
    marked: Option<Timestamp>,
    judged: Option<Timestamp>,
}

impl Backend {
    /// Meters until cancelled; idle while another replica leads.
    pub async fn meter_usage(&self, shutdown: CancellationToken) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut held, mut failing) = (Held::default(), false);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = look.tick() => {}
            }
            if !self.leads() {
                held = Held::default();
                continue;
            }
            // Not one more write once the claim has ended: the next leader may be at the same pod.
            let looked = tokio::select! {
                biased;
                () = self.inner.leadership.lost() => { held = Held::default(); continue }
                looked = self.look(&mut held) => looked,
            };
            if let Err(error) = looked {
                held = Held::default();
                metrics::counter!("remotegpu_usage_failures_total").increment(1);
                let error = &error as &dyn std::error::Error;
                match std::mem::replace(&mut failing, true) {
                    false => tracing::warn!(error, "usage could not be metered; it will be tried again"),
                    true => tracing::debug!(error, "usage could still not be metered"),
                }
            } else if std::mem::take(&mut failing) {
                tracing::info!("metering works again");
            }
        }
    }

    async fn look(&self, held: &mut Held) -> Result<()> {
        let Some(says) = self.inner.cluster.metering() else { return Ok(()) };
        let now = self.inner.clock.now();
        let meter = match &mut held.meter {
            Some(meter) => meter,
            empty => empty.insert(self.meter_from_store(now).await?),
        };
        let ends = self.inner.store.usage_ends(&meter.unknown(&says)).await?;
        let records = self.records(meter, &says, &ends, now).await?;
        self.inner.store.note_usage(&records).await?;
        let touched: BTreeSet<AccountId> = records.iter().map(|record| record.account_id).collect();
        meter.noted(records, &says, now);
        metrics::gauge!("remotegpu_usage_open_records").set(f64::from(u32::try_from(meter.open()).unwrap_or(u32::MAX)));
        if held.marked.is_none_or(|last| now.duration_since(last) >= MARK) {
            self.inner.store.set_metered_until(now).await?;
            held.marked = Some(now);
        }
        // What was metered stays known even if a budget cannot be read.
        if let Err(error) = self.judge_touched(&mut held.judged, &touched, now).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "budgets could not be read; they will be tried again");
        }
        Ok(())
    }

    async fn judge_touched(
        &self,
        judged: &mut Option<Timestamp>,
        touched: &BTreeSet<AccountId>,
        now: Timestamp,
    ) -> Result<()> {
        if judged.is_none_or(|last| now.duration_since(last) >= JUDGE) {
            *judged = Some(now);
            self.judge_budgets().await
        } else {
            self.judge_budgets_of(touched).await
        }
    }

    async fn meter_from_store(&self, now: Timestamp) -> Result<Meter> {
        let (open, seen) = (self.inner.store.open_usage(None).await?, self.inner.store.metered_until().await?);
        Ok(Meter::new(open, seen.unwrap_or(now)))
    }

    /// The records that a look asks for.
    async fn records(
        &self,
        meter: &Meter,
        says: &Metering,
        ends: &BTreeMap<String, Timestamp>,
        now: Timestamp,
    ) -> Result<Vec<UsageRecord>> {
        let (mut records, mut payers) = (Vec::new(), Payers::new());
        for note in meter.look(says, ends, now) {
            let known = match note.of {
                Subject::Record(record) => Some(record.clone()),
                Subject::Pod(pod) => self.charged(pod, &mut payers).await?,
            };
            records.extend(known.map(|record| self.spanning(record, &note)));
        }
        Ok(records)
    }

    /// The record of a span: with its own id where it is the known one, else with a fresh one.
    fn spanning(&self, record: UsageRecord, note: &Note<'_>) -> UsageRecord {
        let same = matches!(note.of, Subject::Record(_)) && note.from == record.started_at;
        let id = if same { record.id } else { UsageId::new(self.inner.random.uuid()) };
        UsageRecord { id, started_at: note.from, ended_at: note.until, ..record }
    }

    /// A record of this pod; none for a namespace that is not ours.
    async fn charged(&self, pod: &MeteredPod, payers: &mut Payers) -> Result<Option<UsageRecord>> {
        let payer = match payers.entry((pod.namespace_id, pod.ordered_by.clone())) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(self.payer(pod).await?),
        };
        let Some(payer) = payer else { return Ok(None) };
        let own = || (pod.name.clone(), payer.kubernetes_name.clone());
        let (origin_pod, origin_namespace) = pod.origin.clone().unwrap_or_else(own);
        Ok(Some(UsageRecord {
            pod_uid: pod.uid.clone(),
            pod: pod.name.clone(),
            origin_pod,
            origin_namespace,
            sku_code: pod.sku_code.clone(),
            engine: pod.engine.clone(),
            runtime_class: self.class_of(pod),
            price: pod.price.clone(),
            ..payer.clone()
        }))
    }

    /// The class by which users of the tenant API pick the SKU, as admission froze it. Pods that an earlier version admitted
    /// have the one of their SKU now, and none goes uncharged for want of a name.
    fn class_of(&self, pod: &MeteredPod) -> String {
        if !pod.runtime_class.is_empty() {
            return pod.runtime_class.clone();
        }
        let skus = self.inner.cluster.skus().unwrap_or_default();
        skus.get(&pod.sku_code).and_then(Sku::runtime_class).unwrap_or_default()
    }

    /// A record with everything that comes from the namespace and from who ordered the pod: account, names, person, key.
    async fn payer(&self, pod: &MeteredPod) -> Result<Option<UsageRecord>> {
        let Some(tenant) = self.inner.store.namespace_by_id(pod.namespace_id).await? else { return Ok(None) };
        let key = self.key_of(tenant.account_id, pod).await?;
        let person = match (&key, &pod.ordered_by) {
            (Some(key), _) => key.owner_id,
            (None, Some(Orderer::Person(person))) => *person,
            (None, _) => tenant.created_by,
        };
        let member = self.inner.store.member(person, Some(tenant.account_id)).await?;
        // Who left the account, or was deleted, is still told apart by the id.
        let member = member.map_or_else(|| "former member".to_owned(), |member| member.user.email.as_str().to_owned());
        Ok(Some(UsageRecord {
            id: UsageId::new(self.inner.random.uuid()),
            account_id: tenant.account_id,
            namespace_id: tenant.id,
            namespace: tenant.name.as_str().to_owned(),
            kubernetes_name: tenant.kubernetes_name.as_str().to_owned(),
            member_id: person,
            member,
            key: key.map(|key| UsageKey { id: key.id, name: key.name }),
            pod_uid: String::new(),
            pod: String::new(),
            origin_pod: String::new(),
            origin_namespace: String::new(),
            sku_code: String::new(),
            engine: String::new(),
            runtime_class: String::new(),
            price: pod.price.clone(),
            started_at: pod.started_at,
            ended_at: None,
        }))
    }

    /// The key that ordered a pod. Of this account only: what stands on the pod tells nothing about another's.
    async fn key_of(&self, account: AccountId, pod: &MeteredPod) -> Result<Option<ApiKey>> {
        let Some(Orderer::Key(id)) = &pod.ordered_by else { return Ok(None) };
        let found = self.inner.store.keys_by_public_id(std::slice::from_ref(id)).await?;
        Ok(found.into_iter().map(|found| found.key).find(|key| key.account_id == account))
    }
}
