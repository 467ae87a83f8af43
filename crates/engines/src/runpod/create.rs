//! Renting, without ever renting twice (`virtual-node.md` §5.2).
//! Look first, set the money aside, send once; what is in doubt is looked for until the list must show it.
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kubelet::{Instance, InstanceRequest, PodRef, ProviderError};

use super::{
    api::{Rented, Volume, micros},
    body::{Plan, plan},
    choice::{Candidate, choose, dollars},
    client::ApiError,
    clock::span,
    engine::Engine,
    list::encode,
    pace::Urgency,
    registry,
    rental::{Defect, Rental},
    terms::Terms,
};

/// The provider's words for "nothing free"; the status is that of a wrong request.
const NO_CAPACITY: &str = "no longer any instances";

/// What became of one candidate.
enum Tried {
    Rented(Box<Rented>),
    /// The next one may do better; what the pod waits for if there is none, and why.
    Next(&'static str, String),
}

// === impl Engine ===

impl Engine {
    pub(super) async fn create(&self, request: &InstanceRequest) -> Result<Arc<Instance>, ProviderError> {
        let (uid, namespace, name) = request.marker();
        let pod = PodRef { uid: uid.clone(), namespace, name };
        let lock = self.lock_of(&uid);
        let _held = lock.lock().await;
        let attempt = request.containers.first().map_or(0, |container| container.attempt);
        let replaced = match self.standing(&pod, request, attempt).await? {
            Standing::Serves(instance) => return Ok(instance),
            Standing::Free(replaced) => replaced,
        };
        if let Some(found) = self.settle(&pod, request, attempt).await? {
            return Ok(found);
        }
        let rented = self.rent(&pod, request).await.map_err(|error| self.patience(request, error))?;
        let now = self.clock.now();
        let mut rental = Rental::new(&rented, now);
        rental.previous = replaced.and_then(|old| old.ended());
        self.annotate(&pod, &rental);
        let instance = rental.instance(&uid, now, self.config.boot_limit);
        self.fleet().put(&uid, rental, now);
        Ok(Arc::new(instance))
    }

    /// What there is for this pod already. An older attempt and one that will never run are ended; one that a probe found
    /// unhealthy starts anew in place where it can.
    async fn standing(&self, pod: &PodRef, request: &InstanceRequest, attempt: u32) -> Result<Standing, ProviderError> {
        let (now, limit) = (self.clock.now(), self.config.boot_limit);
        let Some(mut rental) = self.fleet().rentals.get(&pod.uid).cloned() else { return Ok(Standing::Free(None)) };
        if rental.condemned && is_shown_on(&request.pod, &rental) {
            rental.condemned = false;
            self.fleet().pardon(&pod.uid, &rental.id);
        }
        if rental.defect(now, limit) == Some(Defect::Host) && self.ends_at_once(&pod.uid, &rental).await {
            rental.crashed = Some((rental.attempt, now));
        }
        let defect = rental.defect(now, limit);
        if defect.is_none() && rental.attempt >= attempt {
            return Ok(Standing::Serves(Arc::new(rental.instance(&pod.uid, now, limit))));
        }
        if defect.is_none()
            && rental.is_restartable()
            && let Some(instance) = self.restart(pod, request, &rental).await?
        {
            return Ok(Standing::Serves(instance));
        }
        self.end_all(&pod.uid).await.map_err(|error| waiting("InstanceEnding", error.to_string()))?;
        match defect {
            Some(Defect::Image) => {
                let message = "RunPod stopped the instance before its container ran and does not say why; usually the image \
                               does not exist or needs credentials";
                Err(waiting("ErrImagePull", message.to_owned()))
            }
            Some(Defect::Host) => {
                let message = format!("Instance {} did not come up on its host and was ended", rental.id);
                self.warn(pod, "InstanceReplaced", message);
                Ok(Standing::Free(None))
            }
            Some(Defect::Condemned) => Ok(Standing::Free(None)),
            None => Ok(Standing::Free(Some(Box::new(rental)))),
        }
    }

    /// An earlier create whose outcome nobody knows: adopts what it made, or waits until nothing can come of it.
    async fn settle(
        &self,
        pod: &PodRef,
        request: &InstanceRequest,
        attempt: u32,
    ) -> Result<Option<Arc<Instance>>, ProviderError> {
        let created = request.pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let born = self.clock.now().saturating_sub(jiff::SignedDuration::try_from(self.age()).unwrap_or_default());
        let doubt = {
            let fleet = self.fleet();
            // A pod that came after this process began to act was never another's to rent for. Clocks differ by less than
            // two seconds.
            let young = !fleet.doubts.contains_key(&pod.uid)
                && created.zip(born.ok()).is_some_and(|(created, born)| created.duration_since(born).as_secs() >= 2);
            if young { None } else { self.doubt(&fleet, &pod.uid, false) }
        };
        let Some(since) = doubt else { return Ok(None) };
        let walk = self.walk_after(self.moment(), Urgency::Usual).await;
        let walk = walk.map_err(|error| waiting("CreateInDoubt", error.to_string()))?;
        self.absorb(&walk);
        let (now, limit) = (self.clock.now(), self.config.boot_limit);
        let found = self.fleet().rentals.get(&pod.uid).cloned();
        match found {
            Some(rental) if rental.attempt >= attempt && !rental.condemned => {
                Ok(Some(Arc::new(rental.instance(&pod.uid, now, limit))))
            }
            Some(_) => Err(waiting("InstanceEnding", "Another instance of this pod has to end first".into())),
            None if self.is_absent(&pod.uid, since) => Ok(None),
            None => {
                let message =
                    "An earlier attempt may have rented an instance; waiting until RunPod's list must show it";
                Err(waiting("CreateInDoubt", message.into()))
            }
        }
    }

    /// One more list without the instance; enough once the lag is over and it was the second at least.
    fn is_absent(&self, uid: &str, since: std::time::Duration) -> bool {
        let mut fleet = self.fleet();
        let absences = fleet.absences.entry(uid.to_owned()).or_default();
        *absences += 1;
        let enough = *absences >= 2 && since >= self.config.lag;
        if enough {
            fleet.settle(uid);
        }
        enough
    }

    async fn rent(&self, pod: &PodRef, request: &InstanceRequest) -> Result<Rented, ProviderError> {
        if let Some((reason, message)) = self.fleet().halted.clone() {
            return Err(waiting(reason, message));
        }
        let mut plan = self.plan(pod, request).await?;
        if !plan.has_registry() {
            plan.set_registry(self.registry(request).await.map_err(|error| registry::waiting(&error))?);
        }
        let catalogue = self.shelf.get(&self.client, plan.wish.secure).await;
        let catalogue = catalogue.map_err(|error| self.refused(error))?;
        for (reason, message) in std::mem::take(&mut plan.warnings) {
            self.warn(pod, reason, message);
        }
        let candidates = choose(&catalogue, &plan.wish, self.config.candidates)?;
        let mut last = ("ProviderRejected", String::new());
        for candidate in candidates {
            self.fleet().reserve(&pod.uid, &pod.namespace, candidate.price, &self.config)?;
            match self.attempt(pod, &plan, &candidate).await? {
                Tried::Next(reason, why) => last = (reason, why),
                Tried::Rented(rented) => return self.accept(pod, &plan, &candidate, *rented).await,
            }
        }
        self.shelf.distrust();
        let (reason, why) = last;
        Err(waiting(reason, why))
    }

    pub(super) async fn plan(&self, pod: &PodRef, request: &InstanceRequest) -> Result<Plan, ProviderError> {
        let known = self.shelf.get(&self.client, true).await.map_err(|error| self.refused(error))?;
        let pod_ip = self.pod_ip(&pod.uid, &request.pod);
        let mut plan = plan(request, &self.config, &self.marker, Some(&known.data_centers), &pod_ip)?;
        if let Some(volume) = plan.volume()
            && let Some(place) = self.place_of(&volume).await?
        {
            plan.keep_to(&volume, place)?;
        }
        Ok(plan)
    }

    /// Where a network volume is; `None` if our key may not read it, and then RunPod's own rule has to do.
    async fn place_of(&self, volume: &str) -> Result<Option<String>, ProviderError> {
        let found = self.client.get(&format!("/v2/network-volumes/{}", encode(volume)), Urgency::Usual).await;
        match found {
            Ok(body) => match serde_json::from_slice::<Volume>(&body) {
                Ok(found) => Ok(Some(found.data_center)),
                Err(_) => Err(ProviderError::Unavailable("RunPod: the network volume cannot be read".into())),
            },
            Err(error) if error.status() == Some(403) => Ok(None),
            Err(error) if error.status() == Some(404) => Err(ProviderError::Refused {
                reason: "ProviderRejected",
                message: format!("RunPod has no network volume {volume}"),
            }),
            Err(error) => Err(self.refused(error)),
        }
    }

    /// The pod's address: the one that it has, else a free one that stays its own while it is tried for.
    pub(super) fn pod_ip(&self, uid: &str, pod: &Pod) -> String {
        let mut fleet = self.fleet();
        if let Some(known) = fleet.ips.get(uid) {
            return known.clone();
        }
        let recorded = pod.status.as_ref().and_then(|status| status.pod_ip.as_deref());
        let mut addresses = self.addresses.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let ip = addresses.take(recorded).to_string();
        fleet.ips.insert(uid.to_owned(), ip.clone());
        ip
    }

    /// Sends one create. The doubt stands before the first byte leaves, and falls only with a definite answer.
    async fn attempt(&self, pod: &PodRef, plan: &Plan, candidate: &Candidate) -> Result<Tried, ProviderError> {
        self.fleet().doubts.insert(pod.uid.clone(), tokio::time::Instant::now());
        let answer = self.client.post("/v2/pods", &plan.with(&candidate.hardware)).await;
        let answer = answer.and_then(|body| {
            serde_json::from_slice::<Rented>(&body).map_err(|_| ApiError::Unknown("the answer cannot be read".into()))
        });
        match answer {
            Ok(rented) => {
                self.fleet().unpaid = None;
                Ok(Tried::Rented(Box::new(rented)))
            }
            Err(ApiError::Unknown(why)) => {
                // Counted from now: until now it could still have been carried out.
                self.fleet().doubts.insert(pod.uid.clone(), tokio::time::Instant::now());
                Err(waiting("CreateInDoubt", format!("RunPod may have rented an instance: {why}")))
            }
            Err(error) => {
                self.fleet().settle(&pod.uid);
                let why = format!("{}: {error}", candidate.id);
                match error.status() {
                    Some(400) if why.contains(NO_CAPACITY) => Ok(Tried::Next("NoCapacity", why)),
                    Some(400) => Ok(Tried::Next("ProviderRejected", why)),
                    // No access to this pool, or to any. Only a list that is refused as well stops the creates of all
                    // pods (`runpod-api.md` §5).
                    Some(403) => Ok(Tried::Next("ProviderUnauthorized", why)),
                    _ => Err(self.refused(error)),
                }
            }
        }
    }

    /// Checks place and price of what was really rented; a wrong one is ended at once.
    async fn accept(
        &self,
        pod: &PodRef,
        plan: &Plan,
        candidate: &Candidate,
        rented: Rented,
    ) -> Result<Rented, ProviderError> {
        let Some((reason, message)) = Terms::of(&plan.wish).breach(&rented) else {
            let place = rented.data_center.as_deref().unwrap_or("an unnamed data centre");
            let cost = dollars(rented.cost.map_or(candidate.price, micros));
            let message = format!("Rented {}: {} in {place} for {cost} an hour", rented.id, candidate.id);
            self.tell(pod, "InstanceRented", message);
            return Ok(rented);
        };
        self.warn(pod, reason, format!("{message}; it is ended"));
        let now = self.clock.now();
        let mut rental = Rental::new(&rented, now);
        rental.condemned = true;
        self.fleet().put(&pod.uid, rental, now);
        self.end_all(&pod.uid).await.map_err(|error| waiting("InstanceEnding", error.to_string()))?;
        Err(waiting(reason, message))
    }

    /// What a refusal means for the pod: `runpod-api.md` §5.
    fn refused(&self, error: ApiError) -> ProviderError {
        self.note_refusal(&error);
        let text = error.to_string();
        match error {
            ApiError::Refused { status: 413 | 422, .. } => {
                ProviderError::Refused { reason: "ProviderRejected", message: text }
            }
            ApiError::Refused { status: 401 | 403, .. } => waiting("ProviderUnauthorized", text),
            ApiError::Refused { status: 402, .. } => waiting("InsufficientBalance", text),
            ApiError::Refused { .. } => waiting("ProviderRejected", text),
            ApiError::NotDone(_) => waiting("ProviderThrottled", text),
            ApiError::Unknown(_) => ProviderError::Unavailable(text),
        }
    }

    /// A pod that could not be started for too long fails, with the last reason. One that ran before is not pending.
    fn patience(&self, request: &InstanceRequest, error: ProviderError) -> ProviderError {
        let phase = request.pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if phase == Some("Running") {
            return error;
        }
        let created = request.pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let waited = created.map(|created| span(created, self.clock.now())).unwrap_or_default();
        match (&error, self.config.max_pending) {
            (ProviderError::Waiting { reason, message }, Some(limit))
                if waited > limit && *reason != "CreateInDoubt" =>
            {
                let minutes = limit.as_secs() / 60;
                let message = format!("Not started within {minutes} minutes; the last reason was {reason}: {message}");
                ProviderError::GaveUp { reason: "RunPodDeploymentFailed", message }
            }
            _ => error,
        }
    }
}

/// Whether a pod's status shows it on this instance: then place and price were right when it was rented, for a wrong one
/// never gets that far. Prices rise, and nothing that runs is ended for it (`virtual-node.md` §5.5).
fn is_shown_on(pod: &Pod, rental: &Rental) -> bool {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    statuses.iter().any(|status| status.container_id.as_deref() == Some(rental.container_id().as_str()))
}

enum Standing {
    Serves(Arc<Instance>),
    /// Nothing; perhaps something was, and this is how it ended.
    Free(Option<Box<Rental>>),
}

pub(super) fn waiting(reason: &'static str, message: String) -> ProviderError {
    ProviderError::Waiting { reason, message }
}
