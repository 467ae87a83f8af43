//! The states of our nouns as tones and words.

use domain::api_key::KeyStatus;
use domain::credential::CredentialStatus;
use domain::deployment::{DeploymentStatus, DeploymentView, PodView};
use domain::namespace::NamespaceStatus;

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

/// A deployment's state; one that runs on simulated nodes only wears their tone.
pub fn deployment(deployment: &DeploymentView) -> (Tone, &'static str) {
    match deployment.status {
        DeploymentStatus::Pending => (Tone::Wait, "Pending"),
        DeploymentStatus::Running if is_simulated(deployment) => (Tone::Simulated, "Running"),
        DeploymentStatus::Running => (Tone::Ok, "Running"),
        DeploymentStatus::Degraded => (Tone::Wait, "Degraded"),
        DeploymentStatus::Failed => (Tone::Fail, "Failed"),
    }
}

fn is_simulated(deployment: &DeploymentView) -> bool {
    !deployment.pods.is_empty() && deployment.pods.iter().all(on_simulated_node)
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
        CredentialStatus::Expired => (Tone::Ended, "Ended"),
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

/// Order of a list: what needs a person first.
pub fn urgency(status: DeploymentStatus) -> u8 {
    match status {
        DeploymentStatus::Failed => 0,
        DeploymentStatus::Degraded => 1,
        DeploymentStatus::Pending => 2,
        DeploymentStatus::Running => 3,
    }
}
