//! A pod over there as an instance of the node: a pure function.
//! What the other cluster will restart itself is never shown as ended, so that nobody restarts it twice.
use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, ContainerState, ContainerStateTerminated, ContainerStatus, Pod};
use kubelet::{ContainerInstance, ContainerRun, Disruption, Ended, Hold, Instance};

use super::{ATTEMPTS, POD_NAME, POD_NAMESPACE, POD_UID};

/// What Kubernetes says of a process whose end nobody saw.
const UNKNOWN_EXIT: i32 = 137;
/// What it says of a pod that a node had no room for any more, and of who ended it.
const EVICTED: &str = "Evicted";
const BY_KUBELET: &str = "TerminationByKubelet";

pub(super) fn instance(pod: &Pod) -> Instance {
    let annotation = |key: &str| pod.metadata.annotations.as_ref().and_then(|all| all.get(key)).cloned();
    let label = |key: &str| pod.metadata.labels.as_ref().and_then(|all| all.get(key)).cloned();
    let spec = pod.spec.clone().unwrap_or_default();
    let first = annotation(ATTEMPTS).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let mut containers = Vec::new();
    for container in spec.init_containers.iter().flatten() {
        containers.push(container_instance(pod, container, true, &first));
    }
    if is_initialized(pod) || is_over(pod) {
        containers.extend(spec.containers.iter().map(|container| container_instance(pod, container, false, &first)));
    }
    Instance {
        uid: label(POD_UID).unwrap_or_default(),
        namespace: annotation(POD_NAMESPACE).unwrap_or_default(),
        name: annotation(POD_NAME).unwrap_or_default(),
        pod_ip: pod.status.as_ref().and_then(|status| status.pod_ip.clone()),
        containers,
        disruption: disruption(pod),
    }
}

/// The attempts with which containers began.
pub(super) type Attempts = BTreeMap<String, u32>;

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

fn is_over(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

fn is_initialized(pod: &Pod) -> bool {
    let has_init =
        pod.spec.as_ref().is_some_and(|spec| spec.init_containers.as_ref().is_some_and(|all| !all.is_empty()));
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    !has_init || conditions.into_iter().any(|one| one.type_ == "Initialized" && one.status == "True")
}

fn container_instance(pod: &Pod, container: &Container, init: bool, first: &Attempts) -> ContainerInstance {
    let status = pod.status.as_ref().and_then(|status| {
        let list = if init { &status.init_container_statuses } else { &status.container_statuses };
        list.iter().flatten().find(|one| one.name == container.name)
    });
    let restarts = status.and_then(|status| u32::try_from(status.restart_count).ok()).unwrap_or(0);
    let attempt = first.get(&container.name).copied().unwrap_or(0) + restarts;
    let id = format!("kubernetes://{}/{}/{attempt}", pod.metadata.uid.as_deref().unwrap_or_default(), container.name);
    let last = status.and_then(|status| status.last_state.as_ref()?.terminated.as_ref());
    let mut made = ContainerInstance {
        name: container.name.clone(),
        image_id: status.map(|status| status.image_id.clone()).unwrap_or_default(),
        attempt,
        run: ContainerRun::Created,
        hold: None,
        previous: last.map(|last| ended(last, &id)),
        id,
    };
    show_state(pod, status, init, &mut made);
    made
}

fn show_state(pod: &Pod, status: Option<&ContainerStatus>, init: bool, made: &mut ContainerInstance) {
    let state = status.and_then(|status| status.state.clone()).unwrap_or_default();
    match state {
        ContainerState { running: Some(running), .. } if !is_over(pod) => {
            let started = running.started_at.map_or_else(|| created(pod), |time| time.0);
            made.run = ContainerRun::Running { started };
            let unready = !init && status.is_some_and(|status| !status.ready);
            made.hold = unready.then(|| hold("ContainersNotReady", "The container is not ready on the engine"));
        }
        ContainerState { terminated: Some(over), .. } => {
            let end = ended(&over, &made.id);
            if restarts(pod, end.exit_code, init) {
                made.hold = Some(hold(&end.reason, "The engine starts the container again"));
                made.previous = Some(end);
            } else {
                made.run = ContainerRun::Ended(end);
            }
        }
        _ if is_over(pod) => made.run = ContainerRun::Ended(taken_away(pod)),
        ContainerState { waiting: Some(waiting), .. } => {
            let reason = waiting.reason.as_deref().unwrap_or("ContainerCreating");
            made.hold = Some(hold(reason, waiting.message.as_deref().unwrap_or_default()));
        }
        _ => made.hold = unscheduled(pod),
    }
}

/// Whether the other cluster starts an ended container again.
fn restarts(pod: &Pod, exit_code: i32, init: bool) -> bool {
    let policy = pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always");
    let again = match policy {
        "Never" => false,
        "Always" if !init => true,
        _ => exit_code != 0,
    };
    again && !is_over(pod) && pod.metadata.deletion_timestamp.is_none()
}

fn hold(reason: &str, message: &str) -> Hold {
    Hold { reason: reason.to_owned(), message: message.to_owned() }
}

/// Why no node over there has the pod yet. At home it has its node, so its container is being created; clients such as
/// SkyPilot take every other reason for a failure.
fn unscheduled(pod: &Pod) -> Option<Hold> {
    let mut conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let scheduled = conditions.find(|one| one.type_ == "PodScheduled" && one.status == "False")?;
    let (reason, message) = (scheduled.reason.as_deref()?, scheduled.message.as_deref().unwrap_or_default());
    Some(hold("ContainerCreating", &format!("{reason}: {message}")))
}

fn ended(over: &ContainerStateTerminated, id: &str) -> Ended {
    Ended {
        exit_code: over.exit_code,
        reason: over.reason.clone().unwrap_or_else(|| "Error".into()),
        message: over.message.clone().unwrap_or_default(),
        started: over.started_at.as_ref().map(|time| time.0),
        finished: over.finished_at.as_ref().map(|time| time.0),
        id: id.to_owned(),
    }
}

/// Whether the pod failed there because that cluster took it away, in its own words. Clusters before 1.26 say it of evictions
/// only, and without a condition.
fn disruption(pod: &Pod) -> Option<Disruption> {
    let status = pod.status.as_ref().filter(|_| phase(pod) == "Failed")?;
    let mut conditions = status.conditions.iter().flatten();
    let told = conditions.find(|one| one.type_ == "DisruptionTarget" && one.status == "True");
    let reason = status.reason.clone().unwrap_or_default();
    if told.is_none() && reason != EVICTED {
        return None;
    }
    let message = status.message.clone().or_else(|| told?.message.clone()).unwrap_or_default();
    let by = told.and_then(|told| told.reason.clone()).unwrap_or_else(|| BY_KUBELET.to_owned());
    Some(Disruption { reason, message, by })
}

/// The pod was evicted, or its node is gone: the containers say nothing themselves, so what the pod says stands for them.
fn taken_away(pod: &Pod) -> Ended {
    let status = pod.status.as_ref();
    let conditions = status.iter().flat_map(|status| status.conditions.iter().flatten());
    let last = conditions.filter_map(|one| one.last_transition_time.as_ref()).map(|time| time.0).max();
    let said = status.iter().flat_map(|status| [&status.reason, &status.message]).flatten();
    Ended {
        exit_code: if phase(pod) == "Succeeded" { 0 } else { UNKNOWN_EXIT },
        reason: Ended::LOST.into(),
        message: said.map(String::as_str).collect::<Vec<_>>().join(": "),
        started: None,
        finished: Some(last.unwrap_or_else(|| created(pod))),
        id: String::new(),
    }
}

fn created(pod: &Pod) -> Timestamp {
    pod.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0)
}
