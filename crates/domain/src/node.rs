//! Virtual nodes as operators see them: what an engine gives, what of it is taken, what that earns, what is wrong.
//!
//! Source: `ui.md` §1 (Platform: Nodes), `virtual-node.md` §5. A drain is a taint: see [`DRAIN_TAINT`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::capacity::{Amounts, CLOSED_TAINT, ENGINE_LABEL, Taint};
use crate::money::Money;
use crate::sku::PriceView;

/// Label that tells virtual nodes from others, with [`VIRTUAL`] as its value.
pub const TYPE_LABEL: &str = "type";
/// See [`TYPE_LABEL`].
pub const VIRTUAL: &str = "virtual-kubelet";
/// Taint of a node that is being drained, effect `NoExecute`: Kubernetes' own controller then takes the pods away, so
/// that the console needs no right to delete anybody's pods, and a drain goes on when the console stops.
pub const DRAIN_TAINT: &str = "remotegpu.ai/drain";
/// Label of the nodes that `remotegpu nodes` makes for imported engines, with [`RUN_BY_FLEET`].
pub const RUN_BY_LABEL: &str = "remotegpu.ai/run-by";
/// See [`RUN_BY_LABEL`].
pub const RUN_BY_FLEET: &str = "nodes";
/// Annotations of a pod that hold the id of what the engine runs for it.
pub const INSTANCE_ANNOTATIONS: [&str; 1] = ["runpod.io/pod-id"];
/// Annotations of a pod that hold what the engine's provider takes an hour, in the provider's own currency.
pub const COST_ANNOTATIONS: [&str; 1] = ["runpod.io/cost-per-hr"];

/// Label of the GPU's model, of ours and of others.
const GPU_MODEL_LABELS: [&str; 2] = ["remotegpu.ai/gpu-model", "nvidia.com/gpu.product"];

/// A condition of a node as Kubernetes has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeCondition {
    /// For example `Ready`.
    pub name: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// A word for programs.
    pub reason: String,
    /// A sentence; often empty.
    pub message: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When the node last said so.
    pub heartbeat: Option<Timestamp>,
}

/// A virtual node as the cluster has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeState {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// An operator wants no new pods on it.
    pub cordoned: bool,
    /// It is being deleted.
    pub deleting: bool,
    /// Its taints.
    pub taints: Vec<Taint>,
    /// All it can give.
    pub allocatable: Amounts,
    /// Its conditions.
    pub conditions: Vec<NodeCondition>,
    /// Version of its kubelet.
    pub kubelet: String,
    /// Kind and version of its engine, as in `docker://4.9.3`.
    pub runtime: String,
    /// The pods bound to it, ended ones included.
    pub pods: Vec<NodePod>,
}

/// A pod of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodePod {
    /// Kubernetes name of its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its phase, as Kubernetes calls it.
    pub phase: String,
    /// Why it does not run; empty while it does.
    pub reason: String,
    /// It is being deleted.
    pub deleting: bool,
    /// Its SKU; empty without one.
    pub sku_code: String,
    /// What it was admitted at, an hour: `3.29 EUR`.
    pub price: Option<String>,
    /// What the engine calls what runs for it.
    pub instance: Option<String>,
    /// What the engine's provider takes for it an hour, as the provider wrote it.
    pub cost: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it takes of the node.
    pub taken: Amounts,
}

/// How a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// Takes pods.
    Ready,
    /// Its pods run; it takes no new ones.
    Cordoned,
    /// Its pods are being taken away.
    Draining,
    /// The engine does not answer, or the node does not report.
    NotReady,
}

/// A resource of a node, in the units of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeResource {
    /// For example `nvidia.com/gpu`, `cpu`, `memory`, `pods`.
    pub name: String,
    /// Whole units; thousandths for `cpu`.
    pub used: u64,
    /// Likewise.
    pub total: u64,
}

/// Something that is wrong with a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeTrouble {
    /// The condition, for example `Ready`.
    pub name: String,
    /// A word for programs.
    pub reason: String,
    /// A sentence; may be empty.
    pub message: String,
    /// Since when.
    pub since_at: Option<String>,
}

/// A virtual node on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// The engine behind it.
    pub engine: String,
    /// How it is.
    pub status: NodeStatus,
    /// Takes no new pods.
    pub cordoned: bool,
    /// Model of its GPUs; none without GPUs, or with several models.
    pub gpu_model: Option<String>,
    /// What it has and what is taken: GPUs first.
    pub resources: Vec<NodeResource>,
    /// Pods on it that have not ended.
    pub pods: u32,
    /// What those pods pay an hour, one sum for each currency.
    pub price_per_hour: Vec<PriceView>,
    /// When it last reported.
    pub last_contact_at: Option<String>,
    /// Its taints as kubectl writes them.
    pub taints: Vec<String>,
    /// What is wrong; empty when nothing is.
    pub troubles: Vec<NodeTrouble>,
    /// Version of its kubelet.
    pub kubelet: String,
    /// Kind and version of its engine.
    pub runtime: String,
}

/// A pod of a node on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodePodView {
    /// Kubernetes name of its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its phase, `Terminating` while it is being deleted.
    pub phase: String,
    /// Why it does not run; empty while it does.
    pub reason: String,
    /// Its SKU; empty without one.
    pub sku_code: String,
    /// What it was admitted at.
    pub price_per_hour: Option<PriceView>,
    /// What the engine calls what runs for it.
    pub instance: Option<String>,
    /// What the engine's provider takes for it an hour, in the provider's own currency.
    pub provider_cost: Option<String>,
    /// When it was made.
    pub created_at: String,
}

/// A virtual node with its pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeDetail {
    /// The node.
    pub node: NodeView,
    /// Its pods by namespace and name; ended ones are left out.
    pub pods: Vec<NodePodView>,
}

/// Body of `POST /v1/nodes/{name}/drain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DrainNode {
    /// The node's name, typed again.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 253))]
    pub confirm: String,
}

/// The answer of `POST /v1/nodes/{name}/drain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeDrain {
    /// How many pods were on it when the drain began.
    pub pods: u32,
    /// The node then.
    pub node: NodeView,
}

// === impl NodeState ===

impl NodeState {
    /// Whether labels are those of a virtual node.
    pub fn is_virtual(labels: &BTreeMap<String, String>) -> bool {
        labels.get(TYPE_LABEL).is_some_and(|kind| kind == VIRTUAL)
    }

    /// The engine behind it.
    pub fn engine(&self) -> &str {
        self.labels.get(ENGINE_LABEL).map_or("", String::as_str)
    }

    /// Kind of its engine, for example `docker`; empty while the node does not say.
    pub fn engine_kind(&self) -> &str {
        self.runtime.split_once("://").map_or("", |(kind, _)| kind)
    }

    /// Whether its pods are being taken away.
    pub fn draining(&self) -> bool {
        self.taints.iter().any(|taint| taint.key == DRAIN_TAINT)
    }

    /// How it is.
    pub fn status(&self) -> NodeStatus {
        let ready = self.conditions.iter().any(|one| one.name == "Ready" && one.status == "True");
        let closed = self.cordoned || self.taints.iter().any(|taint| taint.key == CLOSED_TAINT);
        match (ready && !self.deleting, self.draining(), closed) {
            (false, _, _) => NodeStatus::NotReady,
            (true, true, _) => NodeStatus::Draining,
            (true, false, true) => NodeStatus::Cordoned,
            (true, false, false) => NodeStatus::Ready,
        }
    }

    /// As operators see it.
    pub fn view(&self) -> NodeView {
        let living = || self.pods.iter().filter(|pod| !pod.over());
        let contact = self.conditions.iter().filter_map(|one| one.heartbeat).max();
        let model = GPU_MODEL_LABELS.iter().find_map(|label| self.labels.get(*label));
        NodeView {
            name: self.name.clone(),
            engine: self.engine().to_owned(),
            status: self.status(),
            cordoned: self.cordoned,
            gpu_model: model.cloned(),
            resources: self.resources(),
            pods: u32::try_from(living().count()).unwrap_or(u32::MAX),
            price_per_hour: PriceView::sums(living().filter_map(NodePod::price)),
            last_contact_at: contact.map(|at| at.to_string()),
            taints: self.taints.iter().map(taint_text).collect(),
            troubles: self.conditions.iter().filter_map(NodeCondition::trouble).collect(),
            kubelet: self.kubelet.clone(),
            runtime: self.runtime.clone(),
        }
    }

    /// With its pods.
    pub fn detail(&self) -> NodeDetail {
        let mut pods: Vec<&NodePod> = self.pods.iter().filter(|pod| !pod.over()).collect();
        pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        NodeDetail { node: self.view(), pods: pods.into_iter().map(NodePod::view).collect() }
    }

    fn resources(&self) -> Vec<NodeResource> {
        let mut names: Vec<&String> = self.allocatable.keys().filter(|name| !is_storage(name)).collect();
        names.sort_by_key(|name| (!name.contains('/'), *name));
        let used = |name: &str| self.pods.iter().filter_map(|pod| pod.taken.get(name)).sum::<i128>();
        let line = |name: &String| NodeResource {
            name: name.clone(),
            used: units(name, used(name)),
            total: units(name, self.allocatable.get(name).copied().unwrap_or(0)),
        };
        names.into_iter().map(line).collect()
    }
}

// === impl NodeCondition ===

impl NodeCondition {
    /// `Ready` should be true, everything else false.
    fn trouble(&self) -> Option<NodeTrouble> {
        let wanted = if self.name == "Ready" { "True" } else { "False" };
        (self.status != wanted).then(|| NodeTrouble {
            name: self.name.clone(),
            reason: self.reason.clone(),
            message: self.message.clone(),
            since_at: self.since.map(|at| at.to_string()),
        })
    }
}

// === impl NodePod ===

impl NodePod {
    /// It has ended and takes nothing any more.
    pub fn over(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }

    fn price(&self) -> Option<Money> {
        Money::parse_with_currency(self.price.as_deref()?)
    }

    fn view(&self) -> NodePodView {
        NodePodView {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            phase: if self.deleting { "Terminating".to_owned() } else { self.phase.clone() },
            reason: self.reason.clone(),
            sku_code: self.sku_code.clone(),
            price_per_hour: self.price().as_ref().map(PriceView::from),
            instance: self.instance.clone(),
            provider_cost: self.cost.clone(),
            created_at: self.created_at.to_string(),
        }
    }
}

fn is_storage(name: &str) -> bool {
    name == "ephemeral-storage" || name.starts_with("hugepages-")
}

/// From thousandths; CPU stays in them.
fn units(name: &str, milli: i128) -> u64 {
    u64::try_from(if name == "cpu" { milli } else { milli / 1000 }).unwrap_or(0)
}

/// `key=value:Effect`.
fn taint_text(taint: &Taint) -> String {
    let value = if taint.value.is_empty() { String::new() } else { format!("={}", taint.value) };
    format!("{}{value}:{}", taint.key, taint.effect)
}

#[cfg(test)]
mod tests;
