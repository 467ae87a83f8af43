//! A deployment as the wizard plans it, as Kubernetes is told, and as people see it.
//!
//! Source: `console-api.md` §6.

mod manifest;
mod plan;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pod::PodView;
use crate::sku::PriceView;
use crate::workload::{WorkloadStatus, WorkloadView};

pub(crate) use plan::wrong_variable;
pub use plan::{EnvFrom, Mount, MountKind, PlanKind, SourceKind};

/// Most replicas one plan may ask for.
pub const MAX_REPLICAS: u32 = 100;

/// What somebody wants to run: a Deployment unless `kind` says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeploymentPlan {
    /// What it becomes.
    #[serde(default)]
    pub kind: PlanKind,
    /// DNS label.
    #[cfg_attr(
        feature = "openapi",
        schema(example = "trainer", min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// SKU code.
    #[cfg_attr(feature = "openapi", schema(example = "gpu-h100-1x", min_length = 1))]
    pub sku_code: String,
    /// 0 to [`MAX_REPLICAS`]; of a job how many pods run to their end, at once; of a pod 1.
    #[serde(default = "one")]
    #[cfg_attr(feature = "openapi", schema(maximum = 100, default = 1))]
    pub replicas: u32,
    /// Image reference.
    #[cfg_attr(
        feature = "openapi",
        schema(example = "nginx:1.27-alpine", min_length = 1, max_length = 512, pattern = "^\\S+$")
    )]
    pub image: String,
    /// Replaces the image's entry point.
    #[serde(default)]
    pub command: Vec<String>,
    /// Replaces the image's arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Plain environment.
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// Environment from Secrets and ConfigMaps.
    #[serde(default)]
    pub env_from: Vec<EnvFrom>,
    /// TCP ports.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Port>))]
    pub ports: Vec<u16>,
    /// Further labels of the object and its pods.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Pull secrets by name.
    #[serde(default)]
    pub pull_secrets: Vec<String>,
    /// Folders that do not come from the image.
    #[serde(default)]
    pub mounts: Vec<Mount>,
}

/// One environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EnvVar {
    /// C identifier.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A TCP port, for the API document.
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
#[schema(minimum = 1, maximum = 65535)]
#[expect(dead_code, reason = "only its schema is used")]
struct Port(u16);

/// Body of `POST …/admission-check`: a plan or a whole manifest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AdmissionCheck {
    /// The wizard's plan.
    #[serde(default)]
    pub deployment: Option<DeploymentPlan>,
    /// Deployment, StatefulSet, Job, CronJob or Pod: an object, or its text in YAML or JSON.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>))]
    pub manifest: Option<Value>,
    /// For the price.
    #[serde(default)]
    pub expected_hours: Option<u32>,
}

/// State of a deployment in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum DeploymentStatus {
    /// Not all pods are ready yet.
    Pending,
    /// All wanted pods are ready.
    Running,
    /// Some pods are in trouble, others run.
    Degraded,
    /// None runs and at least one is in trouble.
    Failed,
}

/// A deployment on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeploymentView {
    /// Name.
    pub name: String,
    /// SKU code.
    pub sku_code: String,
    /// Image of the first container.
    pub image: String,
    /// Wanted.
    pub replicas: u32,
    /// Ready.
    pub ready: u32,
    /// One word.
    pub status: DeploymentStatus,
    /// Plain words.
    pub reason: String,
    /// Of what runs now, all pods.
    pub price_per_hour: Option<PriceView>,
    /// Decimal, of the pods that exist now.
    pub cost_so_far: Option<String>,
    /// ISO 4217, of `cost_so_far`: that of the prices with which its pods were admitted, also once none of them runs.
    pub cost_currency: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// Its pods.
    pub pods: Vec<PodView>,
}

fn one() -> u32 {
    1
}

// === impl DeploymentView ===

impl DeploymentView {
    /// A workload that is a Deployment.
    pub fn of(workload: WorkloadView) -> Self {
        let status = match workload.status {
            WorkloadStatus::Pending => DeploymentStatus::Pending,
            // A Deployment never ends by itself.
            WorkloadStatus::Running | WorkloadStatus::Succeeded => DeploymentStatus::Running,
            WorkloadStatus::Degraded => DeploymentStatus::Degraded,
            WorkloadStatus::Failed => DeploymentStatus::Failed,
        };
        Self {
            name: workload.name,
            sku_code: workload.sku_code,
            image: workload.image,
            replicas: workload.wanted,
            ready: workload.ready,
            status,
            reason: workload.reason,
            price_per_hour: workload.price_per_hour,
            cost_so_far: workload.cost_so_far,
            cost_currency: workload.cost_currency,
            created_at: workload.created_at,
            pods: workload.pods,
        }
    }
}

#[cfg(test)]
mod tests;
