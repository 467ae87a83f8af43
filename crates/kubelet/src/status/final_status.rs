//! The last status of a pod whose end was not its own: deleted, past its deadline, or lost by the engine.
//! Exit codes are those the engine saw; where it saw none, 137 with a reason says so.
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, ContainerState, ContainerStatus, Pod, PodStatus};

use super::{
    base,
    conditions::{Readiness, set_condition, set_conditions},
    ended, shorten_messages, terminated_state,
};
use crate::{
    ContainerInstance, ContainerRun, Ended, Instance,
    decide::{containers, init_containers},
};

/// Exit code of a process that was killed, used where the true one is unknown.
const KILLED: i32 = 137;

/// Why a pod is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Deleted,
    DeadlineExceeded,
    InstanceLost,
}

pub(crate) fn final_status(pod: &Pod, last: Option<&Instance>, end: End, host_ip: &str, now: Timestamp) -> PodStatus {
    let mut status = base(pod, host_ip, now);
    let old_init = std::mem::take(&mut status.init_container_statuses).unwrap_or_default();
    let old = std::mem::take(&mut status.container_statuses).unwrap_or_default();
    let at_end = |all: &[Container], old: &[ContainerStatus]| -> Vec<ContainerStatus> {
        let known = |name: &str| old.iter().find(|one| one.name == name);
        let last = |name: &str| last.and_then(|instance| instance.container(name));
        all.iter().filter_map(|one| over(known(&one.name)?, last(&one.name), end, now)).collect()
    };
    let init = at_end(init_containers(pod), &old_init);
    let statuses = at_end(containers(pod), &old);
    status.phase = Some(phase_at_end(pod, &statuses, end).to_owned());
    match end {
        End::Deleted => {}
        End::DeadlineExceeded => {
            status.reason = Some("DeadlineExceeded".into());
            status.message = Some("Pod was active on the node longer than the specified deadline".into());
        }
        End::InstanceLost => {
            status.reason = Some("InstanceLost".into());
            status.message = Some("The engine no longer has the instance of this pod".into());
        }
    }
    let unready = statuses.iter().map(|one| one.name.clone()).collect();
    let completed = status.phase.as_deref() == Some("Succeeded");
    let uninitialized = init.iter().filter(|one| !super::is_completed(one)).map(|one| one.name.clone()).collect();
    let readiness = Readiness { sandbox: false, unready, uninitialized, deleting: true, completed };
    set_conditions(&mut status, pod, &readiness, now);
    if end == End::InstanceLost {
        let why = ("InstanceLost", "The engine no longer has the instance of this pod".to_owned());
        set_condition(&mut status, pod, "DisruptionTarget", true, Some(why), now);
    }
    status.container_statuses = Some(statuses).filter(|all| !all.is_empty());
    status.init_container_statuses = Some(init).filter(|all| !all.is_empty());
    shorten_messages(&mut status);
    status
}

fn phase_at_end(pod: &Pod, statuses: &[ContainerStatus], end: End) -> &'static str {
    match crate::decide::phase(pod) {
        "Succeeded" => return "Succeeded",
        "Failed" => return "Failed",
        _ => {}
    }
    let all_clean = !statuses.is_empty() && statuses.iter().all(super::is_completed);
    if end == End::Deleted && all_clean { "Succeeded" } else { "Failed" }
}

/// A container that is over: its own end if it had one, else that of the engine, else killed.
fn over(old: &ContainerStatus, last: Option<&ContainerInstance>, end: End, now: Timestamp) -> Option<ContainerStatus> {
    let mut status = old.clone();
    status.ready = false;
    status.started = Some(false);
    let state = old.state.as_ref();
    let never_ran = status.container_id.is_none();
    if never_ran || state.is_some_and(|state| state.terminated.is_some()) {
        return Some(status);
    }
    status.state = Some(match last.and_then(ended) {
        Some(ended) => terminated_state(ended),
        None => killed(old, last, end, now),
    });
    Some(status)
}

fn killed(old: &ContainerStatus, last: Option<&ContainerInstance>, end: End, now: Timestamp) -> ContainerState {
    let started = match last.map(|last| &last.run) {
        Some(ContainerRun::Running { started }) => Some(*started),
        _ => old.state.as_ref().and_then(|state| state.running.as_ref()?.started_at.as_ref()).map(|time| time.0),
    };
    terminated_state(&Ended {
        exit_code: KILLED,
        reason: if end == End::InstanceLost { Ended::LOST } else { "Terminated" }.into(),
        message: String::new(),
        started,
        finished: Some(now),
        id: old.container_id.clone().unwrap_or_default(),
    })
}
