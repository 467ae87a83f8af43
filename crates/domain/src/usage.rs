//! Usage records: (pod, SKU, engine, start, end, price), the one source of cost. Arithmetic is exact to the second, and
//! the parts of a whole always add up to it.
//!
//! Source: DESIGN walk 5, RULINGS 46, `tenant-api.md` §5 (months are UTC and half-open, closed months never change).

pub mod calendar;
pub mod meter;
pub mod summary;
pub mod view;

use jiff::Timestamp;

pub use calendar::{Day, Month};
pub use meter::{Meter, MeteredPod, Metering, Note, Subject};
pub use summary::{UsageAhead, UsageDayView, UsageQuery, UsageRange, UsageShare, UsageSummary, short};
pub use view::{UsageListQuery, UsageView};

use crate::id::{AccountId, ApiKeyId, NamespaceId, UsageId, UserId};
use crate::money::{Currency, Money};

/// Pod annotation that the Kubernetes provider of a node in a customer's own cluster writes: the name of the pod there that
/// this one stands for.
pub const ANNOTATION_ORIGIN_POD: &str = "remotegpu.ai/pod-name";
/// Its namespace there.
pub const ANNOTATION_ORIGIN_NAMESPACE: &str = "remotegpu.ai/pod-namespace";

/// The API key that ordered a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageKey {
    /// Its row's id, used in routes.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: String,
}

/// One pod in one month, from its first container running to its end. Names are those of the moment it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecord {
    /// Its id.
    pub id: UsageId,
    /// Who pays.
    pub account_id: AccountId,
    /// Where it ran.
    pub namespace_id: NamespaceId,
    /// Console name of the namespace.
    pub namespace: String,
    /// Its name in the cluster.
    pub kubernetes_name: String,
    /// Who ordered it: the owner of the key, or a person in the console. Who made the namespace, where nobody knows.
    pub member_id: UserId,
    /// What people call them.
    pub member: String,
    /// The key that ordered it, if one did.
    pub key: Option<UsageKey>,
    /// The pod's uid.
    pub pod_uid: String,
    /// Its name.
    pub pod: String,
    /// The pod in the customer's cluster that this one stands for; itself where there is none.
    pub origin_pod: String,
    /// The namespace of that pod.
    pub origin_namespace: String,
    /// What was sold.
    pub sku_code: String,
    /// Engine behind its node; empty when unknown.
    pub engine: String,
    /// RuntimeClass that stands for its SKU, as it was called when the pod began; the pod's own where none does, empty for
    /// none.
    pub runtime_class: String,
    /// Per hour, as admission froze it.
    pub price: Money,
    /// From then on, whole seconds.
    pub started_at: Timestamp,
    /// Until then; none while it runs.
    pub ended_at: Option<Timestamp>,
}

/// What a record comes to in one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayPart {
    /// The day.
    pub day: Day,
    /// Seconds in it.
    pub seconds: i64,
    /// Micro-units of the record's currency.
    pub micros: i64,
}

/// Sums of one day, one namespace, one member, one key or none, and one SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageDay {
    /// The day.
    pub day: Day,
    /// Where.
    pub namespace_id: NamespaceId,
    /// Its console name, the latest known.
    pub namespace: String,
    /// Who.
    pub member_id: UserId,
    /// What people call them.
    pub member: String,
    /// With which key, if with one.
    pub key: Option<UsageKey>,
    /// What.
    pub sku_code: String,
    /// Of what `micros` are.
    pub currency: Currency,
    /// Seconds of pods.
    pub seconds: i64,
    /// Cost in micro-units.
    pub micros: i64,
}

/// Place of a record in the order of an invoice: namespace, start, id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BillingPlace {
    /// Namespace.
    pub namespace_id: NamespaceId,
    /// Start.
    pub started_at: Timestamp,
    /// Record.
    pub id: UsageId,
}

/// What `price` per hour comes to from `from` until `until`; nothing when that is before.
pub fn cost(price: &Money, from: Timestamp, until: Timestamp) -> Money {
    price.for_seconds(seconds(from, until).unsigned_abs())
}

/// Whole seconds between two moments, never below zero.
pub fn seconds(from: Timestamp, until: Timestamp) -> i64 {
    (until.as_second() - from.as_second()).max(0)
}

// === impl UsageRecord ===

impl UsageRecord {
    /// Whether the pod runs now.
    pub fn online(&self) -> bool {
        self.ended_at.is_none()
    }

    /// The month it belongs to.
    pub fn month(&self) -> Month {
        Month::of(self.started_at)
    }

    /// Seconds until its end, or until `now`; never beyond its month.
    pub fn seconds(&self, now: Timestamp) -> i64 {
        seconds(self.started_at, self.until(now))
    }

    /// Cost until its end, or until `now`.
    pub fn cost(&self, now: Timestamp) -> Money {
        cost(&self.price, self.started_at, self.until(now))
    }

    /// Seconds and cost in micro-units at once, for lists that are long.
    pub fn charged(&self, now: Timestamp) -> (i64, i64) {
        let seconds = self.seconds(now);
        (seconds, self.price.micros_for(seconds.unsigned_abs()))
    }

    /// The same by day. Each part is the difference of two sums that are rounded alike, so that the parts add up to
    /// [`Self::cost`] to the last micro-unit.
    pub fn parts(&self, now: Timestamp) -> Vec<DayPart> {
        let until = self.until(now);
        let (mut parts, mut from, mut paid) = (Vec::new(), self.started_at, 0);
        while from < until {
            let day = Day::of(from);
            let to = day.next().start().min(until);
            let total = cost(&self.price, self.started_at, to).micros;
            parts.push(DayPart { day, seconds: seconds(from, to), micros: total - paid });
            (from, paid) = (to, total);
        }
        parts
    }

    /// The same by day, with everything the sums are kept by.
    pub fn days(&self, now: Timestamp) -> Vec<UsageDay> {
        let day = |part: DayPart| UsageDay {
            day: part.day,
            namespace_id: self.namespace_id,
            namespace: self.namespace.clone(),
            member_id: self.member_id,
            member: self.member.clone(),
            key: self.key.clone(),
            sku_code: self.sku_code.clone(),
            currency: self.price.currency.clone(),
            seconds: part.seconds,
            micros: part.micros,
        };
        self.parts(now).into_iter().map(day).collect()
    }

    /// Where it stands on an invoice.
    pub fn place(&self) -> BillingPlace {
        BillingPlace { namespace_id: self.namespace_id, started_at: self.started_at, id: self.id }
    }

    fn until(&self, now: Timestamp) -> Timestamp {
        self.ended_at.unwrap_or(now).min(self.month().end())
    }
}

#[cfg(test)]
mod tests;
