//! The tick: one list of the engine for all pods, at an interval and whenever the engine says that something changed.
//! Its outcome is also the health of the node; while lists fail nothing is concluded and nothing is terminated.
use std::{sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use tokio::time::{Instant, MissedTickBehavior};

use crate::{Instance, ProviderError, kubelet::Shared, sweep::Sweep};

/// Failed lists in a row before the node is no longer Ready.
const TOLERATED: u32 = 3;
/// The engine says "changed" many times for one change.
const GATHER: Duration = Duration::from_millis(30);
/// Pause before asking again an engine that failed.
const AGAIN: Duration = Duration::from_secs(2);

/// Whether the engine answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) listed: bool,
    pub(crate) failures: u32,
    pub(crate) message: String,
}

// === impl Health ===

impl Health {
    pub(crate) fn is_ready(&self) -> bool {
        self.listed && self.failures < TOLERATED
    }
}

pub(crate) async fn run(shared: Arc<Shared>) {
    // A list taken before the pods are known could only be misread.
    tokio::select! {
        () = shared.pods_known.cancelled() => {}
        () = shared.shutdown.cancelled() => return,
    }
    let mut interval = tokio::time::interval(shared.config.reconcile_interval);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut changes = shared.provider.changes();
    let mut sweep = Sweep::default();
    loop {
        let regular = tokio::select! {
            () = shared.shutdown.cancelled() => return,
            _ = interval.tick() => true,
            change = changes.next() => {
                if change.is_none() {
                    tokio::time::sleep(AGAIN).await;
                    changes = shared.provider.changes();
                }
                tokio::time::sleep(GATHER).await;
                while let Some(Some(())) = changes.next().now_or_never() {}
                false
            }
        };
        list(&shared, &mut sweep, regular).await;
        if shared.health.borrow().failures > 0 {
            interval.reset_after(AGAIN.min(shared.config.reconcile_interval));
        }
    }
}

/// One list, in which each instance of a known pod says whose it is. Before the first one the engine takes over what only the
/// pods know of: a pod whose instance no list shows would count as lost.
async fn look(shared: &Shared) -> Result<Vec<Arc<Instance>>, ProviderError> {
    if let Some(annotation) = shared.rules.capabilities.adopts_by.filter(|_| !shared.engine_known.is_cancelled()) {
        let all = shared.records.pods_json();
        let pods = all.iter().filter_map(|json| serde_json::from_slice::<Pod>(json).ok());
        let has_it = |pod: &Pod| pod.metadata.annotations.as_ref().is_some_and(|notes| notes.contains_key(annotation));
        let pods: Vec<Pod> = pods.filter(has_it).collect();
        shared.provider.adopt(&pods).await?;
    }
    let list = shared.provider.list().await?;
    Ok(list.into_iter().map(|instance| identified(shared, instance)).collect())
}

fn identified(shared: &Shared, instance: Arc<Instance>) -> Arc<Instance> {
    if !instance.name.is_empty() {
        return instance;
    }
    let known = shared.records.view(&instance.uid);
    known.and_then(|known| shared.provider.identify(&known.pod)).unwrap_or(instance)
}

async fn list(shared: &Arc<Shared>, sweep: &mut Sweep, regular: bool) {
    let number = shared.records.start_list();
    let started = Instant::now();
    match shared.metrics.lists.count(look(shared).await) {
        Ok(list) => {
            let instances = list.len();
            let absorbed = shared.records.absorb(number, list);
            let took = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            shared.metrics.list_microseconds.set(took);
            let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::debug!(instances, changed = absorbed.changed.len(), duration_ms, "Listed the engine");
            shared.enqueue(absorbed.changed);
            if regular {
                sweep.consider(shared, absorbed.unknown);
            }
            shared.health.send_if_modified(|health| {
                let healthy = Health { listed: true, ..Health::default() };
                std::mem::replace(health, healthy.clone()) != healthy
            });
            if !shared.engine_known.is_cancelled() {
                shared.engine_known.cancel();
                shared.enqueue(shared.records.uids());
            }
        }
        Err(error) => {
            tracing::warn!(%error, "Listing the engine failed");
            shared.health.send_modify(|health| {
                health.failures = health.failures.saturating_add(1);
                health.message = error.to_string();
            });
        }
    }
    let unpaid = shared.provider.insufficient_balance();
    shared.unpaid.send_if_modified(|known| std::mem::replace(known, unpaid.clone()) != unpaid);
}
