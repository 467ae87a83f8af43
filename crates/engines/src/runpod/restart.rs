//! A container that a probe found unhealthy starts anew in place: the machine stays rented, so nobody else gets it meanwhile
//! (`virtual-node.md` §3.8). The new attempt stands in its variables, from which another process of this node learns it.
use std::sync::Arc;

use kubelet::{ContainerInstance, Instance, InstanceRequest, PodRef, ProviderError};
use serde_json::json;

use super::{client::ApiError, create::waiting, engine::Engine, rental::Rental};

// === impl Engine ===

impl Engine {
    /// From now on the container counts as ended, though it still runs: its restart policy decides what follows.
    pub(super) fn note_killed(&self, uid: &str, container: &ContainerInstance) {
        let now = self.clock.now();
        if let Some(rental) = self.fleet().rentals.get_mut(uid)
            && (&rental.container, rental.attempt) == (&container.name, container.attempt)
            && rental.ended().is_none()
        {
            rental.killed = Some((rental.attempt, now));
        }
        let _ = self.changes.send(());
    }

    /// `None` if RunPod does not start it anew: then another instance takes its place.
    pub(super) async fn restart(
        &self,
        pod: &PodRef,
        request: &InstanceRequest,
        rental: &Rental,
    ) -> Result<Option<Arc<Instance>>, ProviderError> {
        let attempt = request.containers.first().map_or(0, |container| container.attempt);
        let plan = match self.plan(pod, request).await {
            Ok(plan) => plan,
            // Nothing is known, so nothing is given back.
            Err(
                error @ (ProviderError::Unavailable(_) | ProviderError::Waiting { reason: "ProviderThrottled", .. }),
            ) => return Err(error),
            // What would be refused now is not rented for either: a machine that is kept for it would only cost.
            Err(_) => return Ok(None),
        };
        let Some(variables) = plan.variables(&rental.terms) else { return Ok(None) };
        let path = format!("/v2/pods/{}", rental.id);
        match self.client.patch(&path, &variables).await {
            Ok(_) => {}
            Err(ApiError::Refused { .. }) => return Ok(None),
            Err(error) => return Err(waiting("InstanceRestarting", error.to_string())),
        }
        match self.client.post(&format!("{path}/action"), &json!({"action": "restart"})).await {
            Ok(_) => {}
            // It starts already: RunPod may do so when variables change.
            Err(ApiError::Refused { status: 409, .. }) => {}
            Err(ApiError::Refused { .. }) => return Ok(None),
            // Nothing is rented by doing it twice.
            Err(error) => return Err(waiting("InstanceRestarting", error.to_string())),
        }
        let (now, limit) = (self.clock.now(), self.config.boot_limit);
        let started = {
            let mut fleet = self.fleet();
            let Some(known) = fleet.rentals.get_mut(&pod.uid).filter(|known| known.id == rental.id) else {
                return Ok(None);
            };
            known.restarted(attempt, now);
            known.clone()
        };
        // Its public ports go with the old container.
        self.annotate(pod, &started);
        self.tell(pod, "InstanceRestarted", format!("RunPod starts the container of instance {} anew", rental.id));
        Ok(Some(Arc::new(started.instance(&pod.uid, now, limit))))
    }
}
