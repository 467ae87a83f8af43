//! What to do next with one pod: a pure function of the pod, its instance and the time.
//! All other modules either gather its input or carry out its answer.
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod};

use crate::{
    Capabilities, ContainerInstance, ContainerRun, Instance,
    records::{View, waits_again},
    refuse::{Refusal, refuse},
    refuse_volumes::refuse_volumes,
    restart::restart_at,
};

/// How long a failed pod that has a controller is kept.
const KEPT: SignedDuration = SignedDuration::from_mins(5);

/// What this node admits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) capabilities: Capabilities,
    pub(crate) require_pod_label: Option<String>,
    pub(crate) service_account_tokens: bool,
    /// Nothing is left out: a pod with a field that would be is not run.
    pub(crate) strict: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is being deleted: terminate, confirm, let the pod go.
    Remove,
    /// Its phase is final; look again at that time.
    Rest { wake_at: Option<Timestamp> },
    /// It failed a while ago and its controller has long made another: it goes.
    Discard,
    /// This node does not run it.
    Refuse(Refusal),
    /// `activeDeadlineSeconds` is over.
    Expire,
    /// The engine has lost the instance.
    Lose,
    /// These containers, by index among all (init containers first), start with these attempt numbers.
    Start(Vec<(usize, u32)>),
    /// Nothing to do but to tell; look again at that time.
    Report { wake_at: Option<Timestamp> },
}

pub(crate) fn decide(view: &View, rules: &Rules, now: Timestamp) -> Decision {
    let pod = &*view.pod;
    if pod.metadata.deletion_timestamp.is_some() {
        return Decision::Remove;
    }
    if is_final(pod) {
        return match discard_at(pod) {
            Some(at) if at <= now => Decision::Discard,
            wake_at => Decision::Rest { wake_at },
        };
    }
    if view.instance.is_none() {
        if let Some(refusal) = refuse(pod, rules) {
            return Decision::Refuse(refusal);
        }
        if view.lost && !rules.capabilities.recreates_lost {
            return Decision::Lose;
        }
        // Neither ended nor made again: the instance may run and only not be listed yet.
        if view.unseen && !rules.capabilities.recreates_lost {
            return Decision::Rest { wake_at: None };
        }
    }
    let deadline = deadline(pod);
    if deadline.is_some_and(|at| at <= now) {
        return Decision::Expire;
    }
    if let Some(failure) = view.failure.as_ref().filter(|failure| failure.retry_at > now) {
        return Decision::Report { wake_at: earlier(deadline, Some(failure.retry_at)) };
    }
    let (start, wake_at) = due_containers(view, rules, now);
    if start.is_empty() {
        return Decision::Report { wake_at: earlier(deadline, wake_at) };
    }
    files_taken_away(view, rules).map_or(Decision::Start(start), Decision::Refuse)
}

/// A pod that got its files with its containers, and asks for them no more: started anew, it would be without them.
fn files_taken_away(view: &View, rules: &Rules) -> Option<Refusal> {
    let starts_anew = view.instance.as_ref().is_some_and(|instance| instance.is_over());
    let spec = view.pod.spec.as_ref().filter(|_| starts_anew && !rules.capabilities.holds_files(&view.pod))?;
    refuse_volumes(&view.pod, spec, rules)
}

/// Succeeded and Failed are never left again.
pub(crate) fn is_final(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

pub(crate) fn restart_policy(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always")
}

/// How long a pod's containers get to end in order.
pub(crate) fn grace(pod: &Pod) -> Duration {
    let grace = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
    Duration::from_secs(grace.and_then(|grace| grace.try_into().ok()).unwrap_or(30))
}

pub(crate) fn containers(pod: &Pod) -> &[Container] {
    pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default()
}

pub(crate) fn init_containers(pod: &Pod) -> &[Container] {
    pod.spec.as_ref().and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default()
}

/// Init containers, then the pod's own.
pub(crate) fn all_containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    init_containers(pod).iter().chain(containers(pod))
}

fn deadline(pod: &Pod) -> Option<Timestamp> {
    let seconds = pod.spec.as_ref()?.active_deadline_seconds?;
    let start = pod.status.as_ref()?.start_time.as_ref()?.0;
    start.checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// When a failed pod of a controller goes: failed pods must not pile up. A Job counts and limits its own.
fn discard_at(pod: &Pod) -> Option<Timestamp> {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    let controller = owners.iter().find(|owner| owner.controller == Some(true))?;
    if phase(pod) != "Failed" || controller.kind == "Job" {
        return None;
    }
    let status = pod.status.as_ref()?;
    let ends = status.container_statuses.iter().flatten();
    let ends = ends.filter_map(|one| one.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref());
    let flips = status.conditions.iter().flatten().filter_map(|one| one.last_transition_time.as_ref());
    let end = ends.chain(flips).map(|time| time.0).max()?;
    end.checked_add(KEPT).ok()
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

fn due_containers(view: &View, rules: &Rules, now: Timestamp) -> (Vec<(usize, u32)>, Option<Timestamp>) {
    if rules.capabilities.whole_pods {
        return due_pod(view, now);
    }
    let init = init_containers(&view.pod);
    match initialized(&view.pod, view.instance.as_deref()) {
        Initialized::Yes => {}
        Initialized::Failed(_) => return (Vec::new(), None),
        Initialized::No(index) => {
            return match next_attempt(view, &init[index].name, init_policy(&view.pod)) {
                Next::Now(attempt) => (vec![(index, attempt)], None),
                Next::At(at, attempt) if at <= now => (vec![(index, attempt)], None),
                Next::At(at, _) => (Vec::new(), Some(at)),
                Next::Never => (Vec::new(), None),
            };
        }
    }
    let mut start = Vec::new();
    let mut wake_at = None;
    let policy = restart_policy(&view.pod);
    for (index, container) in containers(&view.pod).iter().enumerate() {
        match replacement(view, container).unwrap_or_else(|| next_attempt(view, &container.name, policy)) {
            Next::Now(attempt) => start.push((index, attempt)),
            Next::At(at, attempt) if at <= now => start.push((index, attempt)),
            Next::At(at, _) => wake_at = earlier(wake_at, Some(at)),
            Next::Never => {}
        }
    }
    if rules.capabilities.first_owns_network && start.first().is_some_and(|first| first.0 == 0) {
        restart_siblings(view.instance.as_deref(), &view.pod, &mut start);
    }
    (start.into_iter().map(|(index, attempt)| (init.len() + index, attempt)).collect(), wake_at)
}

/// How far the init containers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Initialized {
    Yes,
    /// This one, by index, runs or is next.
    No(usize),
    /// This one failed and is not tried again.
    Failed(usize),
}

/// Once one of the pod's own containers was made, initialization is over and never looked at again.
pub(crate) fn initialized(pod: &Pod, instance: Option<&Instance>) -> Initialized {
    let of = |container: &Container| instance.and_then(|instance| instance.container(&container.name));
    if containers(pod).iter().any(|container| of(container).is_some()) {
        return Initialized::Yes;
    }
    for (index, container) in init_containers(pod).iter().enumerate() {
        match of(container).map(|found| &found.run) {
            Some(ContainerRun::Ended(ended)) if ended.exit_code == 0 => {}
            Some(ContainerRun::Ended(_)) if restart_policy(pod) == "Never" => return Initialized::Failed(index),
            _ => return Initialized::No(index),
        }
    }
    Initialized::Yes
}

/// An init container that has done its work is not started again, whatever the pod's policy.
pub(crate) fn init_policy(pod: &Pod) -> &str {
    match restart_policy(pod) {
        "Always" => "OnFailure",
        other => other,
    }
}

/// All containers of a pod that the engine takes whole, or none. What has ended there has ended for good; if the pod's
/// policy wants more, the engine has lost the pod (an eviction), and it starts anew.
fn due_pod(view: &View, now: Timestamp) -> (Vec<(usize, u32)>, Option<Timestamp>) {
    let attempt =
        |container: &Container| match view.instance.as_ref().and_then(|found| found.container(&container.name)) {
            Some(found) => found.attempt + 1,
            None => recorded_restarts(&view.pod, &container.name),
        };
    let everything = || all_containers(&view.pod).map(attempt).enumerate().collect();
    if view.instance.is_none() {
        return (everything(), None);
    }
    let next = containers(&view.pod).iter().filter_map(|container| {
        match next_attempt(view, &container.name, restart_policy(&view.pod)) {
            Next::At(at, _) => Some(at),
            Next::Now(_) | Next::Never => None,
        }
    });
    match next.min() {
        Some(at) if at <= now => (everything(), None),
        wake_at => (Vec::new(), wake_at),
    }
}

enum Next {
    Now(u32),
    At(Timestamp, u32),
    Never,
}

/// A container that runs with another image than its pod asks for now starts anew, whatever the pod's policy.
fn replacement(view: &View, container: &Container) -> Option<Next> {
    let instance = view.instance.as_ref().filter(|instance| runs_other_image(&view.pod, instance, container))?;
    instance.container(&container.name).map(|found| Next::Now(found.attempt + 1))
}

/// Whether a container runs with another image than its pod asks for now, as far as the pod's status tells.
pub(crate) fn runs_other_image(pod: &Pod, instance: &Instance, container: &Container) -> bool {
    let found = instance.container(&container.name);
    let Some(found) = found.filter(|found| matches!(found.run, ContainerRun::Running { .. })) else { return false };
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let mut shown = statuses.filter(|status| status.name == container.name && is_of(status, found));
    shown.any(|status| !status.image.is_empty() && Some(&status.image) != container.image.as_ref())
}

/// Whether a status shows this very attempt, and so the image with which it was started.
pub(crate) fn is_of(status: &ContainerStatus, found: &ContainerInstance) -> bool {
    let is_attempt = u32::try_from(status.restart_count).is_ok_and(|count| count == found.attempt);
    is_attempt && status.container_id.as_ref() == Some(&found.id)
}

fn next_attempt(view: &View, name: &str, policy: &str) -> Next {
    let Some(container) = view.instance.as_ref().and_then(|instance| instance.container(name)) else {
        return Next::Now(recorded_restarts(&view.pod, name));
    };
    match &container.run {
        ContainerRun::Created => Next::Now(container.attempt),
        ContainerRun::Running { .. } => Next::Never,
        ContainerRun::Ended(ended) => {
            let calm = view.calm.get(name).copied();
            let at = restart_at(policy, ended, container.attempt, calm);
            at.map_or(Next::Never, |at| Next::At(at, container.attempt + 1))
        }
    }
}

/// The first container starts anew, so those that live in its network must too.
fn restart_siblings(instance: Option<&Instance>, pod: &Pod, start: &mut Vec<(usize, u32)>) {
    for (index, container) in containers(pod).iter().enumerate().skip(1) {
        let running = instance
            .and_then(|instance| instance.container(&container.name))
            .filter(|other| matches!(other.run, ContainerRun::Running { .. }));
        if let Some(other) = running
            && !start.iter().any(|(started, _)| *started == index)
        {
            start.push((index, other.attempt + 1));
        }
    }
}

/// The attempt with which a container starts that the engine does not show: that of the pod's status, or the one after it if
/// that has ended and an earlier process gave back what ran it.
fn recorded_restarts(pod: &Pod, name: &str) -> u32 {
    let lists = pod.status.iter().flat_map(|status| [&status.init_container_statuses, &status.container_statuses]);
    let Some(status) = lists.flatten().flatten().find(|status| status.name == name) else { return 0 };
    u32::try_from(status.restart_count).unwrap_or(0) + u32::from(waits_again(status))
}

#[cfg(test)]
mod tests;
