//! What a check of an engine found: one row each, in order, with the command or YAML that mends it.
//!
//! Source: `engine-import.md` §7. No text of the other side is ever in a row but names: of certificates, versions, users,
//! nodes and services, each cut and without control characters.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::engine_manifest::{EngineFeature, EngineRight};
use crate::id::EngineId;

/// How much is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// Address, TLS, version, identity.
    Light,
    /// Everything.
    Full,
}

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RowStatus {
    /// As it should be.
    Pass,
    /// Works, but somebody should look.
    Warn,
    /// Does not work.
    Fail,
    /// Not checked, because something before it failed or nothing needs it.
    Skip,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Row {
    /// Stable, for example `tls-name` or `rbac/apps/deployments/create`.
    #[cfg_attr(feature = "openapi", schema(format = "row-id"))]
    pub id: String,
    /// How it stands.
    pub status: RowStatus,
    /// One sentence.
    pub message: String,
    /// A command or YAML that mends it; often empty.
    #[serde(default)]
    pub fix: String,
}

/// All rows of one check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// In the order of checking.
    pub rows: Vec<Row>,
}

/// So many rights of one feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeatureRights {
    /// In words, for example `Ray`.
    pub feature: String,
    /// How many it has.
    pub granted: u32,
    /// How many it needs.
    pub needed: u32,
}

/// What is known of an engine beside its settings: what checks learned, what its deletion is to do, what was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Version of the other side.
    pub version: String,
    /// As whom it sees us.
    pub identity: String,
    /// UID of the namespace `kube-system`; the cluster's identity.
    pub cluster_uid: String,
    /// What it can run; none = not known.
    pub capacity: Option<EngineCapacity>,
    /// Whether the identity may ask for its next token; none = nobody asked, or there is none to ask for.
    pub renewable: Option<bool>,
    /// Decided, not learned: nobody agreed to the end of its pods, so its deletion waits for those that came while it was
    /// asked for.
    pub waits_for_pods: bool,
    /// The end of credentials that was announced already.
    pub end_told: Option<Timestamp>,
    /// Counted, not learned: full checks in a row that found something lacking.
    pub lacking: u32,
}

/// What an engine can run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EngineCapacity {
    /// Machines.
    pub nodes: u32,
    /// By model.
    pub gpus: Vec<GpuCapacity>,
}

/// GPUs of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GpuCapacity {
    /// As the nodes say it.
    pub model: String,
    /// All of them.
    pub total: u32,
    /// Those that no pod holds; none = not known.
    pub free: Option<u32>,
}

/// A check with what it learned.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Probed {
    /// Its rows.
    pub report: Report,
    /// What it learned.
    pub facts: Facts,
    /// Something of it got no answer this time: it proves nothing about that, and is soon made again.
    pub unanswered: bool,
}

/// A check as history keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Of which engine.
    pub engine_id: EngineId,
    /// When.
    pub at: Timestamp,
    /// How much.
    pub depth: Depth,
    /// Its rows; for a light check that passed, few.
    pub report: Report,
}

// === impl Row ===

impl Row {
    /// As it should be.
    pub fn pass(id: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(id, RowStatus::Pass, message)
    }

    /// Works, but somebody should look.
    pub fn warn(id: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(id, RowStatus::Warn, message)
    }

    /// Does not work.
    pub fn fail(id: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(id, RowStatus::Fail, message)
    }

    /// Not checked.
    pub fn skip(id: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(id, RowStatus::Skip, message)
    }

    /// With what mends it.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    fn new(id: impl Into<String>, status: RowStatus, message: impl Into<String>) -> Self {
        Self { id: id.into(), status, message: message.into(), fix: String::new() }
    }

    /// The answer to one access review, with the rule that adds what is missing.
    pub fn right(right: &EngineRight, allowed: bool) -> Self {
        let EngineRight { group, resource, subresource, verb, namespace, .. } = right;
        let what = if subresource.is_empty() { resource.clone() } else { format!("{resource}/{subresource}") };
        let dotted = if group.is_empty() { what.clone() } else { format!("{what}.{group}") };
        let place = namespace.as_ref().map_or("all namespaces".to_owned(), |name| format!("namespace {name}"));
        let id = format!("rbac/{group}/{what}/{verb}");
        let id = namespace.as_ref().map_or(id.clone(), |name| format!("{id}@{name}"));
        if allowed {
            return Self::pass(id, format!("{verb} on {dotted} ({place})"));
        }
        let rule = format!("- apiGroups: [\"{group}\"]\n  resources: [\"{what}\"]\n  verbs: [\"{verb}\"]");
        Self::fail(id, format!("Missing: {verb} on {dotted} ({place})")).fix(rule)
    }
}

// === impl Report ===

impl Report {
    /// Whether an engine may be made of it: warnings and missing features are no obstacle, a wrong address, certificate or
    /// credential is.
    pub fn usable(&self) -> bool {
        !self.rows.iter().any(|row| row.status == RowStatus::Fail && essential(&row.id))
    }

    /// The first row that stands in the way, else the first that fails at all.
    pub fn worst(&self) -> Option<&Row> {
        let failed = |row: &&Row| row.status == RowStatus::Fail;
        let essential = self.rows.iter().find(|row| failed(row) && essential(&row.id));
        essential.or_else(|| self.rows.iter().find(failed))
    }

    /// Puts a row in the place of the one with its id, or last.
    pub fn replace(&mut self, row: Row) {
        match self.rows.iter_mut().find(|old| old.id == row.id) {
            Some(old) => *old = row,
            None => self.rows.push(row),
        }
    }

    /// The row of an id.
    pub fn row(&self, id: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }

    /// The rights by feature: `Ray: 3 of 4 granted`.
    pub fn features(&self, rights: &[EngineRight]) -> Vec<FeatureRights> {
        let granted = |right: &EngineRight| {
            let id = Row::right(right, true).id;
            self.row(&id).is_some_and(|row| row.status == RowStatus::Pass)
        };
        let count = |feature: EngineFeature| {
            let needed: Vec<&EngineRight> = rights.iter().filter(|right| belongs(feature, right)).collect();
            let had = needed.iter().filter(|right| granted(right)).count();
            (!needed.is_empty() && self.rows.iter().any(|row| row.id.starts_with("rbac/"))).then(|| FeatureRights {
                feature: feature.words().to_owned(),
                granted: u32::try_from(had).unwrap_or(u32::MAX),
                needed: u32::try_from(needed.len()).unwrap_or(u32::MAX),
            })
        };
        EngineFeature::ALL.into_iter().filter_map(count).collect()
    }
}

// === impl Facts ===

impl Facts {
    /// Takes in what a later check learned; a light one counts nothing, and one that could not count takes nothing back.
    pub(super) fn learn(&mut self, newer: &Self, depth: Depth) {
        for (old, new) in [(&mut self.version, &newer.version), (&mut self.identity, &newer.identity)] {
            if !new.is_empty() {
                old.clone_from(new);
            }
        }
        if self.cluster_uid.is_empty() {
            self.cluster_uid.clone_from(&newer.cluster_uid);
        }
        if depth == Depth::Full && newer.capacity.is_some() {
            self.capacity.clone_from(&newer.capacity);
        }
    }
}

// === impl Depth ===

impl Depth {
    /// The stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Full => "full",
        }
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`].
    pub fn parse(text: &str) -> crate::Result<Self> {
        let found = [Self::Light, Self::Full].into_iter().find(|depth| depth.as_str() == text);
        found.ok_or_else(|| crate::Error::field("depth", "unknown", "Unknown depth"))
    }
}

/// Groups 1 to 5 of `engine-import.md` §7 and their counterparts of other kinds: without them nothing works.
pub(super) fn essential(id: &str) -> bool {
    const IDS: [&str; 18] = [
        "dns",
        "policy",
        "tcp",
        "tls",
        "tls-trust",
        "tls-name",
        "tls-dates",
        "tls-version",
        "kubernetes",
        "auth",
        "auth-basic-ignored",
        "token-life",
        "cluster-uid",
        "provider",
        "key",
        "socket",
        "docker",
        "time",
    ];
    IDS.contains(&id)
}

/// A right belongs to the feature that names its resource; what only the published rules name, to none.
fn belongs(feature: EngineFeature, right: &EngineRight) -> bool {
    let what = match right.subresource.as_str() {
        "" => right.resource.clone(),
        sub => format!("{}/{sub}", right.resource),
    };
    let rules = feature.cluster_rules().iter().chain(feature.namespaced_rules());
    let mut rules = rules.filter(|rule| rule.group == right.group);
    rules.any(|rule| rule.resources.contains(&what.as_str()) && rule.verbs.contains(&right.verb.as_str()))
}
