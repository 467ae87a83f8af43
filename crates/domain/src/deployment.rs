//! A deployment as the wizard plans it, as Kubernetes is told, and as people see it.
//!
//! Source: `console-api.md` §6.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::name::check_dns_label;
use crate::pod::PodView;
use crate::sku::{PriceView, SKU_LABEL};
use crate::workload::{WorkloadStatus, WorkloadView};
use crate::{Error, FieldError, Result};

/// Most replicas one plan may ask for.
pub const MAX_REPLICAS: u32 = 100;

/// What somebody wants to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeploymentPlan {
    /// DNS label.
    #[cfg_attr(
        feature = "openapi",
        schema(example = "trainer", min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// SKU code.
    #[cfg_attr(feature = "openapi", schema(example = "gpu-h100-1x", min_length = 1))]
    pub sku_code: String,
    /// 0 to [`MAX_REPLICAS`].
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
    /// TCP ports.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Port>))]
    pub ports: Vec<u16>,
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
    /// Deployment, StatefulSet, Job or Pod.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
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
    /// RFC 3339.
    pub created_at: String,
    /// Its pods.
    pub pods: Vec<PodView>,
}

fn one() -> u32 {
    1
}

// === impl DeploymentPlan ===

impl DeploymentPlan {
    /// Checks the form of every field.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field at once.
    pub fn check(&self) -> Result<()> {
        let mut wrong = Vec::new();
        let mut refuse = |field: &str, code: &str, message: &str| wrong.push(FieldError::new(field, code, message));
        if let Err(error) = check_dns_label("name", &self.name) {
            refuse("name", "format", &error.to_string());
        }
        if self.sku_code.is_empty() {
            refuse("sku_code", "required", "Choose a SKU");
        }
        if self.replicas > MAX_REPLICAS {
            refuse("replicas", "range", "Replicas must be between 0 and 100");
        }
        if self.image.is_empty() || self.image.len() > 512 || self.image.chars().any(char::is_whitespace) {
            refuse("image", "format", "Write an image reference, for example nginx:1.27-alpine");
        }
        for (i, variable) in self.env.iter().enumerate() {
            if !is_identifier(&variable.name) {
                refuse(&format!("env[{i}].name"), "format", "Use letters, digits and underscores; start with a letter");
            }
        }
        if let Some(i) = self.ports.iter().position(|p| *p == 0) {
            refuse(&format!("ports[{i}]"), "range", "A port lies between 1 and 65535");
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }

    /// The Deployment that this plan becomes: what `kubectl apply` would be given.
    pub fn manifest(&self, kubernetes_name: &str) -> Value {
        let mut container = json!({"name": "app", "image": self.image});
        let optional = [
            ("command", json!(self.command), self.command.is_empty()),
            ("args", json!(self.args), self.args.is_empty()),
            ("env", json!(self.env), self.env.is_empty()),
            ("ports", self.ports.iter().map(|p| json!({"containerPort": p})).collect(), self.ports.is_empty()),
        ];
        for (key, value, empty) in optional {
            if !empty {
                container[key] = value;
            }
        }
        let mut labels = json!({"app": self.name});
        labels[SKU_LABEL] = json!(self.sku_code);
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.name, "namespace": kubernetes_name},
            "spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": {"app": self.name}},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
            }
        })
    }
}

fn is_identifier(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(legal) && !name.starts_with(|c: char| c.is_ascii_digit())
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
            created_at: workload.created_at,
            pods: workload.pods,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_becomes_the_manifest_of_the_published_page() {
        let plan = DeploymentPlan {
            name: "demo-cpu".into(),
            sku_code: "cpu-shared-8g".into(),
            replicas: 1,
            image: "nginx:1.27-alpine".into(),
            ..DeploymentPlan::default()
        };
        plan.check().unwrap();
        let manifest = plan.manifest("team-ml-7b0c4f12");
        assert_eq!(manifest["spec"]["template"]["metadata"]["labels"][SKU_LABEL], "cpu-shared-8g");
        assert_eq!(
            manifest["spec"]["template"]["spec"]["containers"][0],
            json!({"name": "app", "image": "nginx:1.27-alpine"})
        );
    }
}
