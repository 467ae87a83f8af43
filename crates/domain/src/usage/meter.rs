//! What the meter does when it looks: which records begin and which end. Pure, and the same however often a console was
//! killed in between: what it answers depends only on what is stored and on what the cluster says.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Month, UsageRecord};
use crate::admission::Orderer;
use crate::id::NamespaceId;
use crate::money::Money;

/// A pod with an admitted SKU whose first container has run, as the cluster tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeteredPod {
    /// Uid.
    pub uid: String,
    /// The tenant namespace it is in.
    pub namespace_id: NamespaceId,
    /// Name.
    pub name: String,
    /// The pod it stands for in the customer's cluster, with its namespace.
    pub origin: Option<(String, String)>,
    /// SKU.
    pub sku_code: String,
    /// Engine behind its node.
    pub engine: String,
    /// Runtime class that stands for its SKU, frozen at admission; empty without GPUs.
    pub runtime_class: String,
    /// Who ordered it, as admission wrote it down; none where nobody knows.
    pub ordered_by: Option<Orderer>,
    /// Frozen at admission.
    pub price: Money,
    /// First container running, as far as the status still tells.
    pub started_at: Timestamp,
    /// Its end, once it is over; for one that is over and tells no time, none.
    pub ended_at: Option<Timestamp>,
    /// It is over, or gone.
    pub over: bool,
}

/// What the cluster says at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metering {
    /// Pods that are there, by uid.
    pub pods: BTreeMap<String, MeteredPod>,
    /// Pods that went lately, as they were last seen; by uid.
    pub gone: BTreeMap<String, MeteredPod>,
}

/// What the meter of one process knows. It can be thrown away at any moment and made anew from the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    /// Open records by pod uid.
    open: BTreeMap<String, UsageRecord>,
    /// Pods with nothing left to charge, as long as the cluster tells of them.
    settled: BTreeSet<String>,
    /// The last moment at which everything open was known to run.
    seen: Timestamp,
}

/// A record to be noted: one that is there with another end, or one to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'a> {
    /// What it is about.
    pub of: Subject<'a>,
    /// Its start.
    pub from: Timestamp,
    /// Its end; none while it runs.
    pub until: Option<Timestamp>,
}

/// What a [`Note`] is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject<'a> {
    /// This record, or its continuation in a later month.
    Record(&'a UsageRecord),
    /// A pod without an open record.
    Pod(&'a MeteredPod),
}

// === impl Meter ===

impl Meter {
    /// From the store: what is open, and until when that is known to have run.
    pub fn new(open: Vec<UsageRecord>, seen: Timestamp) -> Self {
        let open = open.into_iter().map(|record| (record.pod_uid.clone(), record)).collect();
        Self { open, settled: BTreeSet::new(), seen }
    }

    /// Pods of which only the store can say how far they are charged.
    pub fn unknown(&self, says: &Metering) -> Vec<String> {
        let all = says.pods.keys().chain(says.gone.keys());
        all.filter(|uid| !self.open.contains_key(*uid) && !self.settled.contains(*uid)).cloned().collect()
    }

    /// What is to be noted; `ends` are the ends of the last records of [`Self::unknown`] pods.
    pub fn look<'a>(&'a self, says: &'a Metering, ends: &BTreeMap<String, Timestamp>, now: Timestamp) -> Vec<Note<'a>> {
        let mut notes = Vec::new();
        for record in self.open.values() {
            let until = self.end(record, says, now);
            if until.is_some() || now >= record.month().end() {
                let pieces = by_month(record.started_at, until, now).into_iter();
                notes.extend(pieces.map(|(from, until)| Note { of: Subject::Record(record), from, until }));
            }
        }
        for uid in self.unknown(says) {
            let Some(pod) = says.pods.get(&uid).or_else(|| says.gone.get(&uid)) else { continue };
            if let Some((from, until)) = span(pod, ends.get(&uid).copied(), now) {
                let pieces = by_month(from, until, now).into_iter();
                notes.extend(pieces.map(|(from, until)| Note { of: Subject::Pod(pod), from, until }));
            }
        }
        notes
    }

    /// The records of a look are stored.
    pub fn noted(&mut self, records: Vec<UsageRecord>, says: &Metering, now: Timestamp) {
        self.settled.retain(|uid| says.pods.contains_key(uid) || says.gone.contains_key(uid));
        let unknown = self.unknown(says);
        for record in records {
            match record.ended_at {
                Some(_) => drop(self.open.remove(&record.pod_uid)),
                None => drop(self.open.insert(record.pod_uid.clone(), record)),
            }
        }
        // What was unknown and did not open, and what is over, has nothing left to charge.
        let over = says.pods.values().chain(says.gone.values()).filter(|pod| pod.over).map(|pod| pod.uid.clone());
        let done: Vec<String> = over.chain(unknown).filter(|uid| !self.open.contains_key(uid)).collect();
        self.settled.extend(done);
        self.seen = self.seen.max(now);
    }

    /// How many records are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// When an open record ends; none while its pod runs. A pod that went while nobody looked ended when everything was
    /// last known to run, which favours the customer.
    fn end(&self, record: &UsageRecord, says: &Metering, now: Timestamp) -> Option<Timestamp> {
        let end = match (says.pods.get(&record.pod_uid), says.gone.get(&record.pod_uid)) {
            (Some(pod), _) if !pod.over => return None,
            // An evicted pod tells no time, and nobody may have looked for long.
            (Some(pod), _) | (None, Some(pod)) => pod.ended_at.unwrap_or(self.seen),
            (None, None) => self.seen,
        };
        Some(whole(end.min(now)).max(record.started_at))
    }
}

/// The span that a pod without open record still has to be charged for: from `last_end` on, the end of its last record, as
/// a status that lost its first start must not be charged twice. None when nothing is left.
fn span(pod: &MeteredPod, last_end: Option<Timestamp>, now: Timestamp) -> Option<(Timestamp, Option<Timestamp>)> {
    let from = last_end.map_or(pod.started_at, |end| end.max(pod.started_at));
    let from = whole(from.min(now));
    if !pod.over {
        return Some((from, None));
    }
    // Over before we ever saw it run, and it tells no end: nothing says that it ran at all.
    let until = whole(pod.ended_at?.min(now));
    (until > from).then_some((from, Some(until)))
}

/// Cuts a span at the ends of months, so that each piece is in one; the last piece stays open if the span is and `now` is
/// in its month.
pub(super) fn by_month(
    from: Timestamp,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Vec<(Timestamp, Option<Timestamp>)> {
    let (mut pieces, mut start) = (Vec::new(), from);
    loop {
        let end = Month::of(start).end();
        match until {
            Some(until) if until <= end => {
                pieces.push((start, Some(until)));
                return pieces;
            }
            None if now < end => {
                pieces.push((start, None));
                return pieces;
            }
            _ => pieces.push((start, Some(end))),
        }
        start = end;
    }
}

/// Cluster times are whole seconds; ours are cut to them.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests;
