//! What the engine knows of its instances: the only memory it has, and all of it can be read again from the provider.
//! It also keeps the money: prices, reservations and what has been spent.
use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use kubelet::{Cost, ProviderError};
use tokio::time::Instant;

use super::{choice::dollars, config::RunPodConfig, rental::Rental};

#[derive(Default)]
pub(super) struct Fleet {
    /// The instance of each pod.
    pub(super) rentals: HashMap<String, Rental>,
    /// Creates whose outcome is not known: when they were sent.
    pub(super) doubts: HashMap<String, Instant>,
    /// Lists in which a doubtful instance was not found.
    pub(super) absences: HashMap<String, u32>,
    /// Addresses of pods, for as long as they are tried for.
    pub(super) ips: HashMap<String, String>,
    /// Prices of instances that are being created.
    reserved: HashMap<String, (String, i64)>,
    /// The last instance of a pod, for its log, and how many had ended before it.
    previous: HashMap<String, (String, u64)>,
    ends: u64,
    /// The provider refuses our key, or the account is empty: no creates.
    pub(super) halted: Option<(&'static str, String)>,
    /// The last create that got a definite answer could not be paid for. A list that works says nothing about that.
    pub(super) unpaid: Option<String>,
    bills: HashMap<String, Bill>,
    /// Of instances that are gone, by namespace.
    closed: BTreeMap<String, i128>,
}

/// One instance's cost by our own clock.
#[derive(Clone, Debug)]
struct Bill {
    namespace: String,
    since: Timestamp,
    rate: i64,
    sum: i128,
}

/// Milliseconds of an hour.
const HOUR: i128 = 3_600_000;
/// Ended instances whose ids are kept: one for each pod that a node is made for. Nobody says here when a pod is gone.
const MOST_PREVIOUS: usize = 10_000;

// === impl Fleet ===

impl Fleet {
    /// Sets the price aside before anything is rented.
    ///
    /// # Errors
    /// [`ProviderError::Waiting`] with `BudgetExceeded`.
    pub(super) fn reserve(
        &mut self,
        uid: &str,
        namespace: &str,
        price: i64,
        config: &RunPodConfig,
    ) -> Result<(), ProviderError> {
        let limits = [(config.budget_micros, None), (config.namespace_budget_micros, Some(namespace))];
        for (limit, of) in limits {
            let Some(limit) = limit else { continue };
            let used = self.per_hour(of, uid);
            if used + price > limit {
                let whose = of.map_or("this node".to_owned(), |namespace| format!("namespace {namespace}"));
                let (price, used, limit) = (dollars(price), dollars(used), dollars(limit));
                let message =
                    format!("{price} an hour more would exceed the budget of {whose}: {used} of {limit} is in use");
                return Err(ProviderError::Waiting { reason: "BudgetExceeded", message });
            }
        }
        self.reserved.insert(uid.to_owned(), (namespace.to_owned(), price));
        Ok(())
    }

    /// Nothing is in doubt about this pod and no money is set aside for it any more.
    pub(super) fn settle(&mut self, uid: &str) {
        self.doubts.remove(uid);
        self.absences.remove(uid);
        self.reserved.remove(uid);
    }

    /// Whether there is an instance of this pod, or may be.
    pub(super) fn may_cost(&self, uid: &str) -> bool {
        self.rentals.contains_key(uid) || self.doubts.contains_key(uid)
    }

    /// Millionths of a dollar per hour, running and reserved, of one namespace or all, without this pod's own.
    fn per_hour(&self, namespace: Option<&str>, except: &str) -> i64 {
        let counts = |uid: &str, other: &str| uid != except && namespace.is_none_or(|wanted| wanted == other);
        let running = self.rentals.iter().filter(|(uid, one)| counts(uid, &one.namespace)).map(|(_, one)| one.cost);
        let reserved = self.reserved.iter().filter(|(uid, one)| counts(uid, &one.0)).map(|(_, one)| one.1);
        running.sum::<i64>() + reserved.sum::<i64>()
    }

    /// An instance is ours, and costs something from now on.
    pub(super) fn put(&mut self, uid: &str, mut rental: Rental, now: Timestamp) {
        self.settle(uid);
        if let Some(ip) = &rental.pod_ip {
            self.ips.insert(uid.to_owned(), ip.clone());
        }
        if let Some(old) = self.rentals.get(uid).filter(|old| old.id == rental.id) {
            rental.exit = rental.exit.or(old.exit);
            rental.previous = rental.previous.or_else(|| old.previous.clone());
            // What was read before a restart in place may arrive after it.
            rental.condemned |= old.condemned;
            rental.attempt = rental.attempt.max(old.attempt);
            rental.killed = rental.killed.max(old.killed);
            rental.crashed = rental.crashed.max(old.crashed);
            rental.keep_start_of(old);
            rental.booting = rental.booting.max(old.booting);
        }
        self.bill(&rental, now);
        self.rentals.insert(uid.to_owned(), rental);
    }

    /// This instance is what its pod runs on, whatever it costs by now.
    pub(super) fn pardon(&mut self, uid: &str, id: &str) {
        if let Some(rental) = self.rentals.get_mut(uid).filter(|rental| rental.id == id) {
            rental.condemned = false;
        }
    }

    /// Brings the bill of an instance up to date.
    pub(super) fn bill(&mut self, rental: &Rental, now: Timestamp) {
        let bill = self.bills.entry(rental.id.clone()).or_insert_with(|| Bill {
            namespace: String::new(),
            since: rental.created,
            rate: rental.cost,
            sum: 0,
        });
        // The first answer about an instance need not say whose it is.
        if bill.namespace.is_empty() {
            bill.namespace.clone_from(&rental.namespace);
        }
        bill.change(now, rental.cost);
    }

    /// An instance is gone; its id is kept for its log.
    pub(super) fn remove(&mut self, uid: &str, now: Timestamp) -> Option<Rental> {
        let rental = self.rentals.remove(uid)?;
        self.close(&rental.id, now);
        self.ends += 1;
        self.previous.insert(uid.to_owned(), (rental.id.clone(), self.ends));
        if self.previous.len() > MOST_PREVIOUS
            && let Some(oldest) = self.previous.iter().min_by_key(|(_, (_, end))| *end).map(|(uid, _)| uid.clone())
        {
            self.previous.remove(&oldest);
        }
        Some(rental)
    }

    /// The instance that a pod had before the one it has now, as long as it is known.
    pub(super) fn previous(&self, uid: &str) -> Option<String> {
        self.previous.get(uid).map(|(id, _)| id.clone())
    }

    /// Nothing is charged for this instance any more.
    pub(super) fn close(&mut self, id: &str, now: Timestamp) {
        if let Some(mut bill) = self.bills.remove(id) {
            bill.change(now, 0);
            *self.closed.entry(bill.namespace).or_default() += bill.sum;
        }
    }

    /// What all instances have cost until `now`, in millionths of a dollar.
    pub(super) fn accrued(&self, now: Timestamp) -> i64 {
        let open: i128 = self.bills.values().map(|bill| bill.sum_at(now)).sum();
        micros(self.closed.values().sum::<i128>() + open)
    }

    /// What each namespace pays, and has paid until `now`.
    pub(super) fn costs(&self, now: Timestamp) -> Vec<Cost> {
        let gone = self.closed.iter().map(|(namespace, sum)| (namespace.as_str(), (0, *sum)));
        let mut all: BTreeMap<&str, (i64, i128)> = gone.collect();
        for bill in self.bills.values() {
            let (rate, sum) = all.entry(bill.namespace.as_str()).or_default();
            *rate += bill.rate;
            *sum += bill.sum_at(now);
        }
        let cost = |(namespace, (rate, sum)): (&str, (i64, i128))| Cost {
            namespace: namespace.to_owned(),
            micros_per_hour: rate,
            accrued_micros: micros(sum),
        };
        all.into_iter().map(cost).collect()
    }
}

/// Of a sum of prices an hour times milliseconds.
fn micros(sum: i128) -> i64 {
    i64::try_from(sum / HOUR).unwrap_or(i64::MAX)
}

// === impl Bill ===

impl Bill {
    fn change(&mut self, now: Timestamp, rate: i64) {
        self.sum = self.sum_at(now);
        self.since = now.max(self.since);
        self.rate = rate;
    }

    fn sum_at(&self, now: Timestamp) -> i128 {
        self.sum + i128::from(self.rate) * now.duration_since(self.since).as_millis().max(0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::runpod::api::Rented;

    #[test]
    fn of_endless_pods_only_the_last_ones_to_end_are_remembered() {
        let (mut fleet, now) = (Fleet::default(), Timestamp::UNIX_EPOCH);
        let mut end = |uid: &str, id: String| {
            let rented: Rented = serde_json::from_value(json!({"id": id, "status": "RUNNING"})).unwrap();
            fleet.put(uid, Rental::new(&rented, now), now);
            fleet.remove(uid, now);
        };
        for number in 0..MOST_PREVIOUS {
            end(&format!("pod{number}"), format!("first{number}"));
        }
        end("pod0", "second0".into());
        end("another", "third".into());
        assert_eq!(fleet.previous.len(), MOST_PREVIOUS);
        assert_eq!(fleet.previous("pod1"), None, "it ended before all others");
        let known = ["pod0", "pod2", "another"].map(|uid| fleet.previous(uid).unwrap());
        assert_eq!(known, ["second0", "first2", "third"]);
    }
}
