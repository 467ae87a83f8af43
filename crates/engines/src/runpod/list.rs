//! One walk over the provider's list, and what follows from it (`virtual-node.md` §4.3).
//! An incomplete walk is no information; what is missing is looked at directly before anything is concluded.
use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use kubelet::{Instance, ProviderError};

use super::{
    api::{Page, Rented, Status},
    client::ApiError,
    clock::span,
    engine::Engine,
    events::pod_of,
    pace::Urgency,
    rental::Rental,
    terms,
};

/// Pages of one walk at most: 100,000 instances.
const MOST_PAGES: usize = 100;
/// Missing for so long, and this old, before an instance counts as gone.
const MISSING: Duration = Duration::from_secs(5);
const YOUNG: Duration = Duration::from_secs(120);

/// Our instances in one complete list.
pub(super) struct Walk {
    started: u64,
    /// When it was begun, by the clock.
    pub(super) at: Timestamp,
    pub(super) ours: Vec<(String, Rented)>,
    /// What all its pages took, instances of others included.
    pub(super) bytes: u64,
}

// === impl Engine ===

impl Engine {
    pub(super) async fn list(self: Arc<Self>) -> Result<Vec<Arc<Instance>>, ProviderError> {
        let walk = match self.walk_after(self.moment(), Urgency::Usual).await {
            Ok(walk) => walk,
            Err(error) => {
                self.note_refusal(&error);
                return Err(ProviderError::Unavailable(error.to_string()));
            }
        };
        self.fleet().halted = None;
        for (uid, id) in self.absorb(&walk) {
            self.look_again(&uid, &id).await;
        }
        self.follow_exits();
        self.find_crashes().await;
        self.sweep_registries().await;
        let (now, limit) = (self.clock.now(), self.config.boot_limit);
        let fleet = self.fleet();
        let instances = fleet.rentals.iter().map(|(uid, rental)| Arc::new(rental.instance(uid, now, limit)));
        Ok(instances.collect())
    }

    /// A key that is refused, or an empty account, stops all creates until a list works again.
    pub(super) fn note_refusal(&self, error: &ApiError) {
        let reason = match error.status() {
            Some(401 | 403) => "ProviderUnauthorized",
            Some(402) => "InsufficientBalance",
            _ => return,
        };
        let mut fleet = self.fleet();
        if error.status() == Some(402) {
            fleet.unpaid = Some(error.to_string());
        }
        fleet.halted = Some((reason, error.to_string()));
    }

    /// A walk that began after `moment`; those who wait at the same time share one.
    pub(super) async fn walk_after(&self, moment: u64, urgency: Urgency) -> Result<Arc<Walk>, ApiError> {
        let _turn = self.walking.lock().await;
        let newest = self.walk().clone();
        if let Some(walk) = newest.filter(|walk| walk.started > moment) {
            return Ok(walk);
        }
        let started = self.moment();
        let at = self.clock.now();
        let (ours, bytes) = self.pages(urgency).await?;
        let walk = Arc::new(Walk { started, at, ours, bytes });
        *self.walk() = Some(walk.clone());
        Ok(walk)
    }

    /// Our instances of a whole walk, and its bytes.
    async fn pages(&self, urgency: Urgency) -> Result<(Vec<(String, Rented)>, u64), ApiError> {
        let (mut ours, mut cursors, mut bytes) = (Vec::new(), HashSet::new(), 0_u64);
        let mut path = "/v2/pods".to_owned();
        for _ in 0..MOST_PAGES {
            let body = self.client.get(&path, urgency).await?;
            bytes = bytes.saturating_add(u64::try_from(body.len()).unwrap_or(u64::MAX));
            let page: Page = serde_json::from_slice(&body).map_err(|_| incomplete("a page that cannot be read"))?;
            for item in &page.pods {
                self.take(item.get(), &mut ours)?;
            }
            let next = page.pagination.filter(|page| page.more);
            let Some(next) = next else { return Ok((ours, bytes)) };
            let cursor = next.next.ok_or_else(|| incomplete("a page without a way to the next"))?;
            if !cursors.insert(cursor.clone()) {
                return Err(incomplete("the same page again and again"));
            }
            path = format!("/v2/pods?cursor={}", encode(&cursor));
        }
        Err(incomplete("more pages than can be"))
    }

    /// Keeps an item if it is ours and new. A foreign one that cannot be read does not matter, one of ours does.
    fn take(&self, item: &str, ours: &mut Vec<(String, Rented)>) -> Result<(), ApiError> {
        let rented: Rented = match serde_json::from_str(item) {
            Ok(rented) => rented,
            Err(_) if item.contains(&self.marker.name("")) => {
                return Err(incomplete("an instance that cannot be read"));
            }
            Err(_) => return Ok(()),
        };
        if let Some(uid) = self.marker.uid(&rented.name)
            && !ours.iter().any(|(_, known)| known.id == rented.id)
        {
            ours.push((uid.to_owned(), rented));
        }
        Ok(())
    }

    /// Takes in a walk; what it lacks is returned as (UID, id).
    pub(super) fn absorb(&self, walk: &Walk) -> Vec<(String, String)> {
        let now = self.clock.now();
        let mut by_uid: HashMap<&str, Vec<&Rented>> = HashMap::new();
        for (uid, rented) in &walk.ours {
            if rented.status != Status::Terminated && !self.is_gone(&rented.id) {
                by_uid.entry(uid).or_default().push(rented);
            }
        }
        let mut surplus = Vec::new();
        for (uid, mut found) in by_uid.iter().map(|(uid, found)| (*uid, found.clone())) {
            let recorded = self.fleet().rentals.get(uid).map(|rental| rental.id.clone());
            best_first(&mut found, recorded.as_deref());
            if let Some((kept, others)) = found.split_first() {
                self.note(uid, kept, now);
                surplus.extend(others.iter().map(|other| (uid.to_owned(), other.id.clone(), kept.id.clone())));
            }
        }
        for (uid, id, kept) in surplus {
            self.end_duplicate(&uid, &id, &kept);
        }
        let fleet = self.fleet();
        let missing = fleet.rentals.iter().filter(|(uid, _)| !by_uid.contains_key(uid.as_str()));
        missing.map(|(uid, rental)| (uid.clone(), rental.id.clone())).collect()
    }

    /// Brings one instance up to date, or adopts it.
    pub(super) fn note(&self, uid: &str, rented: &Rented, now: Timestamp) {
        let (rental, adopted, moved) = {
            let fleet = self.fleet();
            let known = fleet.rentals.get(uid).filter(|known| known.id == rented.id);
            let mut rental = known.cloned().unwrap_or_else(|| Rental::new(rented, now));
            rental.update(rented, now);
            let moved = known.is_some_and(|known| known.mapped != rental.mapped);
            (rental, known.is_none(), moved)
        };
        if let Some(ip) = &rental.pod_ip {
            self.addresses.lock().unwrap_or_else(std::sync::PoisonError::into_inner).keep(ip);
        }
        if moved {
            self.say_ports(uid, &rental);
        }
        if adopted {
            let pod = pod_of(uid, &rental);
            // Whoever rented it may have ended before it could write this down; writing the same again changes nothing.
            self.annotate(&pod, &rental);
            if let Some((reason, message)) = terms::broken(rented) {
                self.warn(&pod, reason, format!("{message}; it is ended, unless the pod runs on it already"));
            }
        }
        self.fleet().put(uid, rental, now);
    }

    fn say_ports(&self, uid: &str, rental: &Rental) {
        let pod = pod_of(uid, rental);
        self.annotate(&pod, rental);
        if !rental.mapped.is_empty() {
            let ports: Vec<String> =
                rental.mapped.iter().map(|(private, public, ip)| format!("{private} at {ip}:{public}")).collect();
            self.tell(&pod, "PortsMapped", format!("RunPod mapped {}", ports.join(", ")));
        }
    }

    /// An instance that a list lacks: a direct look decides, and only twice the same answer counts.
    async fn look_again(&self, uid: &str, id: &str) {
        let looked = self.client.get(&format!("/v2/pods/{id}"), Urgency::Usual).await;
        let now = self.clock.now();
        match looked {
            Ok(body) => match serde_json::from_slice::<Rented>(&body) {
                Ok(rented) if rented.status != Status::Terminated => self.note(uid, &rented, now),
                Ok(_) => self.miss(uid, id, now),
                Err(_) => {}
            },
            Err(error) if error.status() == Some(404) => self.miss(uid, id, now),
            Err(error) => tracing::debug!(%error, instance.id = id, "Could not find out whether an instance is gone"),
        }
    }

    fn miss(&self, uid: &str, id: &str, now: Timestamp) {
        let mut fleet = self.fleet();
        let Some(rental) = fleet.rentals.get_mut(uid).filter(|rental| rental.id == id) else { return };
        let since = *rental.missing.get_or_insert(now);
        if span(since, now) >= MISSING && span(rental.created, now) > YOUNG {
            tracing::warn!(pod.uid = uid, instance.id = id, "An instance is gone, though nobody here ended it");
            fleet.remove(uid, now);
            drop(fleet);
            self.note_gone(id);
        }
    }
}

/// Of several instances of one pod: the one that is known, else one that it may have, the newest attempt, one that runs, the
/// oldest.
fn best_first(found: &mut [&Rented], recorded: Option<&str>) {
    let attempt = |one: &Rented| one.env.as_ref().and_then(|env| env.attempt.parse::<u32>().ok());
    found.sort_by_key(|one| {
        let (is_known, is_wrong) = (recorded == Some(one.id.as_str()), terms::broken(one).is_some());
        (!is_known, is_wrong, Reverse(attempt(one)), one.status != Status::Running, one.created)
    });
}

fn incomplete(what: &str) -> ApiError {
    ApiError::Unknown(format!("the list is incomplete: {what}"))
}

/// Percent-encodes all but letters and digits.
pub(super) fn encode(text: &str) -> String {
    let one =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_two_instances_of_a_pod_the_one_that_runs_it_is_kept() {
        let one = |id: &str, status: &str, attempt: &str, cost: f64, second: u8| -> Rented {
            let env = json!({"REMOTEGPU_ATTEMPT": attempt, "REMOTEGPU_TERMS": "500000"});
            let created = format!("2026-09-01T00:00:{second:02}Z");
            serde_json::from_value(json!({"id": id, "status": status, "cost": cost, "env": env, "createdAt": created}))
                .unwrap()
        };
        let kept = |all: &[Rented], recorded: Option<&str>| {
            let mut found: Vec<&Rented> = all.iter().collect();
            best_first(&mut found, recorded);
            found[0].id.clone()
        };
        let mut all = vec![one("stopped", "EXITED", "0", 0.4, 1), one("older", "RUNNING", "0", 0.4, 2)];
        all.push(one("younger", "RUNNING", "0", 0.4, 3));
        assert_eq!(kept(&all, None), "older");
        assert_eq!(kept(&all, Some("younger")), "younger");
        all.push(one("next", "STARTING", "1", 0.4, 4));
        assert_eq!(kept(&all, None), "next");
        all.push(one("dear", "RUNNING", "2", 0.6, 5));
        assert_eq!(kept(&all, None), "next", "the other one could only be ended");
    }
}
