//! A deployment as the wizard plans it, as Kubernetes is told, and as people see it.
//!
//! Source: `console-api.md` §6.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::money::{Currency, Money};
use crate::name::check_dns_label;
use crate::sku::{PriceView, SKU_LABEL};
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
    /// Deployment, StatefulSet, Job or Pod: an object, or its text in YAML or JSON.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>))]
    pub manifest: Option<Value>,
    /// For the price.
    #[serde(default)]
    pub expected_hours: Option<u32>,
}

/// A deployment as the cluster has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentState {
    /// Name.
    pub name: String,
    /// From the pod template's label; empty when it has none.
    pub sku_code: String,
    /// Image of the first container.
    pub image: String,
    /// Wanted.
    pub replicas: u32,
    /// Message of a failed ReplicaFailure or Progressing condition.
    pub problem: Option<String>,
    /// When made.
    pub created_at: Timestamp,
    /// Being deleted.
    pub deleting: bool,
    /// Its pods, sorted by name.
    pub pods: Vec<PodState>,
}

/// A pod as the cluster has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodState {
    /// Name.
    pub name: String,
    /// Kubernetes phase.
    pub phase: String,
    /// The Ready condition.
    pub ready: bool,
    /// Being deleted.
    pub deleting: bool,
    /// Node, once bound.
    pub node: Option<String>,
    /// Sum over containers.
    pub restarts: u32,
    /// When its containers started.
    pub started_at: Option<Timestamp>,
    /// Waiting or termination reason, for example `ImagePullBackOff`, or `Unschedulable`.
    pub reason: Option<String>,
    /// Its message.
    pub message: Option<String>,
    /// The frozen price annotation, for example `3.29 EUR`.
    pub price: Option<String>,
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

/// A pod on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PodView {
    /// Name.
    pub name: String,
    /// `Running`, `Pending`, `Terminating`, …
    pub phase: String,
    /// Ready.
    pub ready: bool,
    /// Node.
    pub node: Option<String>,
    /// Restarts.
    pub restarts: u32,
    /// RFC 3339.
    pub started_at: Option<String>,
    /// Plain words, empty when all is well.
    pub reason: String,
}

/// What part of a log is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// Keep the stream open.
    pub follow: bool,
    /// Last lines first.
    pub tail_lines: Option<u32>,
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

// === impl DeploymentState ===

impl DeploymentState {
    /// The wire form at `now`.
    pub fn view(&self, now: Timestamp) -> DeploymentView {
        let ready = self.pods.iter().filter(|p| p.ready && !p.deleting).count() as u32;
        let (status, reason) = self.judge(ready);
        DeploymentView {
            name: self.name.clone(),
            sku_code: self.sku_code.clone(),
            image: self.image.clone(),
            replicas: self.replicas,
            ready,
            status,
            reason,
            price_per_hour: self.price_now(),
            cost_so_far: self.cost_so_far(now),
            created_at: self.created_at.to_string(),
            pods: self.pods.iter().map(PodState::view).collect(),
        }
    }

    fn judge(&self, ready: u32) -> (DeploymentStatus, String) {
        if self.deleting {
            return (DeploymentStatus::Pending, "Being deleted".to_owned());
        }
        if self.replicas == 0 {
            return (DeploymentStatus::Running, "Scaled to zero".to_owned());
        }
        if ready >= self.replicas {
            let nodes: std::collections::BTreeSet<&str> = self.pods.iter().filter_map(|p| p.node.as_deref()).collect();
            let nodes: Vec<&str> = nodes.into_iter().collect();
            return (DeploymentStatus::Running, format!("Running on {}", nodes.join(", ")));
        }
        let trouble = self.problem.clone().or_else(|| self.pods.iter().find_map(PodState::trouble));
        match trouble {
            Some(why) if ready > 0 => (DeploymentStatus::Degraded, why),
            Some(why) => (DeploymentStatus::Failed, why),
            None => (DeploymentStatus::Pending, self.waiting(ready)),
        }
    }

    fn waiting(&self, ready: u32) -> String {
        self.pods
            .iter()
            .map(|p| p.view().reason)
            .find(|reason| !reason.is_empty())
            .unwrap_or_else(|| format!("{ready} of {} ready", self.replicas))
    }

    fn prices(&self) -> impl Iterator<Item = (&PodState, Money)> {
        self.pods.iter().filter_map(|p| Some((p, p.money()?)))
    }

    fn price_now(&self) -> Option<PriceView> {
        let total = sum(self.prices().filter(|(p, _)| p.started_at.is_some() && !p.over()).map(|(_, price)| price))?;
        let currency = total.currency.as_str().to_owned();
        Some(PriceView { amount: total.decimal(), currency, unit: "hour".to_owned() })
    }

    fn cost_so_far(&self, now: Timestamp) -> Option<String> {
        let cost = |(pod, price): (&PodState, Money)| {
            let seconds = pod.started_at.map_or(0, |start| now.as_second() - start.as_second());
            price.for_seconds(u64::try_from(seconds).unwrap_or(0))
        };
        sum(self.prices().filter(|(p, _)| !p.over()).map(cost)).map(|m| m.decimal())
    }
}

fn sum(amounts: impl Iterator<Item = Money>) -> Option<Money> {
    amounts.reduce(|a, b| Money { micros: a.micros.saturating_add(b.micros), currency: a.currency })
}

// === impl PodState ===

impl PodState {
    /// Whether it has ended.
    pub fn over(&self) -> bool {
        self.phase == "Succeeded" || self.phase == "Failed"
    }

    /// The wire form.
    pub fn view(&self) -> PodView {
        let phase = if self.deleting { "Terminating" } else { self.phase.as_str() };
        PodView {
            name: self.name.clone(),
            phase: phase.to_owned(),
            ready: self.ready,
            node: self.node.clone(),
            restarts: self.restarts,
            started_at: self.started_at.map(|t| t.to_string()),
            reason: self.reason_in_words(),
        }
    }

    fn money(&self) -> Option<Money> {
        let (amount, currency) = self.price.as_deref()?.split_once(' ')?;
        Money::parse(amount, Currency::new(currency).ok()?).ok()
    }

    fn reason_in_words(&self) -> String {
        let detail = |fallback: &str| self.message.clone().unwrap_or_else(|| fallback.to_owned());
        match self.reason.as_deref() {
            None => String::new(),
            Some("Unschedulable") => format!("Waiting for a free place: {}", detail("no node fits")),
            Some("ContainerCreating" | "PodInitializing") => "Starting".to_owned(),
            Some("ImagePullBackOff" | "ErrImagePull" | "ErrImageNeverPull") => {
                format!("The image cannot be pulled: {}", detail("the registry gave no reason"))
            }
            Some("CrashLoopBackOff") => format!("The container keeps ending: {}", detail("see its logs")),
            Some(other) => self.message.as_ref().map_or_else(|| other.to_owned(), |m| format!("{other}: {m}")),
        }
    }

    fn trouble(&self) -> Option<String> {
        let waiting =
            matches!(self.reason.as_deref(), None | Some("ContainerCreating" | "PodInitializing" | "Unschedulable"));
        (!waiting && !self.ready && !self.deleting).then(|| self.reason_in_words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, ready: bool) -> PodState {
        PodState {
            name: name.into(),
            phase: if ready { "Running" } else { "Pending" }.into(),
            ready,
            deleting: false,
            node: Some("simulated-h100".into()),
            restarts: 0,
            started_at: ready.then_some(Timestamp::UNIX_EPOCH),
            reason: None,
            message: None,
            price: Some("3.29 EUR".into()),
        }
    }

    fn state(pods: Vec<PodState>) -> DeploymentState {
        DeploymentState {
            name: "demo".into(),
            sku_code: "gpu-h100-1x".into(),
            image: "x".into(),
            replicas: 2,
            problem: None,
            created_at: Timestamp::UNIX_EPOCH,
            deleting: false,
            pods,
        }
    }

    #[test]
    fn two_ready_pods_run_and_cost_twice_the_price() {
        let view = state(vec![pod("a", true), pod("b", true)]).view(Timestamp::from_second(720).unwrap());
        assert_eq!(view.status, DeploymentStatus::Running);
        assert_eq!(view.reason, "Running on simulated-h100");
        assert_eq!(view.price_per_hour.unwrap().amount, "6.58");
        assert_eq!(view.cost_so_far.unwrap(), "1.316");
    }

    #[test]
    fn a_missing_image_is_said_in_plain_words() {
        let mut broken = pod("a", false);
        broken.reason = Some("ImagePullBackOff".into());
        broken.message = Some("no such image".into());
        let view = state(vec![broken]).view(Timestamp::UNIX_EPOCH);
        assert_eq!(view.status, DeploymentStatus::Failed);
        assert_eq!(view.reason, "The image cannot be pulled: no such image");
    }

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
