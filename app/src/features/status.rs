//! The states of our nouns as tones and words.

use domain::api_key::KeyStatus;
use domain::credential::CredentialStatus;
use domain::engine::EngineStatus;
use domain::namespace::NamespaceStatus;
use domain::node::{NodeStatus, NodeView};
use domain::pod::PodView;
use domain::workload::{WorkloadKind, WorkloadStatus, WorkloadView};

use crate::ui::badge::Tone;

/// A namespace's state.
pub fn namespace(status: NamespaceStatus) -> (Tone, &'static str) {
    match status {
        NamespaceStatus::Creating => (Tone::Wait, "Creating"),
        NamespaceStatus::Active => (Tone::Ok, "Active"),
        NamespaceStatus::Deleting => (Tone::Ended, "Deleting"),
        NamespaceStatus::Failed => (Tone::Fail, "Failed"),
    }
}

/// An engine's state.
pub fn engine(status: EngineStatus) -> (Tone, &'static str) {
    let tone = match status {
        EngineStatus::Ready => Tone::Ok,
        EngineStatus::Draft | EngineStatus::Checking | EngineStatus::Degraded => Tone::Wait,
        EngineStatus::Unauthorized | EngineStatus::Unreachable | EngineStatus::Mismatch => Tone::Fail,
        EngineStatus::Disabled | EngineStatus::Deleting => Tone::Ended,
    };
    (tone, status.words())
}

/// A virtual node's state; one that simulates wears that tone.
pub fn node(node: &NodeView) -> (Tone, &'static str) {
    match node.status {
        NodeStatus::Ready if node.engine.starts_with("simulated") => (Tone::Simulated, "Ready"),
        NodeStatus::Ready => (Tone::Ok, "Ready"),
        NodeStatus::Cordoned => (Tone::Wait, "Cordoned"),
        NodeStatus::Draining => (Tone::Wait, "Draining"),
        NodeStatus::NotReady => (Tone::Fail, "Not ready"),
    }
}

/// A workload's state; one that runs on simulated nodes only wears their tone. The contract calls running what has all the
/// pods it wants; to people nothing runs where none is wanted. A CronJob wants none between its Jobs.
pub fn workload(workload: &WorkloadView) -> (Tone, &'static str) {
    let idle = workload.wanted == 0 && workload.schedule.is_none();
    let suspended = workload.schedule.as_ref().is_some_and(|schedule| schedule.suspended);
    match workload.status {
        WorkloadStatus::Pending => (Tone::Wait, "Pending"),
        WorkloadStatus::Running if suspended => (Tone::Ended, "Suspended"),
        WorkloadStatus::Running if idle && workload.kind == WorkloadKind::Job => (Tone::Ended, "Suspended"),
        WorkloadStatus::Running if idle => (Tone::Ended, "Scaled to zero"),
        WorkloadStatus::Running if workload.simulated => (Tone::Simulated, "Running"),
        WorkloadStatus::Running => (Tone::Ok, "Running"),
        WorkloadStatus::Degraded => (Tone::Wait, "Degraded"),
        WorkloadStatus::Failed => (Tone::Fail, "Failed"),
        WorkloadStatus::Succeeded => (Tone::Ended, "Completed"),
    }
}

/// Nodes of simulated engines are named after them (`simulated-h100`).
fn on_simulated_node(pod: &PodView) -> bool {
    pod.node.as_deref().is_some_and(|node| node.starts_with("simulated"))
}

/// A key's state.
pub fn api_key(status: KeyStatus) -> (Tone, &'static str) {
    match status {
        KeyStatus::Active => (Tone::Ok, "Active"),
        KeyStatus::Disabled => (Tone::Ended, "Disabled"),
        KeyStatus::Expired => (Tone::Wait, "Expired"),
        KeyStatus::Revoked => (Tone::Ended, "Revoked"),
    }
}

/// A credential's state.
pub fn credential(status: CredentialStatus) -> (Tone, &'static str) {
    match status {
        CredentialStatus::Active => (Tone::Ok, "Active"),
        CredentialStatus::Expired => (Tone::Ended, "Expired"),
        CredentialStatus::Revoked => (Tone::Ended, "Revoked"),
    }
}

/// A pod's state; one on a simulated node wears its own tone while it runs.
pub fn pod(pod: &PodView) -> Tone {
    match pod.phase.as_str() {
        "Running" if pod.ready && on_simulated_node(pod) => Tone::Simulated,
        "Running" if pod.ready => Tone::Ok,
        "Failed" => Tone::Fail,
        "Succeeded" | "Terminating" => Tone::Ended,
        _ => Tone::Wait,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use domain::workload::Schedule;

    use super::*;

    pub(crate) fn running(kind: WorkloadKind, wanted: u32, schedule: Option<Schedule>) -> WorkloadView {
        WorkloadView {
            kind,
            name: "demo".into(),
            sku_code: String::new(),
            image: String::new(),
            wanted,
            ready: wanted,
            restarts: 0,
            status: WorkloadStatus::Running,
            reason: String::new(),
            price_per_hour: None,
            cost_so_far: None,
            cost_currency: None,
            simulated: false,
            schedule,
            owners: Vec::new(),
            created_at: "2026-11-21T09:00:00Z".into(),
            pod_count: wanted,
            pods: Vec::new(),
        }
    }

    #[test]
    fn what_wants_no_pod_is_not_called_running() {
        let word = |kind, wanted, schedule| workload(&running(kind, wanted, schedule)).1;
        assert_eq!(word(WorkloadKind::Deployment, 0, None), "Scaled to zero");
        assert_eq!(word(WorkloadKind::StatefulSet, 0, None), "Scaled to zero");
        assert_eq!(word(WorkloadKind::Job, 0, None), "Suspended");
        assert_eq!(word(WorkloadKind::Deployment, 1, None), "Running");
        let cron = "@daily".to_owned();
        let daily = Schedule { cron, time_zone: None, suspended: false, last_run_at: None, running: 0 };
        assert_eq!(word(WorkloadKind::CronJob, 0, Some(daily.clone())), "Running");
        assert_eq!(word(WorkloadKind::CronJob, 0, Some(Schedule { suspended: true, ..daily })), "Suspended");
    }
}
