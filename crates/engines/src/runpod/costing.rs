//! What still costs something, for whoever takes a node away for good. Nothing is changed by looking.
use kubelet::ProviderError;

use super::{
    RunPod,
    api::{Rented, Status, micros},
    pace::Urgency,
};

/// An instance of this node. One that was stopped costs its disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Costing {
    /// RunPod's id.
    pub id: String,
    /// Namespace and name of its pod, or its UID.
    pub pod: String,
    /// Whether it only keeps a disk.
    pub stopped: bool,
    /// Millionths of a dollar per hour, by RunPod's word.
    pub micros_per_hour: i64,
}

// === impl RunPod ===

impl RunPod {
    /// All instances with the marker of this node, whatever their state. That there are none is believed only when a list
    /// still says so once everything made before must be in it.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`]: nobody knows whether there are any.
    pub async fn costing(&self) -> Result<Vec<Costing>, ProviderError> {
        let found = self.costing_by_list().await?;
        if !found.is_empty() {
            return Ok(found);
        }
        tokio::time::sleep(self.0.config.lag).await;
        self.costing_by_list().await
    }

    async fn costing_by_list(&self) -> Result<Vec<Costing>, ProviderError> {
        let engine = &self.0;
        let walk = engine.walk_after(engine.moment(), Urgency::Usual).await;
        let walk = walk.map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        let alive = walk.ours.iter().filter(|(_, rented)| rented.status != Status::Terminated);
        Ok(alive.map(|(uid, rented)| costing(uid, rented)).collect())
    }
}

fn costing(uid: &str, rented: &Rented) -> Costing {
    let marks = rented.env.clone().unwrap_or_default();
    let pod = match marks.pod.as_str() {
        "" => format!("UID {uid}"),
        name => format!("{}/{name}", marks.namespace),
    };
    let stopped = matches!(rented.status, Status::Exited | Status::Error);
    Costing { id: rented.id.clone(), pod, stopped, micros_per_hour: rented.cost.map_or(0, micros) }
}
