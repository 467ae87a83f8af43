//! Where an engine is, by kind: what was typed, without secrets.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{ApiUrl, EngineKind};
use crate::engine_manifest::{EngineFeature, EngineRight, ManifestPreset, NewEngineManifest, WriteScope};

/// What was typed for one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Settings {
    /// A Kubernetes cluster.
    OnPremise(OnPremise),
    /// A container host.
    Docker(Docker),
    /// A RunPod account.
    Runpod(Runpod),
}

/// An imported cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnPremise {
    /// Its API server.
    pub api_url: ApiUrl,
    /// Where its ingress controller is reached.
    pub load_balancer_ip: IpAddr,
    /// What signs its certificate; none = the system's trusted roots.
    pub ca_pem: Option<String>,
    /// What it shall do.
    pub features: Vec<EngineFeature>,
    /// Where its identity may write, the namespace of our pods first; empty = everywhere.
    pub namespaces: Vec<String>,
    /// Typed by hand where its nodes may not be read (RULINGS 29).
    pub gpus: Vec<GpuCount>,
    /// Whether a full check makes a pod there and runs a command in it.
    #[serde(default)]
    pub exec_probe: bool,
}

/// A container host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Docker {
    /// `unix:///path` or `https://host:port`.
    pub endpoint: String,
    /// What signs its certificate; none = the system's trusted roots.
    pub ca_pem: Option<String>,
}

/// A RunPod account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runpod {
    /// Allowed data centres; empty = all.
    pub datacenter_ids: Vec<String>,
    /// `secure`, `community` or `all`.
    pub cloud: String,
    /// Most that one instance may cost an hour, its GPUs together, millionths of a US dollar.
    pub max_gpu_price_micros: i64,
}

/// So many GPUs of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GpuCount {
    /// As `nvidia.com/gpu.product` would say it.
    #[cfg_attr(feature = "openapi", schema(example = "NVIDIA-H100-80GB-HBM3", min_length = 1, max_length = 63))]
    pub model: String,
    /// How many.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100_000))]
    pub count: u32,
}

// === impl Settings ===

impl Settings {
    /// Which kind.
    pub fn kind(&self) -> EngineKind {
        match self {
            Self::OnPremise(_) => EngineKind::OnPremise,
            Self::Docker(_) => EngineKind::Docker,
            Self::Runpod(_) => EngineKind::Runpod,
        }
    }

    /// Where it is, for people and for comparing whether it moved.
    pub fn address(&self) -> String {
        match self {
            Self::OnPremise(one) => one.api_url.to_string(),
            Self::Docker(one) => one.endpoint.clone(),
            Self::Runpod(_) => String::new(),
        }
    }
}

// === impl OnPremise ===

impl OnPremise {
    /// Every right that a preflight asks for, one access review each.
    pub fn rights(&self) -> Vec<EngineRight> {
        let mut manifest = NewEngineManifest::for_engine("preflight");
        manifest.preset = ManifestPreset::LeastRights;
        manifest.self_renewal = false;
        manifest.features.clone_from(&self.features);
        match self.namespaces.split_first() {
            Some((first, others)) => {
                (manifest.namespace, manifest.namespaces) = (first.clone(), others.to_vec());
                manifest.write_scope = WriteScope::ListedNamespaces;
            }
            None => manifest.write_scope = WriteScope::AllNamespaces,
        }
        manifest.rights()
    }
}
