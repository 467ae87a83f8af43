//! What an operator reads off a node.

use super::*;

fn ready(status: &str) -> NodeCondition {
    let heartbeat = Some(Timestamp::UNIX_EPOCH);
    NodeCondition { name: "Ready".into(), status: status.into(), reason: "Why".into(), heartbeat, ..Default::default() }
}

fn pod(name: &str, price: &str, phase: &str) -> NodePod {
    let taken = [("nvidia.com/gpu".to_owned(), 1000), ("cpu".to_owned(), 500), ("pods".to_owned(), 1000)];
    NodePod {
        namespace: "team".into(),
        name: name.into(),
        phase: phase.into(),
        price: Some(price.into()),
        taken: if phase == "Running" { taken.into() } else { Amounts::new() },
        ..NodePod::default()
    }
}

fn node() -> NodeState {
    let labels = [(ENGINE_LABEL, "east"), (TYPE_LABEL, VIRTUAL), ("nvidia.com/gpu.product", "H100")];
    let room =
        [("cpu", 64_000), ("memory", 8_000), ("nvidia.com/gpu", 16_000), ("ephemeral-storage", 1), ("pods", 9_000)];
    NodeState {
        name: "east-h100".into(),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        allocatable: room.map(|(name, amount)| (name.to_owned(), amount)).into(),
        conditions: vec![ready("True")],
        pods: vec![pod("b", "3.29 EUR", "Running"), pod("a", "3.29 EUR", "Running"), pod("old", "9 EUR", "Succeeded")],
        ..NodeState::default()
    }
}

#[test]
fn what_runs_is_counted_and_what_ended_is_not() {
    let NodeDetail { node, pods } = node().detail();
    assert_eq!((node.engine.as_str(), node.gpu_model.as_deref(), node.pods), ("east", Some("H100"), 2));
    assert_eq!(node.price_per_hour.iter().map(|sum| sum.amount.as_str()).collect::<Vec<_>>(), ["6.58"]);
    let resources: Vec<_> = node.resources.iter().map(|r| (r.name.as_str(), r.used, r.total)).collect();
    assert_eq!(resources, [("nvidia.com/gpu", 2, 16), ("cpu", 1000, 64_000), ("memory", 0, 8), ("pods", 2, 9)]);
    assert_eq!(pods.iter().map(|pod| pod.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(node.last_contact_at.as_deref(), Some("1970-01-01T00:00:00Z"));
}

#[test]
fn prices_of_two_currencies_are_never_summed() {
    let mut node = node();
    node.pods.push(pod("c", "1 USD", "Running"));
    let sums: Vec<_> = node.view().price_per_hour.into_iter().map(|sum| sum.amount + " " + &sum.currency).collect();
    assert_eq!(sums, ["6.58 EUR", "1.00 USD"]);
}

#[test]
fn a_node_says_what_is_wrong_with_it() {
    let mut node = node();
    assert_eq!((node.status(), node.view().troubles.len()), (NodeStatus::Ready, 0));
    node.taints = vec![Taint { key: CLOSED_TAINT.into(), value: String::new(), effect: "NoSchedule".into() }];
    assert_eq!(
        (node.status(), node.view().cordoned),
        (NodeStatus::Cordoned, false),
        "by its engine, not by an operator"
    );
    (node.cordoned, node.taints) = (true, Vec::new());
    assert_eq!(node.status(), NodeStatus::Cordoned);
    node.taints = vec![Taint { key: DRAIN_TAINT.into(), value: String::new(), effect: "NoExecute".into() }];
    assert_eq!(node.status(), NodeStatus::Draining);
    assert_eq!(node.view().taints, ["remotegpu.ai/drain:NoExecute"]);
    let disk = NodeCondition { name: "DiskPressure".into(), status: "True".into(), ..ready("True") };
    node.conditions = vec![ready("Unknown"), disk];
    assert_eq!(node.status(), NodeStatus::NotReady);
    let names: Vec<_> = node.view().troubles.into_iter().map(|trouble| trouble.name).collect();
    assert_eq!(names, ["Ready", "DiskPressure"]);
}

#[test]
fn the_kind_of_an_engine_is_read_off_what_its_node_runs() {
    let kind = |runtime: &str| NodeState { runtime: runtime.into(), ..node() }.engine_kind().to_owned();
    assert_eq!(["docker://4.9.3", "runpod://v2", "", "odd"].map(kind), ["docker", "runpod", "", ""]);
}
