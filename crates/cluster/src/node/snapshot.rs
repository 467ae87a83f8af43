//! Nodes with their pods, put together once for everybody who asks or listens: in a cluster of many pods each look would
//! otherwise copy them all.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::node::{NodePod, NodeState};
use tokio::time::Instant;

use crate::views::Views;
use crate::watch::changes::lock;
use crate::workload::state::PodRow;

/// What was put together last.
#[derive(Default)]
pub(crate) struct Snapshot {
    version: AtomicU64,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    version: u64,
    begun: Instant,
    nodes: Arc<Vec<NodeState>>,
}

// === impl Snapshot ===

impl Snapshot {
    /// Something differs now; the tables know it already.
    pub fn outdate(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }
}

/// Every virtual node with its pods, by name; none until the first lists are complete. What happened in the last `lag` may
/// be missing.
pub(super) fn all(views: &Views, lag: Duration) -> Option<Arc<Vec<NodeState>>> {
    // Whoever asks meanwhile waits, and gets the same.
    let mut kept = lock(&views.snapshot.kept);
    let version = views.snapshot.version.load(Ordering::Acquire);
    let good = |kept: &&Kept| kept.version == version || kept.begun.elapsed() < lag;
    if let Some(known) = kept.as_ref().filter(good) {
        return Some(known.nodes.clone());
    }
    let begun = Instant::now();
    let found = views.fleet.all()?.into_iter().filter(|(_, node)| NodeState::is_virtual(&node.labels));
    let nodes = with_pods(views, found.map(|(name, node)| (name, (*node).clone())).collect())?;
    let nodes: Arc<Vec<NodeState>> = Arc::new(nodes.into_values().collect());
    *kept = Some(Kept { version, begun, nodes: nodes.clone() });
    Some(nodes)
}

/// One virtual node with its pods, if there is one of this name; none until the first lists are complete.
pub(super) fn one(views: &Views, name: &str) -> Option<Option<NodeState>> {
    if !views.fleet.known() {
        return None;
    }
    let found = views.fleet.get("", name).filter(|node| NodeState::is_virtual(&node.labels));
    let found = found.map(|node| (name.to_owned(), (*node).clone()));
    Some(with_pods(views, found.into_iter().collect())?.into_values().next())
}

/// Gives `nodes` their pods; only those are copied.
fn with_pods(views: &Views, mut nodes: BTreeMap<String, NodeState>) -> Option<BTreeMap<String, NodeState>> {
    if !views.pods.known() {
        return None;
    }
    views.pods.each(|namespace, row| {
        let node = row.state.node.as_deref().and_then(|name| nodes.get_mut(name));
        if let Some(node) = node {
            node.pods.push(pod(namespace, row));
        }
    });
    Some(nodes)
}

fn pod(namespace: &str, row: &PodRow) -> NodePod {
    NodePod {
        namespace: namespace.to_owned(),
        name: row.state.name.clone(),
        phase: row.state.phase.clone(),
        reason: row.state.reason.clone().unwrap_or_default(),
        deleting: row.state.deleting,
        sku_code: row.state.sku_code.clone(),
        price: row.state.price.clone(),
        instance: row.instance.clone(),
        cost: row.cost.clone(),
        created_at: row.state.created_at,
        taken: row.taken.clone(),
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use k8s_openapi::api::core::v1::{Node, Pod};
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;

    const NOW: Duration = Duration::ZERO;
    const LATER: Duration = Duration::from_secs(3600);

    fn node(name: &str, kind: &str) -> Node {
        serde_json::from_value(json!({"metadata": {"name": name, "labels": {"type": kind}}})).unwrap()
    }

    fn pod_on(node: &str, name: &str) -> Event<Pod> {
        let metadata = json!({"name": name, "namespace": "team-0001", "uid": name});
        let spec = json!({"nodeName": node, "containers": [{"name": "app", "image": "x"}]});
        Event::Apply(serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap())
    }

    /// Two virtual nodes and a real one, no pods.
    fn views() -> Arc<Views> {
        let views = Arc::new(Views::default());
        views.feed_node(&Event::Init);
        for (name, kind) in [("near", "virtual-kubelet"), ("far", "virtual-kubelet"), ("real", "")] {
            views.feed_node(&Event::InitApply(node(name, kind)));
        }
        views.feed_node(&Event::InitDone);
        assert!(all(&views, NOW).is_none() && one(&views, "far").is_none(), "the pods are not known yet");
        views.feed_pod(&Event::Init);
        views.feed_pod(&Event::InitDone);
        views
    }

    fn seen(nodes: &[NodeState]) -> Vec<(&str, usize)> {
        nodes.iter().map(|node| (node.name.as_str(), node.pods.len())).collect()
    }

    #[test]
    fn everybody_shares_what_was_put_together_until_something_changes() {
        let views = views();
        let first = all(&views, NOW).unwrap();
        assert!(Arc::ptr_eq(&first, &all(&views, NOW).unwrap()), "nothing happened");
        assert_eq!(seen(&first), [("far", 0), ("near", 0)]);
        views.feed_pod(&pod_on("far", "one"));
        assert!(Arc::ptr_eq(&first, &all(&views, LATER).unwrap()), "who may lag shares the old one");
        assert_eq!(seen(&all(&views, NOW).unwrap()), [("far", 1), ("near", 0)]);
    }

    #[test]
    fn one_node_has_its_own_pods_and_only_virtual_ones_are_found() {
        let views = views();
        for (node, name) in [("far", "one"), ("near", "two"), ("real", "three")] {
            views.feed_pod(&pod_on(node, name));
        }
        let far = one(&views, "far").unwrap().unwrap();
        assert_eq!(far.pods.iter().map(|pod| pod.name.as_str()).collect::<Vec<_>>(), ["one"]);
        assert_eq!((one(&views, "real"), one(&views, "absent")), (Some(None), Some(None)));
    }

    #[tokio::test(start_paused = true)]
    async fn listeners_hear_of_the_last_change_and_share_what_they_hear() {
        let views = views();
        let (mut first, mut second) = (super::super::watch(&views), super::super::watch(&views));
        assert_eq!(seen(&first.next().await.unwrap()), seen(&second.next().await.unwrap()));
        for name in ["one", "two", "three"] {
            views.feed_pod(&pod_on("far", name));
        }
        let (heard, also) = tokio::join!(first.next(), second.next());
        let (heard, also) = (heard.unwrap(), also.unwrap());
        assert_eq!(seen(&heard), [("far", 3), ("near", 0)]);
        assert!(Arc::ptr_eq(&heard, &also));
    }
}
