//! The status Kubernetes is shown for a pod: a pure function of the pod, its instance and why it waits.
//! What did not change is taken over unchanged, so that an equal status is equal and is not written.
use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{
        Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
        ContainerStatus, HostIP, Pod, PodIP, PodStatus,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};

use crate::{
    ContainerInstance, ContainerRun, Ended, Instance,
    decide::{Initialized, containers, init_containers, init_policy, initialized, is_of, phase, restart_policy},
    probes::{Probes, shown},
    restart::{CalmAttempts, pause, restart_at},
};

mod conditions;
mod final_status;

pub(crate) use final_status::{End, final_status};

use conditions::{Readiness, set_condition, set_conditions};

/// Bytes that the termination messages of one pod have together, as in Kubernetes.
const MESSAGES: usize = 12 << 10;

/// Why containers that do not exist yet are waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// All that a status depends on.
pub(crate) struct Situation<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) instance: Option<&'a Instance>,
    pub(crate) waiting: Option<&'a Waiting>,
    pub(crate) calm: &'a CalmAttempts,
    pub(crate) probes: &'a Probes,
    /// Probes are run here; otherwise what runs is ready.
    pub(crate) probed: bool,
    pub(crate) host_ip: &'a str,
    pub(crate) now: Timestamp,
}

/// The status of a pod that is not over yet, or whose containers have all come to their own end.
pub(crate) fn status(situation: &Situation) -> PodStatus {
    let mut status = base(situation.pod, situation.host_ip, situation.now);
    let old_init = std::mem::take(&mut status.init_container_statuses).unwrap_or_default();
    let old = std::mem::take(&mut status.container_statuses).unwrap_or_default();
    let known = |name: &str| old_init.iter().chain(&old).find(|one| one.name == name);
    let init: Vec<_> = init_containers(situation.pod)
        .iter()
        .map(|container| init_status(situation, container, known(&container.name)))
        .collect();
    let statuses: Vec<ContainerStatus> = containers(situation.pod)
        .iter()
        .map(|container| container_status(situation, container, known(&container.name), restart_policy(situation.pod)))
        .collect();
    status.phase = Some(phase_of(situation, &statuses).to_owned());
    if let Some(ip) = situation.instance.and_then(|instance| instance.pod_ip.clone()) {
        set_pod_ip(&mut status, ip);
    }
    set_conditions(&mut status, situation.pod, &readiness(situation, &init, &statuses), situation.now);
    if status.phase.as_deref() == Some("Failed") {
        show_disruption(&mut status, situation, &statuses);
    }
    status.container_statuses = Some(statuses);
    status.init_container_statuses = Some(init).filter(|all| !all.is_empty());
    shorten_messages(&mut status);
    status
}

/// Not the work's own fault: what a Job's podFailurePolicy can ignore.
fn show_disruption(status: &mut PodStatus, situation: &Situation, statuses: &[ContainerStatus]) {
    let told = situation.instance.and_then(|instance| instance.disruption.as_ref());
    let why = match told {
        Some(told) => {
            status.reason = Some(told.reason.clone()).filter(|reason| !reason.is_empty());
            status.message = Some(told.message.clone()).filter(|message| !message.is_empty());
            (told.by.as_str(), told.message.clone())
        }
        None if statuses.iter().any(was_taken_away) => {
            ("InstanceLost", "The engine ended the instance of this pod, and nobody saw how".to_owned())
        }
        None => return,
    };
    set_condition(status, situation.pod, "DisruptionTarget", true, Some(why), situation.now);
}

/// Each container of a pod has an equal part of what there is for messages.
fn shorten_messages(status: &mut PodStatus) {
    let lists = [&mut status.init_container_statuses, &mut status.container_statuses];
    let mut all: Vec<&mut ContainerStatus> = lists.into_iter().flatten().flatten().collect();
    let most = MESSAGES / all.len().max(1);
    let states = all.iter_mut().flat_map(|one| [&mut one.state, &mut one.last_state]).flatten();
    for message in states.filter_map(|state| state.terminated.as_mut()?.message.as_mut()) {
        let end = (0..=most.min(message.len())).rev().find(|at| message.is_char_boundary(*at));
        message.truncate(end.unwrap_or(0));
    }
}

/// The old status with what this node always says.
fn base(pod: &Pod, host_ip: &str, now: Timestamp) -> PodStatus {
    let mut status = pod.status.clone().unwrap_or_default();
    status.start_time.get_or_insert_with(|| seconds(now));
    status.host_ip = Some(host_ip.to_owned());
    status.host_ips = Some(vec![HostIP { ip: host_ip.to_owned() }]);
    status.observed_generation = pod.metadata.generation;
    status
}

fn set_pod_ip(status: &mut PodStatus, ip: String) {
    status.pod_ips = Some(vec![PodIP { ip: ip.clone() }]);
    status.pod_ip = Some(ip);
}

fn readiness(situation: &Situation, init: &[ContainerStatus], statuses: &[ContainerStatus]) -> Readiness {
    let names = |wanted: bool| {
        let chosen = statuses.iter().filter(move |status| status.ready == wanted);
        chosen.map(|status| status.name.clone()).collect::<Vec<_>>()
    };
    let over = matches!(situation.pod.status.as_ref().and_then(|old| old.phase.as_deref()), Some("Succeeded"));
    let done = statuses.iter().all(is_completed);
    let phase = phase_of(situation, statuses);
    Readiness {
        sandbox: phase != "Failed" && situation.instance.is_some_and(|instance| !instance.containers.is_empty()),
        unready: names(false),
        uninitialized: init.iter().filter(|one| !one.ready).map(|one| one.name.clone()).collect(),
        deleting: situation.pod.metadata.deletion_timestamp.is_some(),
        completed: over || done && phase == "Succeeded",
    }
}

fn end_of(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    status.state.as_ref()?.terminated.as_ref()
}

fn is_completed(status: &ContainerStatus) -> bool {
    end_of(status).is_some_and(|end| end.exit_code == 0)
}

fn was_taken_away(status: &ContainerStatus) -> bool {
    end_of(status).is_some_and(|end| end.reason.as_deref() == Some(Ended::LOST))
}

fn phase_of(situation: &Situation, statuses: &[ContainerStatus]) -> &'static str {
    let instance = situation.instance;
    match initialized(situation.pod, instance) {
        Initialized::Yes => {}
        Initialized::Failed(_) => return "Failed",
        Initialized::No(_) => return if phase(situation.pod) == "Running" { "Running" } else { "Pending" },
    }
    let of = |status: &ContainerStatus| instance.and_then(|instance| instance.container(&status.name));
    let made = statuses.iter().all(|status| of(status).is_some_and(|one| !matches!(one.run, ContainerRun::Created)));
    if !made {
        // A pod that ran before keeps its phase while its instance is made again.
        return if phase(situation.pod) == "Running" { "Running" } else { "Pending" };
    }
    let ends: Vec<_> = statuses.iter().filter_map(|status| ended(of(status)?)).collect();
    let all_over = ends.len() == statuses.len()
        && statuses.iter().all(|status| {
            of(status).is_some_and(|one| restart(situation, one, restart_policy(situation.pod)).is_none())
        });
    let taken_away = instance.is_some_and(|instance| instance.disruption.is_some());
    match all_over {
        true if ends.iter().all(|end| end.exit_code == 0) && !taken_away => "Succeeded",
        true => "Failed",
        false => "Running",
    }
}

fn ended(container: &ContainerInstance) -> Option<&Ended> {
    match &container.run {
        ContainerRun::Ended(ended) => Some(ended),
        _ => None,
    }
}

/// When this ended container starts again, if it does.
fn restart(situation: &Situation, container: &ContainerInstance, policy: &str) -> Option<Timestamp> {
    if situation.pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let calm = situation.calm.get(&container.name).copied();
    restart_at(policy, ended(container)?, container.attempt, calm)
}

/// An init container is ready once it has done its work.
fn init_status(situation: &Situation, container: &Container, old: Option<&ContainerStatus>) -> ContainerStatus {
    let mut status = container_status(situation, container, old, init_policy(situation.pod));
    status.ready = is_completed(&status);
    status
}

fn container_status(
    situation: &Situation,
    container: &Container,
    old: Option<&ContainerStatus>,
    policy: &str,
) -> ContainerStatus {
    let mut status = ContainerStatus {
        name: container.name.clone(),
        image: container.image.clone().unwrap_or_default(),
        last_state: old.and_then(|old| old.last_state.clone()),
        restart_count: old.map_or(0, |old| old.restart_count),
        started: Some(false),
        ..ContainerStatus::default()
    };
    let Some(found) = situation.instance.and_then(|instance| instance.container(&container.name)) else {
        status.state = Some(not_made(situation, &container.name));
        return status;
    };
    // The pod may ask for another by now.
    if let Some(old) = old.filter(|old| !old.image.is_empty() && is_of(old, found)) {
        status.image.clone_from(&old.image);
    }
    status.container_id = Some(found.id.clone());
    status.image_id.clone_from(&found.image_id);
    status.restart_count = i32::try_from(found.attempt).unwrap_or(i32::MAX);
    let previous = found.previous.as_ref().map(terminated_state);
    if let Some(end) = previous.or_else(|| end_before(old?, found)) {
        status.last_state = Some(end);
    }
    match &found.run {
        ContainerRun::Created => {
            let held =
                found.hold.as_ref().map(|hold| Waiting { reason: hold.reason.clone(), message: hold.message.clone() });
            status.state = Some(waiting_state(situation.waiting.or(held.as_ref())));
        }
        ContainerRun::Running { started } => {
            let running = ContainerStateRunning { started_at: Some(seconds(*started)) };
            status.state = Some(ContainerState { running: Some(running), ..ContainerState::default() });
            let (started, ready) = shown(situation.probes, container, found.attempt, situation.probed);
            status.ready = ready && found.hold.is_none() && situation.pod.metadata.deletion_timestamp.is_none();
            status.started = Some(started);
        }
        ContainerRun::Ended(ended) => ended_status(situation, found, (ended, policy), &mut status),
    }
    status
}

/// The end that the status has shown until now, if another attempt has taken its place: an engine need not remember it.
fn end_before(old: &ContainerStatus, found: &ContainerInstance) -> Option<ContainerState> {
    let is_newer = i32::try_from(found.attempt).is_ok_and(|attempt| attempt > old.restart_count);
    old.state.clone().filter(|state| is_newer && state.terminated.is_some())
}

/// A container that does not exist: it waits for the init containers, or for what keeps it from being made.
fn not_made(situation: &Situation, name: &str) -> ContainerState {
    let next = match initialized(situation.pod, situation.instance) {
        Initialized::Yes => return waiting_state(situation.waiting),
        Initialized::No(index) | Initialized::Failed(index) => init_containers(situation.pod).get(index),
    };
    if next.is_some_and(|next| next.name == name) || situation.instance.is_none() && situation.waiting.is_some() {
        return waiting_state(situation.waiting);
    }
    waiting_state(Some(&Waiting { reason: "PodInitializing".into(), message: String::new() }))
}

fn ended_status(
    situation: &Situation,
    container: &ContainerInstance,
    (ended, policy): (&Ended, &str),
    status: &mut ContainerStatus,
) {
    match restart(situation, container, policy) {
        // Also one that is due, if something keeps it from being made.
        Some(at) if at > situation.now || situation.waiting.is_some() => {
            status.last_state = Some(terminated_state(ended));
            let waiting = situation.waiting.cloned().unwrap_or_else(|| crash_loop(container, situation.pod, at, ended));
            status.state = Some(waiting_state(Some(&waiting)));
        }
        _ => status.state = Some(terminated_state(ended)),
    }
}

fn crash_loop(container: &ContainerInstance, pod: &Pod, at: Timestamp, ended: &Ended) -> Waiting {
    let shortest = pause(1).as_secs();
    let wait = ended.finished.map_or(shortest, |finished| at.duration_since(finished).as_secs());
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    let message = format!("back-off {wait}s restarting failed container={} pod={pod_name}", container.name);
    Waiting { reason: "CrashLoopBackOff".into(), message }
}

fn waiting_state(waiting: Option<&Waiting>) -> ContainerState {
    let reason = waiting.map_or("ContainerCreating", |waiting| waiting.reason.as_str());
    let message = waiting.map(|waiting| waiting.message.clone()).filter(|message| !message.is_empty());
    let state = ContainerStateWaiting { reason: Some(reason.to_owned()), message };
    ContainerState { waiting: Some(state), ..ContainerState::default() }
}

fn terminated_state(ended: &Ended) -> ContainerState {
    let terminated = ContainerStateTerminated {
        container_id: Some(ended.id.clone()).filter(|id| !id.is_empty()),
        exit_code: ended.exit_code,
        finished_at: ended.finished.map(seconds),
        message: Some(ended.message.clone()).filter(|message| !message.is_empty()),
        reason: Some(ended.reason.clone()),
        signal: None,
        started_at: ended.started.map(seconds),
    };
    ContainerState { terminated: Some(terminated), ..ContainerState::default() }
}

/// The API keeps whole seconds; a fraction would make every status differ from the one just written.
pub(crate) fn seconds(time: Timestamp) -> Time {
    Time(Timestamp::from_second(time.as_second()).unwrap_or(time))
}

#[cfg(test)]
mod tests;
