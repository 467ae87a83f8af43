//! What runs in a namespace, whoever made it: Deployments, StatefulSets, CronJobs, Jobs and pods on their own, each
//! with its state in one word and the reason in plain words.
//!
//! Source: `ui.md` §2 (Workload), `console-api.md` §6 and §8 row 19.

mod change;
mod list;
mod schedule;
mod waiting;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::pod::{PodState, PodView};
use crate::sku::PriceView;

pub use change::{Revision, RollBack, WorkloadAction, WorkloadChange, WorkloadPatch, restart_patch, rollback_patch};
pub use list::{MOST_ROWS, ROWS, WorkloadFilter, WorkloadList};
pub use schedule::{Schedule, job_of};
pub use waiting::{Occupied, OccupiedBySku, Waits, reasons_shown, usual_start, waits};

/// What kind of workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum WorkloadKind {
    /// Replicas that are all alike.
    Deployment,
    /// Replicas with names and disks of their own.
    StatefulSet,
    /// Starts Jobs by the clock.
    CronJob,
    /// Runs to its end.
    Job,
    /// A pod; in lists only one that nothing else made.
    Pod,
}

/// What made an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Owner {
    /// `ReplicaSet`, `CronJob`, …
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// A workload as the cluster has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadState {
    /// What it is.
    pub kind: WorkloadKind,
    /// Name.
    pub name: String,
    /// From the pod template's label; empty when it has none.
    pub sku_code: String,
    /// Image of the first container.
    pub image: String,
    /// Pods wanted now; for a Job those still to come.
    pub wanted: u32,
    /// How it ended: true for well. None while it goes on.
    pub ended: Option<bool>,
    /// What Kubernetes says is wrong with it.
    pub problem: Option<String>,
    /// When made.
    pub created_at: Timestamp,
    /// Being deleted.
    pub deleting: bool,
    /// When it starts Jobs; only a CronJob has one.
    pub schedule: Option<Schedule>,
    /// Who made it, nearest first.
    pub owners: Vec<Owner>,
    /// Its pods, sorted by name.
    pub pods: Vec<PodState>,
}

/// State of a workload in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum WorkloadStatus {
    /// Not all pods are ready yet.
    Pending,
    /// All wanted pods are ready.
    Running,
    /// Some pods are in trouble, others run.
    Degraded,
    /// None runs and at least one is in trouble.
    Failed,
    /// It ran to its end.
    Succeeded,
}

/// A workload on the wire. Lists leave out `pods`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkloadView {
    /// What it is.
    pub kind: WorkloadKind,
    /// Name.
    pub name: String,
    /// SKU code.
    pub sku_code: String,
    /// Image of the first container.
    pub image: String,
    /// Wanted.
    pub wanted: u32,
    /// Ready.
    pub ready: u32,
    /// Over all pods.
    pub restarts: u32,
    /// One word.
    pub status: WorkloadStatus,
    /// Plain words.
    pub reason: String,
    /// Of what runs now, all pods.
    pub price_per_hour: Option<PriceView>,
    /// Decimal, of the pods that exist now.
    pub cost_so_far: Option<String>,
    /// ISO 4217, of `cost_so_far`: that of the prices with which its pods were admitted, also once none of them runs.
    pub cost_currency: Option<String>,
    /// All that runs is simulated.
    pub simulated: bool,
    /// When it starts Jobs; only a CronJob has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Who made it, nearest first.
    pub owners: Vec<Owner>,
    /// RFC 3339.
    pub created_at: String,
    /// How many pods there are.
    pub pod_count: u32,
    /// Its pods; of very many those that need a person first.
    pub pods: Vec<PodView>,
}

/// Something that Kubernetes reported about a workload or one of its pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventView {
    /// About what.
    pub about: Owner,
    /// It is a warning.
    pub warning: bool,
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// How often.
    pub count: u32,
    /// RFC 3339: last time.
    pub at: String,
}

/// One workload with what was reported about it, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkloadDetail {
    /// The workload.
    pub workload: WorkloadView,
    /// Newest first.
    pub events: Vec<EventView>,
    /// RFC 3339: since when the cluster says nothing new. Null while it does.
    #[serde(default)]
    pub stale_since: Option<String>,
}

// === impl WorkloadKind ===

impl WorkloadKind {
    /// Every kind, in the order people look for them.
    pub const ALL: [Self; 5] = [Self::Deployment, Self::StatefulSet, Self::CronJob, Self::Job, Self::Pod];

    /// The form in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::CronJob => "cronjob",
            Self::Job => "job",
            Self::Pod => "pod",
        }
    }

    /// Reads the form in URLs.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// As Kubernetes and people call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::CronJob => "CronJob",
            Self::Job => "Job",
            Self::Pod => "Pod",
        }
    }
}

// === impl WorkloadStatus ===

impl WorkloadStatus {
    /// Order of a list: what needs a person first, what is over last.
    pub fn urgency(self) -> u8 {
        match self {
            Self::Failed => 0,
            Self::Degraded => 1,
            Self::Pending => 2,
            Self::Running => 3,
            Self::Succeeded => 4,
        }
    }
}

// === impl WorkloadState ===

impl WorkloadState {
    /// The wire form at `now`; `waits` says why pods of a SKU find no place.
    pub fn view(&self, now: Timestamp, waits: &Waits) -> WorkloadView {
        WorkloadView { pods: self.pods.iter().map(|pod| pod.view(waits)).collect(), ..self.row(now, waits) }
    }

    /// The same for a page of its own: at most [`MOST_ROWS`] pods, of more those in trouble first and those that run last.
    pub fn detail(&self, now: Timestamp, waits: &Waits) -> WorkloadView {
        let mut pods: Vec<&PodState> = self.pods.iter().collect();
        if pods.len() > MOST_ROWS {
            pods.sort_by_cached_key(|pod| (pod.trouble().is_none(), pod.ready));
            pods.truncate(MOST_ROWS);
        }
        WorkloadView { pods: pods.into_iter().map(|pod| pod.view(waits)).collect(), ..self.row(now, waits) }
    }

    /// The same without its pods, as lists show it.
    fn row(&self, now: Timestamp, waits: &Waits) -> WorkloadView {
        let ready = self.ready();
        let (status, reason) = self.judge(ready, waits);
        let placed: Vec<&str> = self.pods.iter().filter_map(|p| p.node.as_deref()).collect();
        let cost = sum(self.pods.iter().filter_map(|p| p.cost(now)));
        WorkloadView {
            kind: self.kind,
            name: self.name.clone(),
            sku_code: self.sku_code.clone(),
            image: self.image.clone(),
            wanted: self.wanted,
            ready,
            restarts: self.pods.iter().map(|p| p.restarts).sum(),
            status,
            reason,
            price_per_hour: self.price_now(),
            cost_so_far: cost.as_ref().map(Money::decimal),
            cost_currency: cost.map(|cost| cost.currency.into()),
            // Nodes of simulated engines are named after them (`simulated-h100`).
            simulated: !placed.is_empty() && placed.iter().all(|node| node.starts_with("simulated")),
            schedule: self.schedule.clone(),
            owners: self.owners.clone(),
            created_at: self.created_at.to_string(),
            pod_count: self.pods.len() as u32,
            pods: Vec::new(),
        }
    }

    /// Pods that are ready and stay.
    fn ready(&self) -> u32 {
        self.pods.iter().filter(|p| p.ready && !p.deleting && !p.over()).count() as u32
    }

    /// Whether an event is about this or one of its pods.
    pub fn concerns(&self, about: &Owner) -> bool {
        let own = about.kind == self.kind.word() && about.name == self.name;
        let of_a_pod = about.kind == "Pod" && self.pods.iter().any(|pod| pod.name == about.name);
        // A Deployment names its ReplicaSets `<its name>-<hash>`.
        let of_a_set = self.kind == WorkloadKind::Deployment
            && about.kind == "ReplicaSet"
            && about.name.rsplit_once('-').is_some_and(|(name, _)| name == self.name);
        own || of_a_pod || of_a_set
    }

    fn judge(&self, ready: u32, waits: &Waits) -> (WorkloadStatus, String) {
        if self.deleting {
            return (WorkloadStatus::Pending, "Being deleted".to_owned());
        }
        let trouble = || self.problem.clone().or_else(|| self.pods.iter().find_map(PodState::trouble));
        match self.ended {
            Some(true) => return (WorkloadStatus::Succeeded, "Completed".to_owned()),
            Some(false) => return (WorkloadStatus::Failed, trouble().unwrap_or_else(|| "Failed".to_owned())),
            None => {}
        }
        if let Some(schedule) = &self.schedule {
            return (WorkloadStatus::Running, schedule.words());
        }
        if self.wanted == 0 {
            let word = if self.kind == WorkloadKind::Job { "Suspended" } else { "Scaled to zero" };
            return (WorkloadStatus::Running, word.to_owned());
        }
        // A rollout that cannot go on keeps as many pods of before as are wanted: they run, and what is new does not.
        let stuck =
            || self.problem.clone().or_else(|| self.pods.iter().filter(|p| !p.over()).find_map(PodState::trouble));
        if ready >= self.wanted {
            if let Some(why) = stuck() {
                return (WorkloadStatus::Degraded, why);
            }
            let placed = self.pods.iter().filter(|p| p.ready && !p.over());
            let nodes: BTreeSet<&str> = placed.filter_map(|p| p.node.as_deref()).collect();
            let nodes: Vec<&str> = nodes.into_iter().collect();
            return (WorkloadStatus::Running, format!("Running on {}", nodes.join(", ")));
        }
        match trouble() {
            Some(why) if ready > 0 => (WorkloadStatus::Degraded, why),
            Some(why) => (WorkloadStatus::Failed, why),
            None => (WorkloadStatus::Pending, self.waiting(ready, waits)),
        }
    }

    fn waiting(&self, ready: u32, waits: &Waits) -> String {
        let reasons = self.pods.iter().filter(|p| !p.over()).map(|p| p.reason_in_words(waits));
        reasons.into_iter().find(|r| !r.is_empty()).unwrap_or_else(|| format!("{ready} of {} ready", self.wanted))
    }

    fn price_now(&self) -> Option<PriceView> {
        let running = self.pods.iter().filter(|p| p.started_at.is_some() && !p.over());
        sum(running.filter_map(PodState::money)).as_ref().map(PriceView::from)
    }
}

fn sum(amounts: impl Iterator<Item = Money>) -> Option<Money> {
    amounts.reduce(|a, b| Money { micros: a.micros.saturating_add(b.micros), currency: a.currency })
}

#[cfg(test)]
mod tests;
