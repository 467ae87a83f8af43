//! The conditions of a pod.
//! `lastTransitionTime` moves only when a condition's status flips; conditions of other writers are left alone.
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition, PodStatus};

use super::seconds;

/// What the conditions are made of.
pub(super) struct Readiness {
    /// The engine has made the pod's surroundings.
    pub(super) sandbox: bool,
    /// Containers that are not ready.
    pub(super) unready: Vec<String>,
    /// Init containers that have not done their work.
    pub(super) uninitialized: Vec<String>,
    pub(super) deleting: bool,
    pub(super) completed: bool,
}

pub(super) fn set_conditions(status: &mut PodStatus, pod: &Pod, readiness: &Readiness, now: Timestamp) {
    let completed = readiness.completed.then_some(("PodCompleted", String::new()));
    let containers = match &completed {
        Some(why) => Some(why.clone()),
        None if readiness.unready.is_empty() => None,
        None => {
            let names = readiness.unready.join(" ");
            Some(("ContainersNotReady", format!("containers with unready status: [{names}]")))
        }
    };
    let ready = containers
        .clone()
        .or_else(|| unmet_gate(status, pod))
        .or_else(|| readiness.deleting.then(|| ("ContainersNotReady", "the pod is being deleted".to_owned())));
    let mut set = |type_: &str, why: Option<(&str, String)>, truth: bool| {
        set_condition(status, pod, type_, truth, why, now);
    };
    set("PodReadyToStartContainers", None, readiness.sandbox && !readiness.completed);
    if readiness.uninitialized.is_empty() {
        set("Initialized", completed, true);
    } else {
        let names = readiness.uninitialized.join(" ");
        let why = ("ContainersNotInitialized", format!("containers with incomplete status: [{names}]"));
        set("Initialized", Some(why), false);
    }
    let truth = ready.is_none();
    set("Ready", ready, truth);
    let truth = containers.is_none();
    set("ContainersReady", containers, truth);
    set_scheduled(status, pod, now);
}

/// The scheduler writes `PodScheduled`; a pod bound by hand has none.
fn set_scheduled(status: &mut PodStatus, pod: &Pod, now: Timestamp) {
    let known = status.conditions.iter().flatten().any(|one| one.type_ == "PodScheduled" && one.status == "True");
    if !known {
        set_condition(status, pod, "PodScheduled", true, None, now);
    }
}

fn unmet_gate(status: &PodStatus, pod: &Pod) -> Option<(&'static str, String)> {
    let gates = pod.spec.as_ref()?.readiness_gates.as_deref()?;
    let met = |gate: &str| status.conditions.iter().flatten().any(|one| one.type_ == gate && one.status == "True");
    let unmet = gates.iter().find(|gate| !met(&gate.condition_type))?;
    Some((
        "ReadinessGatesNotReady",
        format!("corresponding condition of pod readiness gate \"{}\" is not True", unmet.condition_type),
    ))
}

pub(super) fn set_condition(
    status: &mut PodStatus,
    pod: &Pod,
    type_: &str,
    truth: bool,
    why: Option<(&str, String)>,
    now: Timestamp,
) {
    let conditions = status.conditions.get_or_insert_default();
    let value = if truth { "True" } else { "False" };
    let known = conditions.iter().position(|one| one.type_ == type_);
    let unchanged = known.map(|at| &conditions[at]).filter(|one| one.status == value);
    let (reason, message) = why.unzip();
    let condition = PodCondition {
        last_probe_time: None,
        last_transition_time: unchanged.map_or(Some(seconds(now)), |one| one.last_transition_time.clone()),
        message: message.filter(|text| !text.is_empty()),
        observed_generation: pod.metadata.generation,
        reason: reason.map(ToOwned::to_owned),
        status: value.to_owned(),
        type_: type_.to_owned(),
    };
    match known {
        Some(at) => conditions[at] = condition,
        None => conditions.push(condition),
    }
}
