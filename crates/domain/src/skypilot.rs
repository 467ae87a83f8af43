//! SkyPilot access of a namespace: what its user may tick, which rights each tick needs, and the files that follow.
//!
//! Source: `skypilot.md`, RULINGS 16 to 18. The rights come from `profiles.json`, a copy of the recorded calls of 0.14.1.

mod choice;
mod files;
mod kubeconfig;
mod manifest;
mod profiles;
#[cfg(test)]
mod tests;
mod verification;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::NamespaceId;
use crate::name::check_dns_label;
use crate::{Error, Result};

pub use choice::{Preset, SkypilotChoice, SkypilotNames};
pub use files::{SkypilotFiles, TokenKubeconfig, files, token_kubeconfig};
pub use kubeconfig::{
    IssuedSkypilotKubeconfig, KubeconfigState, NewSkypilotKubeconfig, SkypilotKubeconfig, SkypilotKubeconfigView,
    secret_name,
};
pub use manifest::{INGRESS_NAMESPACE, objects};
pub use profiles::{Level, Need, Scope, granted, needs, rules};
pub use verification::{Verification, Verified};

/// The name on SkyPilot's own page.
pub const DEFAULT_ACCOUNT: &str = "sky-sa";

/// Nothing looks at what is created in `skypilot-system`: who may make SkyPilot's DaemonSet may make any other.
const WITHHELD: &str = "Given to nobody in this version: it takes a privileged DaemonSet that mounts the host, and \
    whoever may create one has every real node. Copy files (mode COPY) instead.";

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
    /// Its account is suspended: its rights rest, what was ticked and allowed stays.
    pub suspended: bool,
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
    /// Ticked; this version gives it to nobody.
    Withheld,
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
            Self::Autodown => {
                "Pods may delete the pods and services of their own cluster. Virtual nodes give them the token for it \
                 only where an operator said how pods reach this cluster: else end clusters there with sky down."
            }
            Self::Gpus => {
                "Shows whole pod specs of every tenant, environment values included, so an operator has to allow it."
            }
            Self::ObjectStore => WITHHELD,
            Self::Ingress => {
                "Reads the services of ingress-nginx, and opens ports of this namespace at the cluster's own address, \
                 below /skypilot/<namespace>, so an operator has to allow it."
            }
            Self::Volumes => "Creates and deletes volume claims in this namespace. Virtual nodes mount none.",
            Self::Controllers => {
                "Creates and deletes deployments and volume claims in this namespace. Controllers launch with the token \
                 of their pod, which virtual nodes give only where an operator said how pods reach this cluster."
            }
            Self::Secrets => "SkyPilot 0.14.1 uses none of it. Whoever runs pods here can read every secret.",
        }
    }

    /// Whether it reaches things of others: an operator decides (RULINGS 17).
    pub fn needs_operator(self) -> bool {
        matches!(self, Self::Gpus | Self::Ingress)
    }

    /// Why this version gives it to nobody, not even with an operator's leave; none for what can be given.
    pub fn withheld(self) -> Option<&'static str> {
        (self == Self::ObjectStore).then_some(WITHHELD)
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

// === impl SkypilotAccess ===

impl SkypilotAccess {
    /// What may stand in the cluster now.
    pub fn rights(&self) -> SkypilotRights {
        let may = |feature: &Feature| {
            !self.suspended
                && feature.withheld().is_none()
                && (!feature.needs_operator() || self.approved.contains(feature))
        };
        SkypilotRights {
            service_account: self.service_account.clone(),
            features: self.features.iter().copied().filter(may).collect(),
        }
    }

    /// Where a feature is.
    pub fn state_of(&self, feature: Feature) -> FeatureState {
        if !self.wanted || !self.features.contains(&feature) {
            FeatureState::Off
        } else if feature.withheld().is_some() {
            FeatureState::Withheld
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

// === impl SkypilotView ===

impl SkypilotView {
    /// The choice that says what is applied; without an access, the usual one.
    pub fn choice(&self) -> SkypilotChoice {
        let mut choice = SkypilotChoice::default();
        if self.state != SkypilotState::Off {
            choice.names.service_account.clone_from(&self.service_account);
            let ticked = self.features.iter().filter(|feature| feature.state != FeatureState::Off);
            choice.features = ticked.map(|feature| feature.feature).collect();
        }
        choice
    }
}
