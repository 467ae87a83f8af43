//! From Kubernetes objects to what people see of them. Pure; the same for lists and for watches.

use std::sync::Arc;

use domain::admission::ANNOTATION_PRICE;
use domain::capacity::Amounts;
use domain::deployment::{DeploymentState, PodState};
use domain::sku::SKU_LABEL;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, PodStatus};
use kube::ResourceExt as _;

use crate::error::denial;
use crate::requests;

/// A pod with what the joins need.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PodRow {
    /// The Deployment it belongs to.
    pub owner: Option<String>,
    /// As people see it.
    pub state: PodState,
    /// What it takes of its node.
    pub taken: Amounts,
}

/// A Deployment without its pods.
pub(crate) fn deployment(deployment: &Deployment) -> DeploymentState {
    let spec = deployment.spec.as_ref();
    let template = spec.map(|spec| &spec.template);
    let labels = template.and_then(|t| t.metadata.as_ref()).and_then(|meta| meta.labels.as_ref());
    let container = template.and_then(|t| t.spec.as_ref()).and_then(|pod| pod.containers.first());
    DeploymentState {
        name: deployment.name_any(),
        sku_code: labels.and_then(|labels| labels.get(SKU_LABEL)).cloned().unwrap_or_default(),
        image: container.and_then(|c| c.image.clone()).unwrap_or_default(),
        replicas: spec.and_then(|spec| spec.replicas).map_or(1, |n| u32::try_from(n).unwrap_or(0)),
        problem: problem(deployment),
        created_at: deployment.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
        deleting: deployment.metadata.deletion_timestamp.is_some(),
        pods: Vec::new(),
    }
}

/// A pod.
pub(crate) fn pod(pod: &Pod) -> PodRow {
    let status = pod.status.clone().unwrap_or_default();
    let containers = status.container_statuses.as_deref().unwrap_or_default();
    let (reason, message) = trouble(&status).unzip();
    let state = PodState {
        name: pod.name_any(),
        phase: status.phase.clone().unwrap_or_else(|| "Pending".to_owned()),
        ready: has_condition(&status, "Ready", "True").is_some(),
        deleting: pod.metadata.deletion_timestamp.is_some(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        restarts: containers.iter().map(|c| u32::try_from(c.restart_count).unwrap_or(0)).sum(),
        started_at: containers.iter().filter_map(started).min(),
        reason,
        message: message.flatten(),
        price: pod.annotations().get(ANNOTATION_PRICE).cloned(),
    };
    PodRow { owner: owner(pod), state, taken: requests::taken(pod) }
}

/// Joins a Deployment with those of `pods` that are its own, sorted by name.
pub(crate) fn with_pods<'a>(
    deployment: DeploymentState,
    pods: impl IntoIterator<Item = &'a Arc<PodRow>>,
) -> DeploymentState {
    let own = |pod: &&Arc<PodRow>| pod.owner.as_deref() == Some(deployment.name.as_str());
    let mut pods: Vec<PodState> = pods.into_iter().filter(own).map(|pod| pod.state.clone()).collect();
    pods.sort_by(|a, b| a.name.cmp(&b.name));
    DeploymentState { pods, ..deployment }
}

/// A Deployment names its ReplicaSets `<its name>-<pod-template-hash>`, and the hash is a label of the pod: no third
/// list is needed to know whose a pod is.
fn owner(pod: &Pod) -> Option<String> {
    let owners = pod.metadata.owner_references.iter().flatten();
    let set = owners.into_iter().find(|owner| owner.controller == Some(true) && owner.kind == "ReplicaSet")?;
    let hash = pod.labels().get("pod-template-hash")?;
    Some(set.name.strip_suffix(hash.as_str())?.strip_suffix('-')?.to_owned())
}

fn problem(deployment: &Deployment) -> Option<String> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let failed = |kind: &str, status: &str| conditions.iter().find(|c| c.type_ == kind && c.status == status);
    let condition = failed("ReplicaFailure", "True").or_else(|| failed("Progressing", "False"))?;
    let message = condition.message.clone().or_else(|| condition.reason.clone())?;
    Some(denial(&message).unwrap_or(message))
}

/// Why a pod does not run, most specific first.
fn trouble(status: &PodStatus) -> Option<(String, Option<String>)> {
    let containers = status.container_statuses.iter().flatten();
    let all = status.init_container_statuses.iter().flatten().chain(containers);
    let states: Vec<&ContainerState> = all.filter_map(|c| c.state.as_ref()).collect();
    let waiting =
        states.iter().filter_map(|s| s.waiting.as_ref()).find_map(|w| Some((w.reason.clone()?, w.message.clone())));
    let ended = || {
        let failed = states.iter().filter_map(|s| s.terminated.as_ref()).find(|t| t.exit_code != 0)?;
        let message = failed.message.clone().or_else(|| Some(format!("exit code {}", failed.exit_code)));
        Some((failed.reason.clone().unwrap_or_else(|| "Error".to_owned()), message))
    };
    let whole_pod = || Some((status.reason.clone()?, status.message.clone()));
    let unplaced = || {
        let condition = has_condition(status, "PodScheduled", "False")?;
        Some((condition.reason.clone().unwrap_or_else(|| "Unschedulable".to_owned()), condition.message.clone()))
    };
    waiting.or_else(whole_pod).or_else(ended).or_else(unplaced)
}

fn has_condition<'a>(
    status: &'a PodStatus,
    kind: &str,
    wanted: &str,
) -> Option<&'a k8s_openapi::api::core::v1::PodCondition> {
    status.conditions.iter().flatten().find(|c| c.type_ == kind && c.status == wanted)
}

/// When a container first ran, as far as its status still tells.
fn started(container: &ContainerStatus) -> Option<Timestamp> {
    let time = |state: &ContainerState| {
        let running = state.running.as_ref().and_then(|s| s.started_at.as_ref());
        running.or_else(|| state.terminated.as_ref().and_then(|s| s.started_at.as_ref())).map(|time| time.0)
    };
    let states = [container.last_state.as_ref(), container.state.as_ref()];
    states.into_iter().flatten().filter_map(time).min()
}

#[cfg(test)]
mod tests;
