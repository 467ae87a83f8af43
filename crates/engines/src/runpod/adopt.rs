//! Instances that another kubelet rented: they bear no marker, and only the annotations of pods say which they are. Each gets
//! the marker as its name, once. Its variables stay as they are, for another environment would start its container anew; so
//! every process learns from the pod what the variables of our own instances say (`virtual-node.md` §5.1).
use std::{cmp::Reverse, collections::HashSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kubelet::{Instance, PodRef, ProviderError};
use serde_json::json;

use super::{
    api::{Rented, Status},
    client::ApiError,
    engine::Engine,
    events::{ADDRESSES, POD_ID, pod_of},
    list::encode,
    marker::Marker,
    pace::Urgency,
    rental::Rental,
};

/// The clocks of the API server and of RunPod differ by less.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// What a pod says that it runs on.
struct Claim<'a> {
    pod: &'a Pod,
    uid: &'a str,
    id: &'a str,
}

/// Whether a pod may have what it claims.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It has it: the marker says so.
    Marked,
    Free,
    /// Why not; then it is treated as any pod without an instance.
    Not(&'static str),
    /// Not to be told.
    Unclear,
}

// === impl Engine ===

impl Engine {
    /// Gives the marker to what pods name and nobody has marked. Whatever is unclear is an error: without an answer a pod
    /// could lose its instance, or get a second one.
    pub(super) async fn adopt(&self, pods: &[Pod]) -> Result<(), ProviderError> {
        if !self.config.adopt_by_annotation {
            return Ok(());
        }
        let walk = self.walk_after(self.moment(), Urgency::Usual).await.map_err(|error| self.unclear(&error))?;
        let listed = walk.ours.iter().filter(|(_, one)| one.status != Status::Terminated).map(|(uid, _)| uid.clone());
        let mut served: HashSet<String> = listed.collect();
        served.extend(self.fleet().rentals.keys().cloned());
        let claims: Vec<Claim<'_>> = pods.iter().filter_map(Claim::of).collect();
        for claim in &claims {
            if served.contains(claim.uid) {
                continue;
            }
            let Some(found) = self.look_at(claim.id).await? else { continue };
            let is_others = claims.iter().any(|other| other.id == claim.id && claim.loses(other, &found));
            match verdict(claim, &found, &self.marker) {
                Verdict::Not(why) => self.leave(claim, why),
                Verdict::Marked => self.take_over(claim, &found),
                Verdict::Free if is_others => self.leave(claim, "another pod names it, too"),
                Verdict::Free => self.mark(claim).await?,
                Verdict::Unclear => {
                    let message = format!("RunPod does not say when it made instance {}", claim.id);
                    return Err(ProviderError::Unavailable(message));
                }
            }
        }
        Ok(())
    }

    /// `None` = there is no such instance.
    async fn look_at(&self, id: &str) -> Result<Option<Rented>, ProviderError> {
        match self.client.get(&format!("/v2/pods/{}", encode(id)), Urgency::Usual).await {
            Ok(body) => {
                let found = read(&body)?;
                Ok(Some(found).filter(|found| found.status != Status::Terminated && found.id == id))
            }
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(self.unclear(&error)),
        }
    }

    /// The name is the marker. It alone is changed, so the container runs on.
    async fn mark(&self, claim: &Claim<'_>) -> Result<(), ProviderError> {
        let path = format!("/v2/pods/{}", encode(claim.id));
        let renamed = match self.client.patch(&path, &json!({"name": self.marker.name(claim.uid)})).await {
            Ok(body) => read(&body)?,
            // It ended a moment ago.
            Err(error) if error.status() == Some(404) => return Ok(()),
            Err(error) => return Err(self.unclear(&error)),
        };
        if self.marker.uid(&renamed.name) != Some(claim.uid) {
            let message = format!("RunPod did not give instance {} the name that marks it", claim.id);
            return Err(ProviderError::Unavailable(message));
        }
        self.take_over(claim, &renamed);
        let message = format!("Instance {}, which another kubelet rented, is this node's from now on", claim.id);
        self.tell(&claim.reference(), "InstanceAdopted", message);
        Ok(())
    }

    fn take_over(&self, claim: &Claim<'_>, rented: &Rented) {
        self.note(claim.uid, rented, self.clock.now());
        self.identify(claim.pod);
    }

    fn leave(&self, claim: &Claim<'_>, why: &str) {
        let message = format!("Instance {}, which its annotation {POD_ID} names, is not adopted: {why}", claim.id);
        self.warn(&claim.reference(), "InstanceNotAdopted", message);
    }

    fn unclear(&self, error: &ApiError) -> ProviderError {
        self.note_refusal(error);
        ProviderError::Unavailable(error.to_string())
    }

    /// A pod's instance, which knows from now on whose it is.
    pub(super) fn identify(&self, pod: &Pod) -> Option<Arc<Instance>> {
        let uid = pod.metadata.uid.as_deref()?;
        let mut rental = self.fleet().rentals.get(uid).cloned()?;
        let (now, limit) = (self.clock.now(), self.config.boot_limit);
        if rental.container.is_empty() {
            belong_to(&mut rental, pod, self.pod_ip(uid, pod));
            self.fleet().put(uid, rental.clone(), now);
            self.annotate(&pod_of(uid, &rental), &rental);
        }
        Some(Arc::new(rental.instance(uid, now, limit)))
    }
}

// === impl Claim ===

impl<'a> Claim<'a> {
    /// By the pod's own annotation: that of a Job would be one for all its pods.
    fn of(pod: &'a Pod) -> Option<Self> {
        let id = pod.metadata.annotations.as_ref()?.get(POD_ID)?.trim();
        Some(Self { pod, uid: pod.metadata.uid.as_deref()?, id }).filter(|claim| !claim.id.is_empty())
    }

    fn reference(&self) -> PodRef {
        let meta = &self.pod.metadata;
        let (namespace, name) = (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
        PodRef { uid: self.uid.to_owned(), namespace, name }
    }

    fn created(&self) -> Option<Timestamp> {
        self.pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
    }

    /// Of several pods that name one instance: whose name it bears, else the oldest. None of them too young for it.
    fn loses(&self, other: &Self, found: &Rented) -> bool {
        let rank = |claim: &Self| {
            let name = claim.pod.metadata.name.as_deref().unwrap_or_default();
            let is_named = !name.is_empty() && found.name.contains(name);
            (Reverse(is_of_age(claim, found)), Reverse(is_named), claim.created(), claim.uid.to_owned())
        };
        rank(other) < rank(self)
    }
}

fn verdict(claim: &Claim<'_>, found: &Rented, marker: &Marker) -> Verdict {
    if marker.uid(&found.name) == Some(claim.uid) {
        return Verdict::Marked;
    }
    if Marker::is_any(&found.name) {
        return Verdict::Not("its marker says that it is another pod's");
    }
    if found.created.is_none() {
        return Verdict::Unclear;
    }
    match is_of_age(claim, found) {
        true => Verdict::Free,
        // Who can write a pod can write annotations, but not when it was made.
        false => Verdict::Not("it is older than the pod"),
    }
}

/// Whether the pod was there when the instance was rented.
fn is_of_age(claim: &Claim<'_>, found: &Rented) -> bool {
    let both = claim.created().zip(found.created);
    both.is_some_and(|(pod, instance)| pod.duration_since(instance) <= SKEW)
}

fn belong_to(rental: &mut Rental, pod: &Pod, pod_ip: String) {
    let container = pod.spec.as_ref().and_then(|spec| spec.containers.first());
    rental.namespace = pod.metadata.namespace.clone().unwrap_or_default();
    rental.name = pod.metadata.name.clone().unwrap_or_default();
    rental.container = container.map(|container| container.name.clone()).unwrap_or_default();
    rental.pod_ip = Some(pod_ip);
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let Some(shown) = statuses.iter().find(|status| status.name == rental.container) else { return };
    rental.attempt = attempt(pod, shown, container.and_then(|container| container.image.as_deref()));
    // What was stopped meanwhile has run, and its pod is not started as if it never had.
    if rental.status == Status::Exited && shown.state.as_ref().is_some_and(|state| state.running.is_some()) {
        rental.started.get_or_insert(rental.created);
    }
}

/// That of the pod's status. The image in it is taken for the one that runs, and a container with another than its pod's
/// starts anew: what another kubelet wrote there must not count, so its attempt is one that no status has shown.
fn attempt(pod: &Pod, shown: &ContainerStatus, image: Option<&str>) -> u32 {
    let is_ours = pod.metadata.annotations.as_ref().is_some_and(|notes| notes.contains_key(ADDRESSES));
    let is_other = !shown.image.is_empty() && Some(shown.image.as_str()) != image;
    u32::try_from(shown.restart_count).unwrap_or(0) + u32::from(!is_ours && is_other)
}

fn read(body: &[u8]) -> Result<Rented, ProviderError> {
    serde_json::from_slice(body).map_err(|_| ProviderError::Unavailable("RunPod: an instance cannot be read".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(created: &str, status: &serde_json::Value) -> Pod {
        let notes = json!({POD_ID: "i"});
        let metadata = json!({"name": "web", "uid": "u", "creationTimestamp": created, "annotations": notes});
        let spec = json!({"containers": [{"name": "app", "image": "app:1"}]});
        serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": status})).unwrap()
    }

    fn rented(name: &str, created: Option<&str>) -> Rented {
        serde_json::from_value(json!({"id": "i", "name": name, "createdAt": created})).unwrap()
    }

    #[test]
    fn only_what_came_after_the_pod_and_bears_no_marker_is_free() {
        let marker = Marker::new("cluster", "node");
        let of = |created: &str, found: &Rented| {
            let pod = pod(created, &json!({}));
            verdict(&Claim::of(&pod).unwrap(), found, &marker)
        };
        let (before, after) = ("2026-09-01T00:00:00Z", "2026-09-01T01:00:00Z");
        let found = rented("web", Some("2026-09-01T00:30:00Z"));
        assert_eq!(of(before, &found), Verdict::Free);
        assert_eq!(of(after, &found), Verdict::Not("it is older than the pod"));
        assert_eq!(of(before, &rented("web", None)), Verdict::Unclear);
        assert_eq!(of(after, &rented(&marker.name("u"), None)), Verdict::Marked);
        for name in [marker.name("another"), Marker::new("cluster", "other").name("u")] {
            assert!(matches!(of(before, &rented(&name, Some(after))), Verdict::Not(_)), "{name}");
        }
    }

    #[test]
    fn the_image_that_another_kubelet_wrote_into_a_status_starts_nothing_anew() {
        let status = |image: &str| {
            json!({"containerStatuses": [{"name": "app", "image": image, "imageID": "", "ready": true,
                "restartCount": 2}]})
        };
        let of = |image: &str, ours: bool| {
            let mut pod = pod("2026-09-01T00:00:00Z", &status(image));
            if ours {
                pod.metadata.annotations.get_or_insert_default().insert(ADDRESSES.into(), String::new());
            }
            let mut rental = Rental::new(&rented("web", None), Timestamp::UNIX_EPOCH);
            belong_to(&mut rental, &pod, "10.200.0.1".into());
            rental.attempt
        };
        assert_eq!([of("app:1", false), of("", false), of("placeholder", false)], [2, 2, 3]);
        assert_eq!(of("app:0", true), 2, "the pod was changed, and its container is to start anew");
    }
}
