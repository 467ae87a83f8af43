//! The parts of a plan beyond one container: where its environment and files come from, its labels, its kind; and the
//! rules of all its fields.
//!
//! Source: the Kubernetes API; `console-api.md` §6. Nothing here asks more than `kubectl` would.

use serde::{Deserialize, Serialize};

use super::{DeploymentPlan, MAX_REPLICAS};
use crate::name::{check_dns_label, may_exist};
use crate::workload::WorkloadKind;
use crate::{Error, FieldError, Result};

/// The label by which a Deployment finds its pods.
pub(super) const APP: &str = "app";
/// Labels of this prefix are ours.
const OURS: &str = "remotegpu.ai/";
const VARIABLE_SENTENCE: &str = "Use letters, digits and underscores; start with a letter";

/// What a plan becomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum PlanKind {
    /// Runs until it is stopped.
    #[default]
    Deployment,
    /// Runs to its end.
    Job,
    /// One pod with a terminal, for one person.
    Pod,
}

/// A Secret or a ConfigMap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// Secret.
    Secret,
    /// ConfigMap.
    ConfigMap,
}

/// Environment from a Secret or ConfigMap: one key of it, or all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EnvFrom {
    /// Which kind.
    pub kind: SourceKind,
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(example = "database", min_length = 1))]
    pub name: String,
    /// One key; without it all keys become variables of their own names.
    #[serde(default)]
    pub key: Option<String>,
    /// The variable that gets the key's value; without it the key's name.
    #[serde(default)]
    pub variable: Option<String>,
}

/// Where files come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MountKind {
    /// Empty at the start, gone with the pod; on disk.
    EmptyDir,
    /// Likewise, in memory.
    Memory,
    /// Keys of a Secret as files.
    Secret,
    /// Keys of a ConfigMap as files.
    ConfigMap,
}

/// A folder in the container that does not come from the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Absolute path in the container.
    #[cfg_attr(feature = "openapi", schema(example = "/data", pattern = "^/"))]
    pub path: String,
    /// What is there.
    pub kind: MountKind,
    /// Of which Secret or ConfigMap.
    #[serde(default)]
    pub name: Option<String>,
}

// === impl PlanKind ===

impl PlanKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Deployment, Self::Job, Self::Pod];

    /// The form in forms and JSON.
    pub fn as_str(self) -> &'static str {
        self.workload().as_str()
    }

    /// Reads the form in forms.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The workload that it becomes.
    pub fn workload(self) -> WorkloadKind {
        match self {
            Self::Deployment => WorkloadKind::Deployment,
            Self::Job => WorkloadKind::Job,
            Self::Pod => WorkloadKind::Pod,
        }
    }
}

// === impl EnvFrom ===

impl EnvFrom {
    pub(super) fn variable(&self) -> Option<&str> {
        self.variable.as_deref().or(self.key.as_deref())
    }
}

// === impl Mount ===

impl Mount {
    pub(super) fn has_files(&self) -> bool {
        matches!(self.kind, MountKind::Secret | MountKind::ConfigMap)
    }

    fn wrong(&self) -> Option<&'static str> {
        let folders = self.path.split('/').any(|part| part == "..");
        if !self.path.starts_with('/') || self.path == "/" || self.path.contains(':') || folders {
            return Some("Write an absolute path other than /, without a colon");
        }
        let named = self.name.as_deref().is_some_and(may_exist);
        (self.has_files() != named).then_some("Name the Secret or ConfigMap, and only where there is one")
    }
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
        if let Some(sentence) = self.wrong_replicas() {
            refuse("replicas", "range", sentence);
        }
        if self.image.is_empty() || self.image.len() > 512 || self.image.chars().any(char::is_whitespace) {
            refuse("image", "format", "Write an image reference, for example nginx:1.27-alpine");
        }
        if let Some(i) = self.ports.iter().position(|p| *p == 0) {
            refuse(&format!("ports[{i}]"), "range", "A port lies between 1 and 65535");
        }
        self.check_environment(&mut refuse);
        self.check_surroundings(&mut refuse);
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }

    fn wrong_replicas(&self) -> Option<&'static str> {
        match self.kind {
            PlanKind::Deployment => (self.replicas > MAX_REPLICAS).then_some("Replicas must be between 0 and 100"),
            PlanKind::Job => {
                (!(1..=MAX_REPLICAS).contains(&self.replicas)).then_some("Pods of a job must be between 1 and 100")
            }
            PlanKind::Pod => (self.replicas != 1).then_some("An interactive pod is one pod"),
        }
    }

    fn check_environment(&self, refuse: &mut impl FnMut(&str, &str, &str)) {
        for (i, variable) in self.env.iter().enumerate() {
            if let Some(wrong) = wrong_variable(&format!("env[{i}].name"), &variable.name) {
                refuse(&wrong.field, &wrong.code, &wrong.message);
            }
        }
        for (i, from) in self.env_from.iter().enumerate() {
            if !may_exist(&from.name) {
                refuse(&format!("env_from[{i}].name"), "format", "Name a Secret or ConfigMap");
            }
            if from.key.is_some() && !from.variable().is_some_and(is_identifier) {
                refuse(&format!("env_from[{i}].variable"), "format", VARIABLE_SENTENCE);
            }
            if from.key.is_none() && from.variable.is_some() {
                refuse(&format!("env_from[{i}].key"), "required", "Say which key the variable gets");
            }
        }
    }

    fn check_surroundings(&self, refuse: &mut impl FnMut(&str, &str, &str)) {
        for (key, value) in &self.labels {
            let ours = key == APP || key.starts_with(OURS);
            if ours {
                refuse("labels", "reserved", "The label app and those of remotegpu.ai are set by the plan itself");
            } else if !is_label(key, value) {
                refuse("labels", "format", "Labels are key=value as Kubernetes takes them");
            }
        }
        if self.pull_secrets.iter().any(|name| !may_exist(name)) {
            refuse("pull_secrets", "format", "Name a pull secret");
        }
        for (i, mount) in self.mounts.iter().enumerate() {
            if let Some(sentence) = mount.wrong() {
                refuse(&format!("mounts[{i}]"), "format", sentence);
            } else if self.mounts.iter().take(i).any(|earlier| earlier.path == mount.path) {
                refuse(&format!("mounts[{i}]"), "duplicate", "Two mounts have the same path");
            }
        }
    }
}

/// What is wrong with the name of a variable of the environment.
pub(crate) fn wrong_variable(field: &str, name: &str) -> Option<FieldError> {
    (!is_identifier(name)).then(|| FieldError::new(field, "format", VARIABLE_SENTENCE))
}

fn is_identifier(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(legal) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// `[prefix/]name` and value as the API server checks them.
pub(super) fn is_label(key: &str, value: &str) -> bool {
    let word = |text: &str| {
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let end = |c: char| c.is_ascii_alphanumeric();
        text.len() <= 63 && text.chars().all(legal) && text.starts_with(end) && text.ends_with(end)
    };
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(may_exist) && word(name) && (value.is_empty() || word(value))
}
