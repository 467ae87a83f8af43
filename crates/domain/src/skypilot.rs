//! SkyPilot access of a namespace: what its user may tick, which rights each tick needs, and the files that follow.
//!
//! Source: `skypilot.md`, RULINGS 16 to 18. The rights come from `profiles.json`, a copy of the recorded calls of 0.14.1.

mod files;
mod manifest;
mod profiles;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{NamespaceId, SkypilotKubeconfigId};
use crate::name::check_dns_label;
use crate::{Error, Result};

pub use files::{SkypilotFiles, TokenKubeconfig, files, token_kubeconfig};
pub use manifest::{INGRESS_NAMESPACE, SYSTEM_NAMESPACE, objects};
pub use profiles::{Level, Need, Scope, granted, needs, rules};

/// The name on SkyPilot's own page.
pub const DEFAULT_ACCOUNT: &str = "sky-sa";
/// Longest life of an issued kubeconfig, in days.
pub const LONGEST_DAYS: u16 = 365;

/// Something of SkyPilot that needs rights of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// check, launch, exec, logs, status, down: always on.
    Base,
    /// `ssh <cluster>` and forwarded ports.
    Ssh,
    /// A head pod that ends its own cluster.
    Autodown,
    /// `sky gpus list` (was `sky show-gpus`) with free GPUs.
    Gpus,
    /// Object stores mounted by FUSE.
    ObjectStore,
    /// Ports through an ingress.
    Ingress,
    /// `sky volumes`.
    Volumes,
    /// Controllers of `sky jobs` and `sky serve` with high availability.
    Controllers,
    /// Secrets, which the documentation lists and 0.14.1 does not use.
    Secrets,
}

/// How the manifest is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The verbs that were seen needed, nothing else; names that no second namespace overwrites.
    #[default]
    Smallest,
    /// Object for object as SkyPilot publishes it, its broken rules mended.
    Documented,
}

/// Names in `create-sky-sa.yaml`; each is "can be changed if needed" on SkyPilot's page (RULINGS 18).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SkypilotNames {
    /// The ServiceAccount.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub service_account: String,
    /// The Role.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub role: String,
    /// The RoleBinding.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub role_binding: String,
    /// The ClusterRole.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub cluster_role: String,
    /// The ClusterRoleBinding.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub cluster_role_binding: String,
}

/// Body of `POST …/skypilot/files`: what the files are to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SkypilotChoice {
    /// How the manifest is written.
    pub preset: Preset,
    /// Names in it.
    pub names: SkypilotNames,
    /// What is ticked; `base` is always on.
    #[cfg_attr(feature = "openapi", schema(max_items = 9))]
    pub features: Vec<Feature>,
    /// The SKU that `config.yaml` puts on every pod; none leaves it to the GPUs a task asks for.
    #[cfg_attr(feature = "openapi", schema(max_length = 63))]
    pub sku_code: Option<String>,
}

/// Body of `PUT …/skypilot`: the rights that are to stand in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SkypilotWanted {
    /// The ServiceAccount of SkyPilot's pods.
    #[serde(default = "default_account")]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", default = "sky-sa")
    )]
    pub service_account: String,
    /// What is ticked; `base` is always on.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 9))]
    pub features: Vec<Feature>,
}

/// Body of `PUT /v1/platform/skypilot/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SkypilotApproval {
    /// What the operator allows of what reaches beyond the namespace; the rest is taken back.
    #[cfg_attr(feature = "openapi", schema(max_items = 9))]
    pub approved: Vec<Feature>,
}

/// SkyPilot access of a namespace as it is stored: the wish, and how far the cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkypilotAccess {
    /// The namespace.
    pub namespace_id: NamespaceId,
    /// The ServiceAccount of SkyPilot's pods.
    pub service_account: String,
    /// What is ticked.
    pub features: BTreeSet<Feature>,
    /// What an operator allowed.
    pub approved: BTreeSet<Feature>,
    /// False while it is being taken away.
    pub wanted: bool,
    /// Grows with each change.
    pub ticket: i64,
    /// The ticket that the cluster holds.
    pub applied: i64,
    /// When it was changed last.
    pub changed_at: Timestamp,
}

/// What of an access stands in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkypilotRights {
    /// The ServiceAccount.
    pub service_account: String,
    /// Ticked and, where needed, approved.
    pub features: BTreeSet<Feature>,
}

/// Where an access is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SkypilotState {
    /// Nothing was applied.
    Off,
    /// The cluster is on its way there.
    Applying,
    /// The cluster holds what may be held.
    Applied,
}

/// Where a feature is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum FeatureState {
    /// Not ticked.
    Off,
    /// Ticked; an operator has to allow it.
    Waiting,
    /// Its rights are given.
    On,
}

/// One feature of an access on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeatureView {
    /// Which.
    pub feature: Feature,
    /// Where it is.
    pub state: FeatureState,
    /// Whether it reaches beyond the namespace, so that an operator decides.
    pub needs_operator: bool,
    /// What it is for.
    pub words: String,
    /// What it shows or opens.
    pub consequence: String,
}

/// SkyPilot access of a namespace on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SkypilotView {
    /// The namespace.
    pub namespace_id: String,
    /// Its name in the cluster.
    pub kubernetes_name: String,
    /// The ServiceAccount.
    pub service_account: String,
    /// Where it is.
    pub state: SkypilotState,
    /// Every feature.
    pub features: Vec<FeatureView>,
    /// Last change, RFC 3339; none while it is off.
    pub changed_at: Option<String>,
}

/// An access that reaches beyond its namespace, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SkypilotRequest {
    /// Id of the namespace.
    pub id: String,
    /// Name of the account.
    pub account: String,
    /// Name of the namespace in the cluster.
    pub kubernetes_name: String,
    /// The ServiceAccount.
    pub service_account: String,
    /// What reaches beyond the namespace and was ticked.
    pub asked: Vec<Feature>,
    /// What an operator allowed of it.
    pub approved: Vec<Feature>,
}

/// One needed right, asked of the API server for both identities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Verified {
    /// For which feature.
    pub feature: Feature,
    /// How much it matters.
    pub level: Level,
    /// `namespace`, `cluster`, or the name of another namespace.
    pub scope: String,
    /// API group, resource and subresource, for example `apps/deployments/status`.
    pub resource: String,
    /// One verb.
    pub verb: String,
    /// Whether the ServiceAccount may.
    pub service_account: bool,
    /// Whether the key of a kubeconfig may; none when no key has been used here.
    pub key: Option<bool>,
    /// What to do about a no; empty when nothing is missing.
    pub fix: String,
}

/// Answer of `GET …/skypilot/verification`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Verification {
    /// The ServiceAccount as the API server calls it.
    pub service_account: String,
    /// The identity of a key that reaches the namespace, as the API server calls it.
    pub key: Option<String>,
    /// Whether everything required is allowed to everybody who was asked for.
    pub complete: bool,
    /// One row for each feature, resource and verb.
    pub rows: Vec<Verified>,
}

/// Body of `POST …/skypilot/kubeconfigs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSkypilotKubeconfig {
    /// Who or what it is for.
    #[cfg_attr(feature = "openapi", schema(example = "ci", min_length = 1, max_length = 63))]
    pub name: String,
    /// Days of life; the API server may give less.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 365))]
    pub days: u16,
}

/// A kubeconfig whose identity is the ServiceAccount. Its token is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkypilotKubeconfig {
    /// Its id; the Secret its token hangs on is named after it.
    pub id: SkypilotKubeconfigId,
    /// The namespace.
    pub namespace_id: NamespaceId,
    /// Who or what it is for.
    pub name: String,
    /// The ServiceAccount it is for.
    pub service_account: String,
    /// E-mail of who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When its token ends, as the API server said.
    pub expires_at: Timestamp,
    /// When somebody ended it.
    pub revoked_at: Option<Timestamp>,
}

/// Where an issued kubeconfig is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum KubeconfigState {
    /// Its token works.
    Active,
    /// Its time has passed.
    Expired,
    /// Somebody ended it.
    Revoked,
}

/// An issued kubeconfig on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SkypilotKubeconfigView {
    /// Its id.
    pub id: String,
    /// Who or what it is for.
    pub name: String,
    /// The ServiceAccount it is for.
    pub service_account: String,
    /// Where it is.
    pub state: KubeconfigState,
    /// E-mail of who made it.
    pub created_by: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339, as the API server gave it.
    pub expires_at: String,
}

/// Answer of `POST …/skypilot/kubeconfigs`: the only time the token is seen.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedSkypilotKubeconfig {
    /// What was issued.
    #[serde(flatten)]
    pub issued: SkypilotKubeconfigView,
    /// Suggested file name.
    pub filename: String,
    /// The YAML text, with the token inside.
    pub kubeconfig: String,
}

fn default_account() -> String {
    DEFAULT_ACCOUNT.to_owned()
}

// === impl Feature ===

impl Feature {
    /// All, in the order of the page.
    pub const ALL: [Self; 9] = [
        Self::Base,
        Self::Ssh,
        Self::Autodown,
        Self::Gpus,
        Self::ObjectStore,
        Self::Ingress,
        Self::Volumes,
        Self::Controllers,
        Self::Secrets,
    ];

    /// The wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Ssh => "ssh",
            Self::Autodown => "autodown",
            Self::Gpus => "gpus",
            Self::ObjectStore => "object-store",
            Self::Ingress => "ingress",
            Self::Volumes => "volumes",
            Self::Controllers => "controllers",
            Self::Secrets => "secrets",
        }
    }

    /// Reads the wire form; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.as_str() == text)
    }

    /// What it is for, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Base => "check, launch, exec, logs, status, down",
            Self::Ssh => "ssh and port-forward",
            Self::Autodown => "autostop and autodown from inside the cluster",
            Self::Gpus => "sky gpus list (sky show-gpus) with free GPUs",
            Self::ObjectStore => "object store mounts (FUSE)",
            Self::Ingress => "ports through an ingress",
            Self::Volumes => "sky volumes",
            Self::Controllers => "jobs and serve controllers with high availability",
            Self::Secrets => "Secrets, as the documentation lists them",
        }
    }

    /// What it shows or opens, for people.
    pub fn consequence(self) -> &'static str {
        match self {
            Self::Base => "Always on. Reads the names of nodes and runtime classes of the whole cluster.",
            Self::Ssh => "Opens ports of this namespace's pods to whoever holds the kubeconfig.",
            Self::Autodown => "Pods may delete the pods and services of their own cluster.",
            Self::Gpus => "Shows the names of all pods on the cluster, so an operator has to allow it.",
            Self::ObjectStore => {
                "SkyPilot runs a privileged DaemonSet on real nodes, so an operator has to allow it; virtual nodes \
                 have no FUSE device: copy files (mode COPY) there."
            }
            Self::Ingress => "Reads the services of ingress-nginx, so an operator has to allow it.",
            Self::Volumes => "Creates and deletes volume claims in this namespace.",
            Self::Controllers => "Creates and deletes deployments and volume claims in this namespace.",
            Self::Secrets => "SkyPilot 0.14.1 uses none of it. Whoever runs pods here can read every secret.",
        }
    }

    /// Whether it reaches things of others: an operator decides (RULINGS 17).
    pub fn needs_operator(self) -> bool {
        matches!(self, Self::Gpus | Self::ObjectStore | Self::Ingress)
    }

    /// Whether it is ticked at first: what works without anybody's leave and takes nothing more than a launch needs.
    pub fn usual(self) -> bool {
        matches!(self, Self::Base | Self::Ssh | Self::Autodown)
    }
}

/// Each once, `base` always among them.
pub fn ticked(features: &[Feature]) -> BTreeSet<Feature> {
    features.iter().copied().chain([Feature::Base]).collect()
}

// === impl Preset ===

impl Preset {
    /// The wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Smallest => "smallest",
            Self::Documented => "documented",
        }
    }
}

// === impl SkypilotNames ===

impl Default for SkypilotNames {
    fn default() -> Self {
        Self {
            service_account: default_account(),
            role: "sky-sa-role".to_owned(),
            role_binding: "sky-sa-rb".to_owned(),
            cluster_role: "sky-sa-cluster-role".to_owned(),
            cluster_role_binding: "sky-sa-cluster-role-binding".to_owned(),
        }
    }
}

// === impl SkypilotChoice ===

impl Default for SkypilotChoice {
    fn default() -> Self {
        Self {
            preset: Preset::default(),
            names: SkypilotNames::default(),
            features: Feature::ALL.into_iter().filter(|feature| feature.usual()).collect(),
            sku_code: None,
        }
    }
}

impl SkypilotChoice {
    /// Checks every name.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field at once.
    pub fn check(&self) -> Result<()> {
        let names = &self.names;
        let all = [
            ("service_account", &names.service_account),
            ("role", &names.role),
            ("role_binding", &names.role_binding),
            ("cluster_role", &names.cluster_role),
            ("cluster_role_binding", &names.cluster_role_binding),
        ];
        let mut wrong: Vec<_> = all.iter().filter_map(|(field, name)| wrong_label(field, name)).flatten().collect();
        if let Some(code) = self.sku_code.as_deref().filter(|code| !code.is_empty()) {
            wrong.extend(wrong_label("sku_code", code).into_iter().flatten());
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }
}

fn wrong_label(field: &str, name: &str) -> Option<Vec<crate::FieldError>> {
    match check_dns_label(field, name) {
        Err(Error::Invalid(wrong)) => Some(wrong),
        _ => None,
    }
}

// === impl SkypilotWanted ===

impl SkypilotWanted {
    /// Checks the name: `default` is the account that has no rights in any tenant namespace (RULINGS 16).
    ///
    /// # Errors
    /// [`Error::Invalid`] on `service_account`.
    pub fn check(&self) -> Result<()> {
        check_dns_label("service_account", &self.service_account)?;
        if self.service_account == "default" {
            let message = "The ServiceAccount default has no rights here and stays so: name another one";
            return Err(Error::field("service_account", "reserved", message));
        }
        Ok(())
    }
}

// === impl NewSkypilotKubeconfig ===

impl NewSkypilotKubeconfig {
    /// Checks name and life.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check(&self) -> Result<()> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > 63 || name.chars().any(char::is_control) {
            return Err(Error::field("name", "length", "Name must be 1 to 63 characters"));
        }
        if !(1..=LONGEST_DAYS).contains(&self.days) {
            return Err(Error::field("days", "range", format!("Choose 1 to {LONGEST_DAYS} days")));
        }
        Ok(())
    }
}

// === impl Verified ===

impl Verified {
    /// Whether everybody who was asked for may.
    pub fn allowed(&self) -> bool {
        self.service_account && self.key != Some(false)
    }
}

// === impl SkypilotAccess ===

impl SkypilotAccess {
    /// What may stand in the cluster now.
    pub fn rights(&self) -> SkypilotRights {
        let may = |feature: &Feature| !feature.needs_operator() || self.approved.contains(feature);
        SkypilotRights {
            service_account: self.service_account.clone(),
            features: self.features.iter().copied().filter(may).collect(),
        }
    }

    /// Where a feature is.
    pub fn state_of(&self, feature: Feature) -> FeatureState {
        if !self.wanted || !self.features.contains(&feature) {
            FeatureState::Off
        } else if feature.needs_operator() && !self.approved.contains(&feature) {
            FeatureState::Waiting
        } else {
            FeatureState::On
        }
    }
}

/// An access on the wire; none is one that is off.
pub fn view(id: NamespaceId, kubernetes_name: &str, access: Option<&SkypilotAccess>) -> SkypilotView {
    let state = match access {
        None => SkypilotState::Off,
        Some(access) if access.wanted && access.ticket == access.applied => SkypilotState::Applied,
        Some(_) => SkypilotState::Applying,
    };
    let feature = |feature: Feature| FeatureView {
        feature,
        state: access.map_or(FeatureState::Off, |access| access.state_of(feature)),
        needs_operator: feature.needs_operator(),
        words: feature.words().to_owned(),
        consequence: feature.consequence().to_owned(),
    };
    SkypilotView {
        namespace_id: id.to_string(),
        kubernetes_name: kubernetes_name.to_owned(),
        service_account: access.map_or(DEFAULT_ACCOUNT, |access| &access.service_account).to_owned(),
        state,
        features: Feature::ALL.map(feature).into(),
        changed_at: access.map(|access| access.changed_at.to_string()),
    }
}

// === impl SkypilotKubeconfig ===

impl SkypilotKubeconfig {
    /// Name of the Secret in the namespace that its token hangs on: without it the token ends.
    pub fn secret(&self) -> String {
        secret_name(self.id)
    }

    /// On the wire.
    pub fn view(&self, now: Timestamp) -> SkypilotKubeconfigView {
        let state = match self.revoked_at {
            Some(_) => KubeconfigState::Revoked,
            None if self.expires_at <= now => KubeconfigState::Expired,
            None => KubeconfigState::Active,
        };
        SkypilotKubeconfigView {
            id: self.id.to_string(),
            name: self.name.clone(),
            service_account: self.service_account.clone(),
            state,
            created_by: self.created_by.clone(),
            created_at: self.created_at.to_string(),
            expires_at: self.expires_at.to_string(),
        }
    }
}

/// The Secret that the token of an issued kubeconfig hangs on.
pub fn secret_name(id: SkypilotKubeconfigId) -> String {
    format!("remotegpu-skypilot-{id}")
}
