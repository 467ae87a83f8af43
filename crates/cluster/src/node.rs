//! Virtual nodes: from the watches to what operators see, and closing or emptying one.
//!
//! The console may change nothing of a node but that (`deploy/policies/console-nodes.yaml`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::Nodes;
use domain::node::{COST_ANNOTATIONS, DRAIN_TAINT, INSTANCE_ANNOTATIONS, NodeCondition, NodePod, NodeState};
use domain::{Code, Error, Result};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use k8s_openapi::api::core::v1::{Node, NodeCondition as Condition, Pod, Taint};
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use serde_json::json;

use crate::KubeCluster;
use crate::client::call;
use crate::requests;
use crate::tenant::objects::FIELD_MANAGER;
use crate::views::Views;

/// The one name under which changes of nodes and of their pods are told.
pub(crate) const FLEET: &str = "fleet";
// A rollout of a hundred pods makes hundreds of events: tell of all of them once.
const SETTLE: Duration = Duration::from_millis(250);
// Somebody else may write the node between our read and our write.
const TRIES: usize = 5;

#[async_trait]
impl Nodes for KubeCluster {
    fn nodes(&self) -> Result<Vec<NodeState>> {
        all(&self.inner.views).ok_or_else(|| Error::cluster("the nodes have not been listed yet"))
    }

    fn watch_nodes(&self) -> BoxStream<'static, Vec<NodeState>> {
        watch(&self.inner.views)
    }

    async fn set_node(&self, name: &str, cordoned: bool, drain: bool) -> Result<NodeState> {
        set(&self.inner.clients.reconciler, name, cordoned, drain).await
    }
}

/// A node without its pods.
pub(crate) fn node(node: &Node) -> NodeState {
    let room = requests::room(node);
    let info = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    NodeState {
        name: node.name_any(),
        labels: room.labels,
        cordoned: node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false),
        deleting: node.metadata.deletion_timestamp.is_some(),
        taints: room.taints,
        allocatable: room.allocatable,
        conditions: conditions.iter().map(condition).collect(),
        kubelet: info.map(|info| info.kubelet_version.clone()).unwrap_or_default(),
        runtime: info.map(|info| info.container_runtime_version.clone()).unwrap_or_default(),
        pods: Vec::new(),
    }
}

/// What the engine calls what runs for a pod, and what its provider takes for it.
pub(crate) fn instance(pod: &Pod) -> (Option<String>, Option<String>) {
    let read = |names: &[&str]| names.iter().find_map(|name| pod.annotations().get(*name)).cloned();
    (read(&INSTANCE_ANNOTATIONS), read(&COST_ANNOTATIONS))
}

fn condition(condition: &Condition) -> NodeCondition {
    NodeCondition {
        name: condition.type_.clone(),
        status: condition.status.clone(),
        reason: condition.reason.clone().unwrap_or_default(),
        message: condition.message.clone().unwrap_or_default(),
        since: condition.last_transition_time.as_ref().map(|time| time.0),
        heartbeat: condition.last_heartbeat_time.as_ref().map(|time| time.0),
    }
}

/// Every virtual node with its pods, by name; none until the first lists are complete.
fn all(views: &Views) -> Option<Vec<NodeState>> {
    let mut pods: HashMap<String, Vec<NodePod>> = HashMap::new();
    views.pods.all()?;
    views.pods.each(|namespace, row| {
        let Some(node) = row.state.node.clone() else { return };
        pods.entry(node).or_default().push(NodePod {
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
        });
    });
    let with_pods = |(name, node): (String, Arc<NodeState>)| NodeState {
        pods: pods.remove(&name).unwrap_or_default(),
        ..(*node).clone()
    };
    let mut nodes: Vec<NodeState> =
        views.fleet.all()?.into_iter().filter(|(_, node)| NodeState::is_virtual(&node.labels)).map(with_pods).collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    Some(nodes)
}

/// The same: at once, then after each change; endless.
fn watch(views: &Arc<Views>) -> BoxStream<'static, Vec<NodeState>> {
    let wake = views.nodes_changed.listen(FLEET);
    let begin = (views.clone(), wake, None::<Vec<NodeState>>);
    stream::unfold(begin, |(views, mut wake, told)| async move {
        loop {
            wake.borrow_and_update();
            match all(&views) {
                Some(now) if told.as_ref() != Some(&now) => return Some((now.clone(), (views, wake, Some(now)))),
                _ if wake.changed().await.is_err() => return None,
                _ => tokio::time::sleep(SETTLE).await,
            }
        }
    })
    .boxed()
}

/// Opens, closes or empties a virtual node.
///
/// # Errors
/// `NotFound` for a node that is not virtual; `Conflict` when others write it all the time.
async fn set(client: &Client, name: &str, cordoned: bool, drain: bool) -> Result<NodeState> {
    let api: Api<Node> = Api::all(client.clone());
    let mut tries = 1;
    loop {
        let live = call("reading a node", api.get(name)).await?;
        let state = node(&live);
        if !NodeState::is_virtual(&state.labels) {
            return Err(Error::NotFound);
        }
        let patch = json!({
            // The list of taints is replaced whole: one that somebody sets at this moment must not be lost.
            "metadata": {"resourceVersion": live.metadata.resource_version},
            "spec": {"unschedulable": cordoned.then_some(true), "taints": taints(&live, drain)},
        });
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match call("changing a node", api.patch(name, &params, &Patch::Merge(&patch))).await {
            Err(Error::Conflict { code: Code::Conflict, .. }) if tries < TRIES => tries += 1,
            changed => return changed.map(|changed| node(&changed)),
        }
    }
}

/// Those of the node, with or without the one that drains it; what others wrote stays as it is.
fn taints(live: &Node, drain: bool) -> Vec<Taint> {
    let all = live.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let others = all.iter().filter(|taint| taint.key != DRAIN_TAINT).cloned();
    let own = Taint { key: DRAIN_TAINT.to_owned(), effect: "NoExecute".to_owned(), ..Taint::default() };
    others.chain(drain.then_some(own)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_drain_leaves_the_taints_of_others_as_they_are() {
        let spec = json!({"taints": [{"key": "theirs", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"}]});
        let mut live: Node = serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap();
        let theirs = taints(&live, false);
        assert!(theirs.len() == 1 && theirs[0].time_added.is_some());
        live.spec.as_mut().unwrap().taints = Some(taints(&live, true));
        assert_eq!(taints(&live, true).len(), 2, "once, however often");
        assert_eq!(taints(&live, false), theirs);
    }

    #[test]
    fn what_an_engine_runs_for_a_pod_stands_in_its_annotations() {
        let annotations = json!({"runpod.io/pod-id": "abc", "runpod.io/cost-per-hr": "0.24"});
        let pod: Pod = serde_json::from_value(json!({"metadata": {"annotations": annotations}})).unwrap();
        assert_eq!(instance(&pod), (Some("abc".to_owned()), Some("0.24".to_owned())));
        assert_eq!(instance(&Pod::default()), (None, None));
    }
}
