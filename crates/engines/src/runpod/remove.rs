//! Ending instances: always terminated, never stopped (a stopped disk is billed), and done only when proven
//! (`virtual-node.md` §3.10, §5.3).
use std::{sync::Arc, time::Duration};

use kubelet::{Instance, ProviderError};

use super::{
    api::{Rented, Status},
    client::ApiError,
    clock::span,
    engine::Engine,
    events::pod_of,
    pace::Urgency,
    rental::Rental,
};

/// A "not found" this soon after the create may be lag.
const YOUNG: Duration = Duration::from_secs(120);
/// Instances of one pod that are ended in one go.
const AT_ONCE: usize = 8;

// === impl Engine ===

impl Engine {
    pub(super) async fn delete(&self, uid: &str) -> Result<Option<Arc<Instance>>, ProviderError> {
        // A create that is under way ends first: then its instance is known.
        let lock = self.lock_of(uid);
        let _held = lock.lock().await;
        let last = self.end_all(uid).await?;
        let (now, limit) = (self.clock.now(), self.config.boot_limit);
        Ok(last.map(|rental| Arc::new(rental.instance(uid, now, limit))))
    }

    /// Ends whatever there is for a pod, with its lock held. Ok = nothing is left, and nothing can still appear.
    pub(super) async fn end_all(&self, uid: &str) -> Result<Option<Rental>, ProviderError> {
        let mut last = None;
        for _ in 0..AT_ONCE {
            let known = self.fleet().rentals.get(uid).cloned();
            if let Some(rental) = &known {
                self.terminate(rental).await?;
            }
            let walk = self.walk_after(self.moment(), Urgency::Terminate).await.map_err(unavailable)?;
            let id = known.as_ref().map(|rental| rental.id.as_str());
            let alive = |rented: &&Rented| rented.status != Status::Terminated && !self.is_gone(&rented.id);
            let mut others = walk.ours.iter().filter(|(of, _)| of == uid).map(|(_, rented)| rented).filter(alive);
            if let Some(rental) = &known {
                if walk
                    .ours
                    .iter()
                    .any(|(_, rented)| Some(rented.id.as_str()) == id && rented.status != Status::Terminated)
                {
                    return Err(ProviderError::Unavailable(format!("RunPod still lists instance {}", rental.id)));
                }
                self.confirm(rental).await?;
                self.note_gone(&rental.id);
                last = self.fleet().remove(uid, self.clock.now()).or(last);
            }
            let other = others.find(|rented| Some(rented.id.as_str()) != id).cloned();
            match other {
                Some(other) => self.note(uid, &other, self.clock.now()),
                None => return self.settled(uid, last.is_some()).map(|()| last),
            }
        }
        Err(ProviderError::Unavailable("RunPod shows more and more instances of this pod".into()))
    }

    /// Nothing is listed: is it certain that nothing comes?
    fn settled(&self, uid: &str, was_known: bool) -> Result<(), ProviderError> {
        let mut fleet = self.fleet();
        if let Some(since) = self.doubt(&fleet, uid, was_known)
            && since < self.config.lag
        {
            let message = "An instance may have been rented without an answer; waiting until the list must show it";
            return Err(ProviderError::Unavailable(message.into()));
        }
        fleet.settle(uid);
        if let Some(ip) = fleet.ips.remove(uid) {
            self.addresses.lock().unwrap_or_else(std::sync::PoisonError::into_inner).give_back(&ip);
        }
        Ok(())
    }

    /// How long ago something may have been rented for this pod that no list shows yet.
    pub(super) fn doubt(&self, fleet: &super::fleet::Fleet, uid: &str, was_known: bool) -> Option<Duration> {
        let own = fleet.doubts.get(uid).map(tokio::time::Instant::elapsed);
        // Whatever acted before this process may have rented something right before it ended.
        let before = Some(self.age()).filter(|age| *age < self.config.lag && !was_known);
        own.into_iter().chain(before).min()
    }

    async fn terminate(&self, rental: &Rental) -> Result<(), ProviderError> {
        match self.client.delete(&format!("/v2/pods/{}", rental.id)).await {
            Ok(_) => Ok(()),
            Err(ApiError::Refused { status: 404, .. }) if span(rental.created, self.clock.now()) > YOUNG => Ok(()),
            Err(ApiError::Refused { status: 404, .. }) if rental.missing.is_some() => Ok(()),
            Err(ApiError::Refused { status: 404, .. }) => {
                // Seen alive, and yet unknown: lag, or gone a moment ago. A second look comes with the next try.
                if let Some(known) = self.fleet().rentals.values_mut().find(|known| known.id == rental.id) {
                    known.missing = Some(self.clock.now());
                }
                Err(ProviderError::Unavailable(format!("RunPod does not know instance {} yet", rental.id)))
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    /// A direct look must say that it is gone.
    async fn confirm(&self, rental: &Rental) -> Result<(), ProviderError> {
        match self.client.get(&format!("/v2/pods/{}", rental.id), Urgency::Terminate).await {
            Err(ApiError::Refused { status: 404, .. }) => Ok(()),
            Ok(body) if serde_json::from_slice::<Rented>(&body).is_ok_and(|one| one.status == Status::Terminated) => {
                Ok(())
            }
            Ok(_) => Err(ProviderError::Unavailable(format!("Instance {} is still there", rental.id))),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Two instances for one pod: one goes. What fails here is tried again after the next list.
    pub(super) fn end_duplicate(&self, uid: &str, id: &str, kept: &str) {
        let known = self.fleet().rentals.get(uid).map(|rental| pod_of(uid, rental));
        if let Some(pod) = known {
            self.warn(&pod, "DuplicateInstance", format!("Instance {id} is ended: {kept} already runs this pod"));
        }
        let (client, path) = (self.client.clone(), format!("/v2/pods/{id}"));
        tokio::spawn(async move {
            if let Err(error) = client.delete(&path).await {
                tracing::warn!(%error, path, "Ending a duplicate failed; trying again");
            }
        });
    }
}

fn unavailable(error: ApiError) -> ProviderError {
    ProviderError::Unavailable(error.to_string())
}
