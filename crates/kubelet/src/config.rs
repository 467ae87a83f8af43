//! Settings of one virtual node.
//! Plain values: flags, files and environment are read by the binary.
use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

use crate::ApiAccess;

/// Everything the node is told at its start.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Name of the Node object.
    pub name: String,
    /// Value of the label `remotegpu.ai/engine`.
    pub engine: String,
    /// Published as InternalIP; the kubelet API listens here.
    pub address: IpAddr,
    /// Port of the kubelet API.
    pub port: u16,
    /// What the scheduler may place here.
    pub capacity: Capacity,
    /// GPUs of the node, if any.
    pub gpu: Option<Gpu>,
    /// Keep pods off that were not meant for this node; one for each key.
    pub taints: Vec<NodeTaint>,
    /// More labels of the Node object.
    pub labels: BTreeMap<String, String>,
    /// Pods without this label are refused. `None` admits every pod that was scheduled here.
    pub require_pod_label: Option<String>,
    /// Time between two full lists of the engine.
    pub reconcile_interval: Duration,
    /// Serving certificate; `None` asks the cluster to sign one and shows a self-signed one until then.
    pub tls: Option<TlsFiles>,
    /// CA of client certificates; `None` reads the cluster's own from `extension-apiserver-authentication`.
    pub client_ca: Option<PathBuf>,
    /// Pods that ask for a ServiceAccount token of their own get one, which leaves the cluster with them.
    pub service_account_tokens: bool,
    /// Pods with fields that this node would leave out are refused, instead of run with an event that names the fields.
    pub strict: bool,
    /// Pods of allowed ServiceAccounts may speak to the API server; `None` leaves the volume for it out of every pod.
    pub api_access: Option<ApiAccess>,
    /// Begins the annotations by which Services ask for EndpointSlices with public addresses; `None` writes none.
    pub endpoint_slices: Option<String>,
    /// Pods worked on at the same time.
    pub workers: usize,
}

/// Capacity of a node, as Kubernetes quantities. Empty fields are filled from what the engine reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// CPU cores.
    pub cpu: Option<String>,
    /// Memory.
    pub memory: Option<String>,
    /// Disk.
    pub ephemeral_storage: Option<String>,
    /// Number of pods.
    pub pods: Option<u32>,
}

/// GPUs of a node: all of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// Model as SKUs name it, `H100`; empty if the node offers many.
    pub model: String,
    /// How many.
    pub count: u32,
    /// Memory of each, GiB.
    pub memory_gib: Option<u32>,
}

/// A taint of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeTaint {
    /// Key of the taint.
    pub key: String,
    /// Value of the taint.
    pub value: String,
    /// What becomes of pods that do not tolerate it.
    pub effect: TaintEffect,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaintEffect {
    /// They are placed elsewhere.
    #[default]
    NoSchedule,
    /// They are placed elsewhere where there is room.
    PreferNoSchedule,
    /// They are placed elsewhere, and those that are there go.
    NoExecute,
}

/// Certificate and key in PEM files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Certificate chain.
    pub cert: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

// === impl TaintEffect ===

impl TaintEffect {
    /// As Kubernetes writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }
}

impl FromStr for TaintEffect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::NoSchedule, Self::PreferNoSchedule, Self::NoExecute];
        let found = all.into_iter().find(|effect| effect.name() == text);
        found.ok_or_else(|| format!("{text} is not NoSchedule, PreferNoSchedule or NoExecute"))
    }
}

// === impl Gpu ===

impl Gpu {
    /// The extended resource that pods ask for.
    pub const RESOURCE: &'static str = "nvidia.com/gpu";
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A node with sixteen GPUs.
    pub(crate) fn config() -> NodeConfig {
        NodeConfig {
            name: "simulated-h100".into(),
            engine: "simulated".into(),
            address: [192, 0, 2, 9].into(),
            port: 10250,
            capacity: Capacity { pods: Some(20000), ..Capacity::default() },
            gpu: Some(Gpu { model: "H100".into(), count: 16, memory_gib: Some(80) }),
            taints: vec![NodeTaint {
                key: "nvidia.com/gpu".into(),
                value: "present".into(),
                effect: TaintEffect::NoSchedule,
            }],
            labels: BTreeMap::new(),
            require_pod_label: None,
            reconcile_interval: Duration::from_secs(30),
            tls: None,
            client_ca: None,
            service_account_tokens: false,
            strict: false,
            api_access: None,
            endpoint_slices: None,
            workers: 128,
        }
    }
}
