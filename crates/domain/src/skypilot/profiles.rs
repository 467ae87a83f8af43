//! The recorded permission profiles of SkyPilot and what of them each feature is given.
//!
//! Source: `skypilot.md` §2 and §8; `profiles.json` is data, one row for each call that was seen.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Feature;
use crate::{Error, Result};

const DATA: &str = include_str!("profiles.json");

/// Where a right is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// In the tenant's namespace.
    Tenant,
    /// In the whole cluster.
    Cluster,
    /// In another namespace.
    Namespace(String),
}

/// How much a right matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Without it the feature fails.
    Required,
    /// SkyPilot goes on without it.
    Tolerated,
}

/// One right that SkyPilot asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// For which feature.
    pub feature: Feature,
    /// Where.
    pub scope: Scope,
    /// API group; empty is the core group.
    pub group: String,
    /// Resource.
    pub resource: String,
    /// Subresource, may be empty.
    pub subresource: String,
    /// One verb.
    pub verb: String,
    /// How much it matters.
    pub level: Level,
}

#[derive(Deserialize)]
struct Data {
    profiles: BTreeMap<String, Profile>,
}

#[derive(Deserialize)]
struct Profile {
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    scope: String,
    group: String,
    resource: String,
    subresource: String,
    verb: String,
    level: String,
}

/// Every right of the ticked features, each feature's own rows only.
///
/// # Errors
/// [`Error::Internal`] when the data that was compiled in cannot be read.
pub fn needs(features: &BTreeSet<Feature>) -> Result<Vec<Need>> {
    let data: Data = serde_json::from_str(DATA).map_err(Error::internal)?;
    let mut all = Vec::new();
    for feature in features {
        for (profile, level) in rows_of(*feature) {
            let profile = data.profiles.get(*profile).ok_or_else(|| Error::internal("a profile is missing"))?;
            let rows = profile.checks.iter().filter(|check| level.contains(&check.level.as_str()));
            all.extend(rows.map(|check| need(*feature, check)));
        }
    }
    Ok(all)
}

/// The profiles that make a feature, with the levels of the rows that belong to it.
fn rows_of(feature: Feature) -> &'static [(&'static str, &'static [&'static str])] {
    const USUAL: &[&str] = &["required", "tolerated"];
    match feature {
        Feature::Base => &[("skypilot/check", USUAL), ("skypilot/launch", USUAL)],
        Feature::Ssh => &[("skypilot/launch", &["ssh"])],
        Feature::Secrets => &[("skypilot/launch", &["documented"])],
        Feature::Autodown => &[("skypilot/workload-sa", USUAL)],
        Feature::Gpus => &[("skypilot/gpus", USUAL)],
        Feature::ObjectStore => &[("skypilot/object-store", USUAL)],
        Feature::Ingress => &[("skypilot/ports-ingress", USUAL)],
        Feature::Volumes => &[("skypilot/volumes", USUAL)],
        Feature::Controllers => &[("skypilot/controller-ha", USUAL)],
    }
}

fn need(feature: Feature, check: &Check) -> Need {
    let scope = match check.scope.as_str() {
        "tenant" => Scope::Tenant,
        "cluster" => Scope::Cluster,
        other => Scope::Namespace(other.trim_start_matches("ns:").to_owned()),
    };
    Need {
        feature,
        scope,
        group: check.group.clone(),
        resource: check.resource.clone(),
        subresource: check.subresource.clone(),
        verb: check.verb.clone(),
        // The levels `ssh` and `documented` are what their features are for.
        level: if check.level == "tolerated" { Level::Tolerated } else { Level::Required },
    }
}

/// Whether a right is given: a tolerated one only inside the tenant's own namespace, where it takes nothing from others.
pub fn granted(need: &Need) -> bool {
    need.level == Level::Required || need.scope == Scope::Tenant
}

/// The rules that give `needs` in `scope`, as a Role writes them: resources with the same verbs stand together.
pub fn rules<'a>(needs: impl IntoIterator<Item = &'a Need>, scope: &Scope) -> Vec<Value> {
    let mut verbs: BTreeMap<(&str, String), BTreeSet<&str>> = BTreeMap::new();
    for need in needs.into_iter().filter(|need| need.scope == *scope && granted(need)) {
        verbs.entry((&need.group, need.full_resource())).or_default().insert(&need.verb);
    }
    let mut rules: BTreeMap<(&str, BTreeSet<&str>), Vec<String>> = BTreeMap::new();
    for ((group, resource), verbs) in verbs {
        rules.entry((group, verbs)).or_default().push(resource);
    }
    let rule = |((group, verbs), resources)| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    rules.into_iter().map(rule).collect()
}

// === impl Need ===

impl Need {
    /// `pods` or `pods/exec`.
    pub fn full_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }

    /// What to do when it is missing.
    pub fn fix(&self, ticked: bool, approved: bool) -> String {
        if let Some(why) = self.feature.withheld() {
            return why.to_owned();
        }
        match (self.level, ticked, approved) {
            _ if !granted(self) => "SkyPilot goes on without it".to_owned(),
            (_, false, _) => format!("Tick \"{}\" and apply", self.feature.words()),
            (_, true, false) => "An operator has to allow it".to_owned(),
            (_, true, true) => "Apply again; the cluster may be on its way".to_owned(),
        }
    }
}

// === impl Scope ===

impl Scope {
    /// For people: `namespace`, `cluster` or the other namespace's name.
    pub fn words(&self) -> &str {
        match self {
            Self::Tenant => "namespace",
            Self::Cluster => "cluster",
            Self::Namespace(name) => name,
        }
    }

    /// The end of the name of the ClusterRole in `deploy/` that gives a feature's rights here.
    fn suffix(&self) -> &'static str {
        match self {
            Self::Tenant => "",
            Self::Cluster => "-cluster",
            Self::Namespace(_) => "-elsewhere",
        }
    }

    /// Name of the ClusterRole in `deploy/roles/60-skypilot.yaml` that gives `feature`'s rights here.
    pub fn cluster_role(&self, feature: Feature) -> String {
        format!("remotegpu-skypilot-{}{}", feature.as_str(), self.suffix())
    }
}
