//! Virtual nodes: from the watches to what operators see, and closing or emptying one.
//!
//! The console may change nothing of a node but that (`deploy/policies/console-nodes.yaml`).

pub(crate) mod snapshot;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::Nodes;
use domain::node::{COST_ANNOTATIONS, DRAIN_TAINT, INSTANCE_ANNOTATIONS, NodeCondition, NodeState};
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
// A rollout of a hundred pods makes hundreds of events: tell of all of them once, and put the nodes together once for all
// who listen.
const SETTLE: Duration = Duration::from_millis(250);
// Somebody else may write the node between our read and our write.
const TRIES: usize = 5;

#[async_trait]
impl Nodes for KubeCluster {
    fn nodes(&self) -> Result<Arc<Vec<NodeState>>> {
        snapshot::all(&self.inner.views, Duration::ZERO).ok_or_else(not_listed)
    }

    fn nodes_shown(&self) -> Result<Arc<Vec<NodeState>>> {
        snapshot::all(&self.inner.views, SETTLE).ok_or_else(not_listed)
    }

    fn node(&self, name: &str) -> Result<Option<NodeState>> {
        snapshot::one(&self.inner.views, name).ok_or_else(not_listed)
    }

    fn engine_kinds(&self) -> BTreeMap<String, String> {
        let nodes = self.inner.views.fleet.all().unwrap_or_default();
        let virtual_ones = nodes.iter().map(|(_, node)| node).filter(|node| NodeState::is_virtual(&node.labels));
        virtual_ones.map(|node| (node.engine().to_owned(), node.engine_kind().to_owned())).collect()
    }

    fn watch_nodes(&self) -> BoxStream<'static, Arc<Vec<NodeState>>> {
        watch(&self.inner.views)
    }

    async fn set_node(&self, name: &str, cordoned: bool, drain: bool) -> Result<NodeState> {
        set(&self.inner.clients.reconciler, name, cordoned, drain).await
    }
}

fn not_listed() -> Error {
    Error::cluster("the nodes have not been listed yet")
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

/// Every virtual node with its pods: at once, then after each change; endless.
fn watch(views: &Arc<Views>) -> BoxStream<'static, Arc<Vec<NodeState>>> {
    let wake = views.nodes_changed.listen(FLEET);
    let begin = (views.clone(), wake, None::<Arc<Vec<NodeState>>>);
    stream::unfold(begin, |(views, mut wake, told)| async move {
        let mut at_once = told.is_none();
        loop {
            let lag = if std::mem::take(&mut at_once) {
                Duration::ZERO
            } else {
                wake.changed().await.ok()?;
                tokio::time::sleep(SETTLE).await;
                // What woke us happened before the pause, so it is in whatever was begun since.
                SETTLE
            };
            let now = snapshot::all(&views, lag);
            if let Some(now) = now.filter(|now| told.as_ref() != Some(now)) {
                return Some((now.clone(), (views, wake, Some(now))));
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
