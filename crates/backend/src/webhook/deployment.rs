//! Tells webhooks of Deployments as the cluster has them, whoever ordered it: the leader looks, and what it told is
//! stored with the messages, so that neither a restart nor another leader tells anything twice or forgets it.

use std::time::Duration;

use domain::Result;
use domain::id::DeliveryId;
use domain::webhook::deployment::ToldDeployments;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::deliver::troubled;
use crate::Backend;

const LOOK: Duration = Duration::from_secs(2);
// Steps per transaction: it must end well within the statement's time limit.
const BATCH: usize = 200;

impl Backend {
    /// Tells of Deployments until cancelled; idle while another replica leads.
    pub async fn tell_of_deployments(&self, shutdown: CancellationToken) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut held = None;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = look.tick() => {}
            }
            if !self.leads() {
                held = None;
                continue;
            }
            let looked = tokio::select! {
                biased;
                () = self.inner.leadership.lost() => { held = None; continue }
                looked = self.look_at_deployments(&mut held) => looked,
            };
            if let Err(error) = looked {
                // What was stored is read anew: nobody knows how far it came.
                held = None;
                troubled("telling of deployments", &error);
            }
        }
    }

    async fn look_at_deployments(&self, held: &mut Option<ToldDeployments>) -> Result<()> {
        let Some(seen) = self.inner.cluster.seen_deployments() else { return Ok(()) };
        let held = match held {
            Some(held) => held,
            empty => empty.insert(ToldDeployments::new(self.inner.store.told_deployments().await?)),
        };
        let now = self.inner.clock.now();
        let mut steps = held.look(&seen, now, || DeliveryId::new(self.inner.random.uuid()));
        while !steps.is_empty() {
            let batch: Vec<_> = steps.drain(..steps.len().min(BATCH)).collect();
            self.inner.store.tell_of_deployments(&batch, now).await?;
            batch.into_iter().for_each(|step| held.keep(step));
        }
        Ok(())
    }
}
