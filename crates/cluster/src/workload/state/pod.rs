//! From a Kubernetes pod to what people see of it.

use std::collections::BTreeMap;

use domain::admission::ANNOTATION_PRICE;
use domain::capacity::Amounts;
use domain::pod::{ConditionView, ContainerPhase, ContainerView, PodState, exit_in_words};
use domain::sku::SKU_LABEL;
use domain::workload::{Owner, WorkloadKind};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodCondition, PodStatus,
};
use kube::ResourceExt as _;

use super::{Key, controller};
use crate::meter::{self, Meta};
use crate::{node, requests};

/// A pod with what the joins need.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PodRow {
    /// The workload it belongs to; none for one that no known kind made.
    pub owner: Option<Key>,
    /// As people see it.
    pub state: PodState,
    /// What the selectors of Services look at.
    pub labels: BTreeMap<String, String>,
    /// What it takes of its node.
    pub taken: Amounts,
    /// What the engine calls what runs for it.
    pub instance: Option<String>,
    /// What the engine's provider takes for it an hour.
    pub cost: Option<String>,
    /// What metering needs of it.
    pub meta: Meta,
}

/// A pod.
pub(crate) fn pod(pod: &Pod) -> PodRow {
    let status = pod.status.clone().unwrap_or_default();
    let running = status.container_statuses.as_deref().unwrap_or_default();
    let (reason, message) = trouble(&status).unzip();
    let owners = owners(pod);
    // Init containers hold the same GPU: what is paid for begins with the first of them.
    let all = || status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    let ends = all().filter_map(|c| c.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref());
    let state = PodState {
        name: pod.name_any(),
        phase: status.phase.clone().unwrap_or_else(|| "Pending".to_owned()),
        ready: condition(&status, "Ready", "True").is_some(),
        deleting: pod.metadata.deletion_timestamp.is_some(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        ip: status.pod_ip.clone(),
        restarts: running.iter().map(|c| u32::try_from(c.restart_count).unwrap_or(0)).sum(),
        created_at: pod.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
        started_at: all().filter_map(started).min(),
        ended_at: ends.map(|time| time.0).max(),
        sku_code: pod.labels().get(SKU_LABEL).cloned().unwrap_or_default(),
        reason,
        message: message.flatten(),
        price: pod.annotations().get(ANNOTATION_PRICE).cloned(),
        containers: containers(pod, &status),
        conditions: status.conditions.iter().flatten().map(condition_view).collect(),
        owners,
    };
    let (instance, cost) = node::instance(pod);
    let (taken, meta) = (requests::taken(pod), meter::meta(pod));
    PodRow { owner: top(&state.owners), state, labels: pod.labels().clone(), taken, instance, cost, meta }
}

/// A Deployment names its ReplicaSets `<its name>-<pod-template-hash>`, and the hash is a label of the pod: no third
/// list is needed to know whose a pod is.
fn owners(pod: &Pod) -> Vec<Owner> {
    let Some(first) = controller(&pod.metadata) else { return Vec::new() };
    let of_a_set = || {
        let hash = pod.labels().get("pod-template-hash").filter(|_| first.kind == "ReplicaSet")?;
        let name = first.name.strip_suffix(hash.as_str())?.strip_suffix('-')?;
        Some(Owner { kind: "Deployment".to_owned(), name: name.to_owned() })
    };
    let second = of_a_set();
    [first].into_iter().chain(second).collect()
}

/// The workload at the end of the chain, if it is of a kind we list.
fn top(owners: &[Owner]) -> Option<Key> {
    let last = owners.last()?;
    let kind = WorkloadKind::ALL.into_iter().find(|kind| kind.word() == last.kind)?;
    Some((kind, last.name.clone()))
}

fn containers(pod: &Pod, status: &PodStatus) -> Vec<ContainerView> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let statuses = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    let statuses: Vec<&ContainerStatus> = statuses.collect();
    let all =
        spec.init_containers.iter().flatten().map(|c| (c, true)).chain(spec.containers.iter().map(|c| (c, false)));
    all.map(|(container, init)| {
        let status = statuses.iter().copied().find(|status| status.name == container.name);
        container_view(container, init, status)
    })
    .collect()
}

fn container_view(container: &Container, init: bool, status: Option<&ContainerStatus>) -> ContainerView {
    let state = status.and_then(|status| status.state.as_ref());
    let ended = state.and_then(|state| state.terminated.as_ref());
    let waiting = state.and_then(|state| state.waiting.as_ref());
    let last = ended.or_else(|| status?.last_state.as_ref()?.terminated.as_ref());
    let phase = match (ended, state.and_then(|state| state.running.as_ref())) {
        (Some(_), _) => ContainerPhase::Ended,
        (None, Some(_)) => ContainerPhase::Running,
        (None, None) => ContainerPhase::Waiting,
    };
    let sentence = |reason: &Option<String>, message: &Option<String>| {
        [reason, message].into_iter().flatten().filter(|t| !t.is_empty()).cloned().collect::<Vec<_>>().join(": ")
    };
    let reason = waiting.map(|w| sentence(&w.reason, &w.message));
    ContainerView {
        name: container.name.clone(),
        image: container.image.clone().unwrap_or_default(),
        init,
        phase,
        ready: status.is_some_and(|status| status.ready),
        restarts: status.map_or(0, |status| u32::try_from(status.restart_count).unwrap_or(0)),
        reason: reason.or_else(|| ended.map(|e| sentence(&e.reason, &e.message))).unwrap_or_default(),
        last_exit: last.map(|end| exit_in_words(end.exit_code, end.reason.as_deref())),
        last_exit_at: last.and_then(|end| end.finished_at.as_ref()).map(|time| time.0.to_string()),
    }
}

fn condition_view(condition: &PodCondition) -> ConditionView {
    ConditionView {
        name: condition.type_.clone(),
        status: condition.status.clone(),
        reason: condition.reason.clone().filter(|text| !text.is_empty()),
        message: condition.message.clone().filter(|text| !text.is_empty()),
        since: condition.last_transition_time.as_ref().map(|time| time.0.to_string()),
    }
}

/// Why a pod does not run, most specific first.
fn trouble(status: &PodStatus) -> Option<(String, Option<String>)> {
    let containers = status.container_statuses.iter().flatten();
    let all = status.init_container_statuses.iter().flatten().chain(containers);
    let states: Vec<&ContainerState> = all.filter_map(|c| c.state.as_ref()).collect();
    let waiting =
        states.iter().filter_map(|s| s.waiting.as_ref()).find_map(|w| Some((w.reason.clone()?, w.message.clone())));
    let whole_pod = || Some((status.reason.clone()?, status.message.clone()));
    let unplaced = || {
        let condition = condition(status, "PodScheduled", "False")?;
        Some((condition.reason.clone().unwrap_or_else(|| "Unschedulable".to_owned()), condition.message.clone()))
    };
    waiting.or_else(whole_pod).or_else(|| failed(&states)).or_else(unplaced)
}

fn failed(states: &[&ContainerState]) -> Option<(String, Option<String>)> {
    let mut ends = states.iter().filter_map(|state| state.terminated.as_ref());
    let end: &ContainerStateTerminated = ends.find(|end| end.exit_code != 0)?;
    let message = end.message.clone().or_else(|| Some(format!("exit code {}", end.exit_code)));
    Some((end.reason.clone().unwrap_or_else(|| "Error".to_owned()), message))
}

fn condition<'a>(status: &'a PodStatus, kind: &str, wanted: &str) -> Option<&'a PodCondition> {
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
