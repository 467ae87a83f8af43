//! A pod as the cluster has it, and as people see it: its containers, why it waits, how it ended, what it costs.
//!
//! Source: `console-api.md` §6, `ui.md` §2 (Workload).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::usage;
use crate::workload::{Owner, Waits};

/// What the scheduler says of a pod that finds no place.
const UNPLACED: &str = "Unschedulable";

/// A pod as the cluster has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodState {
    /// Name.
    pub name: String,
    /// Kubernetes phase.
    pub phase: String,
    /// The Ready condition.
    pub ready: bool,
    /// Being deleted.
    pub deleting: bool,
    /// Node, once bound.
    pub node: Option<String>,
    /// Its address, once it has one.
    pub ip: Option<String>,
    /// Sum over containers.
    pub restarts: u32,
    /// When made.
    pub created_at: Timestamp,
    /// When its containers started.
    pub started_at: Option<Timestamp>,
    /// When the last of its containers ended, once the pod is over.
    pub ended_at: Option<Timestamp>,
    /// From its label; empty when it has none.
    pub sku_code: String,
    /// Who made it, nearest first: ReplicaSet, then Deployment.
    pub owners: Vec<Owner>,
    /// Waiting or termination reason, for example `ImagePullBackOff`, or `Unschedulable`.
    pub reason: Option<String>,
    /// Its message.
    pub message: Option<String>,
    /// The frozen price annotation, for example `3.29 EUR`.
    pub price: Option<String>,
    /// Containers, those that run before the others first.
    pub containers: Vec<ContainerView>,
    /// As Kubernetes reports them.
    pub conditions: Vec<ConditionView>,
}

/// A pod on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PodView {
    /// Name.
    pub name: String,
    /// `Running`, `Pending`, `Terminating`, …
    pub phase: String,
    /// Ready.
    pub ready: bool,
    /// Node.
    pub node: Option<String>,
    /// Its address.
    pub ip: Option<String>,
    /// Restarts.
    pub restarts: u32,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// Plain words, empty when all is well.
    pub reason: String,
    /// How a container last ended, in words; none when none did.
    pub last_exit: Option<String>,
    /// Its containers.
    pub containers: Vec<ContainerView>,
    /// As Kubernetes reports them.
    pub conditions: Vec<ConditionView>,
}

/// What a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ContainerPhase {
    /// Not started yet, or between two starts.
    Waiting,
    /// Runs.
    Running,
    /// Over.
    Ended,
}

/// A container, in the cluster and on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContainerView {
    /// Name.
    pub name: String,
    /// Image reference.
    pub image: String,
    /// It runs before the others.
    pub init: bool,
    /// What it does.
    pub phase: ContainerPhase,
    /// Ready.
    pub ready: bool,
    /// How often it was started again.
    pub restarts: u32,
    /// Why it waits or ended; empty when it runs.
    pub reason: String,
    /// How it last ended, in words: `Exit code 137 (OOMKilled)`.
    pub last_exit: Option<String>,
    /// RFC 3339: when that was.
    pub last_exit_at: Option<String>,
}

/// A condition of a pod, in the cluster and on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConditionView {
    /// `Ready`, `PodScheduled`, …
    pub name: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word, if any.
    pub reason: Option<String>,
    /// A sentence, if any.
    pub message: Option<String>,
    /// RFC 3339: the last change.
    pub since: Option<String>,
}

/// How a container ended, in words: `Exit code 137 (OOMKilled)`.
pub fn exit_in_words(code: i32, reason: Option<&str>) -> String {
    match reason.filter(|reason| !reason.is_empty() && *reason != "Error" && *reason != "Completed") {
        Some(reason) => format!("Exit code {code} ({reason})"),
        None => format!("Exit code {code}"),
    }
}

// === impl PodState ===

impl PodState {
    /// Whether it has ended.
    pub fn over(&self) -> bool {
        self.phase == "Succeeded" || self.phase == "Failed"
    }

    /// The wire form; `waits` says why pods of a SKU find no place.
    pub fn view(&self, waits: &Waits) -> PodView {
        let phase = if self.deleting { "Terminating" } else { self.phase.as_str() };
        let last = self.containers.iter().filter(|c| c.last_exit.is_some());
        let last = last.max_by(|a, b| a.last_exit_at.cmp(&b.last_exit_at));
        PodView {
            name: self.name.clone(),
            phase: phase.to_owned(),
            ready: self.ready,
            node: self.node.clone(),
            ip: self.ip.clone(),
            restarts: self.restarts,
            created_at: self.created_at.to_string(),
            started_at: self.started_at.map(|t| t.to_string()),
            reason: self.reason_in_words(waits),
            last_exit: last.and_then(|container| container.last_exit.clone()),
            containers: self.containers.clone(),
            conditions: self.conditions.clone(),
        }
    }

    /// Seconds from its place on a node to its first container's start. None while it has not started, and after a
    /// restart: then Kubernetes no longer tells the first start.
    pub fn start_seconds(&self) -> Option<u32> {
        let started = self.started_at.filter(|_| self.restarts == 0)?;
        let placed = self.conditions.iter().find(|c| c.name == "PodScheduled" && c.status == "True")?;
        let placed: Timestamp = placed.since.as_deref()?.parse().ok()?;
        // Both are whole seconds of two clocks: the start may seem to come first.
        u32::try_from((started.as_second() - placed.as_second()).max(0)).ok()
    }

    /// What it costs per hour.
    pub fn money(&self) -> Option<Money> {
        Money::parse_with_currency(self.price.as_deref()?)
    }

    /// What it has cost until `now`, or until it ended: by the arithmetic of usage records.
    pub fn cost(&self, now: Timestamp) -> Option<Money> {
        let until = if self.over() { self.ended_at? } else { now };
        Some(usage::cost(&self.money()?, self.started_at.unwrap_or(until), until))
    }

    /// Why it does not run, in plain words; empty when it does.
    pub fn reason_in_words(&self, waits: &Waits) -> String {
        let detail = |fallback: &str| self.message.clone().unwrap_or_else(|| fallback.to_owned());
        match self.reason.as_deref() {
            None => String::new(),
            Some(UNPLACED) => match waits.get(&self.sku_code) {
                Some(words) => words.clone(),
                None => format!("Waiting for a free place: {}", detail("no node fits")),
            },
            Some("ContainerCreating" | "PodInitializing") => "Starting".to_owned(),
            Some("ImagePullBackOff" | "ErrImagePull" | "ErrImageNeverPull") => {
                format!("The image cannot be pulled: {}", detail("the registry gave no reason"))
            }
            Some("CrashLoopBackOff") => format!("The container keeps ending: {}", detail("see its logs")),
            Some("Completed") => "Completed".to_owned(),
            Some(other) => self.message.as_ref().map_or_else(|| other.to_owned(), |m| format!("{other}: {m}")),
        }
    }

    /// Whether it waits for a place on a node.
    pub fn unplaced(&self) -> bool {
        self.reason.as_deref() == Some(UNPLACED)
    }

    /// What a person has to deal with; none while it runs or only waits.
    pub fn trouble(&self) -> Option<String> {
        let waiting = matches!(
            self.reason.as_deref(),
            None | Some("ContainerCreating" | "PodInitializing" | UNPLACED | "Completed")
        );
        (!waiting && !self.ready && !self.deleting).then(|| self.reason_in_words(&Waits::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_names_its_cause_only_where_kubernetes_says_more_than_the_code() {
        assert_eq!(exit_in_words(137, Some("OOMKilled")), "Exit code 137 (OOMKilled)");
        assert_eq!(exit_in_words(1, Some("Error")), "Exit code 1");
        assert_eq!(exit_in_words(0, Some("Completed")), "Exit code 0");
    }
}
