//! What a node has and what a pod asks of it, in the terms of `domain::capacity`: as the scheduler counts.

use std::collections::BTreeMap;

use domain::capacity::{Amounts, CLOSED_TAINT, NodeRoom, Taint};
use domain::quantity::parse_milli;
use k8s_openapi::api::core::v1::{Container, Node, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

type Quantities = BTreeMap<String, Quantity>;

/// A node with nothing taken.
pub(crate) fn room(node: &Node) -> NodeRoom {
    let spec = node.spec.as_ref();
    let status = node.status.as_ref();
    let taint = |taint: &k8s_openapi::api::core::v1::Taint| Taint {
        key: taint.key.clone(),
        value: taint.value.clone().unwrap_or_default(),
        effect: taint.effect.clone(),
    };
    let ready = status
        .and_then(|status| status.conditions.as_ref())
        .is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"));
    let cordoned = spec.and_then(|spec| spec.unschedulable).unwrap_or(false);
    let taints: Vec<Taint> = spec.and_then(|spec| spec.taints.as_ref()).into_iter().flatten().map(taint).collect();
    let closed = cordoned || taints.iter().any(|taint| taint.key == CLOSED_TAINT);
    NodeRoom {
        labels: node.metadata.labels.clone().unwrap_or_default(),
        taints,
        open: ready && !closed && node.metadata.deletion_timestamp.is_none(),
        allocatable: amounts(status.and_then(|status| status.allocatable.as_ref())),
        used: Amounts::new(),
    }
}

/// What a pod takes of its node, its place among the pods included; nothing once it has ended.
pub(crate) fn taken(pod: &Pod) -> Amounts {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let (Some(spec), false) = (&pod.spec, matches!(phase, Some("Succeeded" | "Failed"))) else {
        return Amounts::new();
    };
    let (mut total, mut sidecars, mut highest_init) = (Amounts::new(), Amounts::new(), Amounts::new());
    for container in &spec.containers {
        add(&mut total, &asked(container));
    }
    for container in spec.init_containers.iter().flatten() {
        if container.restart_policy.as_deref() == Some("Always") {
            add(&mut sidecars, &asked(container));
        } else {
            let mut with_sidecars = sidecars.clone();
            add(&mut with_sidecars, &asked(container));
            raise(&mut highest_init, &with_sidecars);
        }
    }
    add(&mut total, &sidecars);
    raise(&mut total, &highest_init);
    let whole_pod = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    total.extend(amounts(whole_pod));
    add(&mut total, &amounts(spec.overhead.as_ref()));
    total.insert("pods".to_owned(), 1000);
    total
}

/// Adds `more` to `total`.
pub(crate) fn add(total: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        *total.entry(name.clone()).or_default() += amount;
    }
}

fn raise(total: &mut Amounts, at_least: &Amounts) {
    for (name, amount) in at_least {
        let have = total.entry(name.clone()).or_default();
        *have = (*have).max(*amount);
    }
}

fn asked(container: &Container) -> Amounts {
    amounts(container.resources.as_ref().and_then(|resources| resources.requests.as_ref()))
}

fn amounts(quantities: Option<&Quantities>) -> Amounts {
    let read = |(name, quantity): (&String, &Quantity)| Some((name.clone(), parse_milli(&quantity.0).ok()?));
    quantities.into_iter().flatten().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cpu_of(spec: serde_json::Value, phase: &str) -> Option<i128> {
        let pod: Pod =
            serde_json::from_value(json!({"metadata": {}, "spec": spec, "status": {"phase": phase}})).unwrap();
        taken(&pod).get("cpu").copied()
    }

    fn container(cpu: &str) -> serde_json::Value {
        json!({"name": "c", "resources": {"requests": {"cpu": cpu}}})
    }

    #[test]
    fn the_larger_of_start_up_and_running_counts() {
        let mut sidecar = container("1");
        sidecar["restartPolicy"] = json!("Always");
        let pod = |init: &str| json!({"containers": [container("2")], "initContainers": [sidecar, container(init)]});
        assert_eq!(cpu_of(pod("1"), "Running"), Some(3000));
        assert_eq!(cpu_of(pod("4"), "Pending"), Some(5000));
    }

    #[test]
    fn an_ended_pod_takes_nothing() {
        assert_eq!(cpu_of(json!({"containers": [container("2")]}), "Succeeded"), None);
    }
}
