//! Engines: places that run pods, imported by an operator for everybody or by an account for itself (RULINGS 2).
//!
//! Source: `engine-import.md`, RULINGS 28 to 32.

pub mod address;
mod base64;
pub mod certificate;
pub mod credentials;
pub mod form;
pub mod gpu;
pub mod report;
pub mod settings;
pub mod status;
pub mod token;
pub mod view;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::capacity::{accounts_engine_name, former_engine_name};
use crate::id::{AccountId, EngineId};
use crate::node::{NodeState, RUN_BY_FLEET, RUN_BY_LABEL};
use crate::{Error, Result};

/// Most engines of one account: each costs a check every five minutes. The platform may have any number.
pub const MOST: i64 = 20;

pub use address::ApiUrl;
pub use certificate::Authority;
pub use credentials::{AuthFacts, AuthMethod, Credentials};
pub use form::{CheckedEngine, EngineForm};
pub use report::{Check, Depth, Facts, Probed, Report, Row, RowStatus};
pub use settings::{GpuCount, Settings};
pub use status::{EngineStatus, Verdict};
pub use view::{EngineView, PreflightView};

/// What stands behind an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// A Kubernetes cluster of somebody else.
    #[default]
    OnPremise,
    /// A Docker or Podman host.
    Docker,
    /// A RunPod account.
    Runpod,
}

/// One engine. Its credentials are kept apart and sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct Engine {
    /// Its id.
    pub id: EngineId,
    /// Whose it is; none = the platform's.
    pub account_id: Option<AccountId>,
    /// Unique where it belongs; part of [`Engine::node_label`].
    pub name: String,
    /// Tag for infrastructure as code; may be empty (RULINGS 31).
    pub ecosystem: String,
    /// Where it is and what is known about it beforehand.
    pub settings: Settings,
    /// What may be said about its credentials.
    pub auth: AuthFacts,
    /// How it is.
    pub status: EngineStatus,
    /// Why; empty when there is nothing to say.
    pub status_reason: String,
    /// Failed checks in a row.
    pub failures: u32,
    /// What the last check found out.
    pub facts: Facts,
    /// When it was checked last.
    pub last_check_at: Option<Timestamp>,
    /// When everything was checked last, not only whether it answers.
    pub last_full_at: Option<Timestamp>,
    /// When it is to be checked next.
    pub next_check_at: Timestamp,
    /// When it was imported.
    pub created_at: Timestamp,
    /// Counts its changes, so that a slow check does not overwrite what somebody decided meanwhile.
    pub revision: i64,
}

// === impl EngineKind ===

impl EngineKind {
    /// Every kind, in the order of forms.
    pub const ALL: [Self; 3] = [Self::OnPremise, Self::Docker, Self::Runpod];

    /// The stored and wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnPremise => "on_premise",
            Self::Docker => "docker",
            Self::Runpod => "runpod",
        }
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::OnPremise => "On Premise",
            Self::Docker => "Docker host",
            Self::Runpod => "RunPod",
        }
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `kind`.
    pub fn parse(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| Error::field("kind", "unknown", "Choose on_premise, docker or runpod"))
    }
}

// === impl Engine ===

impl Engine {
    /// The audit target.
    pub fn target(&self) -> String {
        format!("engine:{}", self.id)
    }

    /// The label of its nodes, which SKUs are placed by. Names of the platform's engines are what SKUs say. Those of an
    /// account carry its id: otherwise it could import an engine under a name that draws everybody's pods.
    pub fn node_label(&self) -> String {
        match self.account_id {
            None => self.name.clone(),
            Some(account) => accounts_engine_name(&self.name, account),
        }
    }

    /// The label that an earlier version gave its nodes, where that was another: those of other kinds had none then.
    pub fn former_label(&self) -> Option<String> {
        let differs = self.account_id.is_some() && matches!(self.settings, Settings::OnPremise(_));
        differs.then(|| former_engine_name(&self.name, self.id))
    }

    /// Those of `nodes` that are its own.
    pub fn own<'a>(&self, nodes: &'a [NodeState]) -> impl Iterator<Item = &'a NodeState> + use<'a> {
        let (label, former) = (self.node_label(), self.former_label());
        nodes.iter().filter(move |node| node.engine() == label || former.as_deref() == Some(node.engine()))
    }

    /// How many pods have not ended on those of `nodes` that are its own.
    pub fn pods_on(&self, nodes: &[NodeState]) -> u32 {
        self.own(nodes).map(|node| node.view().pods).sum()
    }

    /// Whether any of `nodes` is one that `remotegpu nodes` made for it.
    pub fn has_nodes(&self, nodes: &[NodeState]) -> bool {
        self.own(nodes).any(|node| node.labels.get(RUN_BY_LABEL).is_some_and(|by| by == RUN_BY_FLEET))
    }

    /// Takes in what a check found; says how status and reason change.
    pub fn checked(&mut self, probed: &Probed, depth: Depth, now: Timestamp) -> Verdict {
        let before = (self.status, self.status_reason.clone());
        let whole = depth == Depth::Full && !probed.unanswered;
        let verdict = Verdict::of(&probed.report, self.failures, self.status);
        self.failures = verdict.failures;
        self.last_check_at = Some(now);
        if verdict.reached {
            self.auth.learn(&probed.facts);
            self.facts.learn(&probed.facts, depth);
            if whole {
                self.last_full_at = Some(now);
            }
        }
        // A light check does not ask for rights: it must not call an engine ready that lacks some. And what is kept
        // through a few misses keeps its reason too.
        let keeps = if verdict.reached {
            !whole && verdict.status == EngineStatus::Ready && before.0 == EngineStatus::Degraded
        } else {
            verdict.status == before.0
        };
        if before.0 != EngineStatus::Disabled && before.0 != EngineStatus::Deleting && !keeps {
            (self.status, self.status_reason) = (verdict.status, verdict.reason.clone());
        }
        self.facts.lacking = match self.status {
            EngineStatus::Degraded => self.facts.lacking.saturating_add(u32::from(whole && verdict.reached)),
            _ => 0,
        };
        // Between two full checks that are far apart, the light ones go on.
        let whole_in = status::whole_pause(self.facts.lacking);
        self.next_check_at = now + if verdict.reached { verdict.pause().min(whole_in) } else { verdict.pause() };
        Verdict { changed: (self.status, &self.status_reason) != (before.0, &before.1), ..verdict }
    }

    /// Whether nobody changed it since: only checks may have come between.
    pub fn same_but_for_checks(&self, other: &Self) -> bool {
        let off = |engine: &Self| {
            let status = engine.status;
            (status == EngineStatus::Disabled, status == EngineStatus::Deleting)
        };
        let auth = |engine: &Self| (engine.auth.method, engine.auth.set_at);
        (&self.name, &self.ecosystem, &self.settings) == (&other.name, &other.ecosystem, &other.settings)
            && auth(self) == auth(other)
            && off(self) == off(other)
    }

    /// Takes over what a check of it found that ended meanwhile.
    pub fn take_check_of(&mut self, newer: &Self) {
        self.auth.identity.clone_from(&newer.auth.identity);
        self.status_reason.clone_from(&newer.status_reason);
        self.facts.clone_from(&newer.facts);
        (self.status, self.failures) = (newer.status, newer.failures);
        (self.last_check_at, self.last_full_at) = (newer.last_check_at, newer.last_full_at);
        self.next_check_at = newer.next_check_at;
    }

    /// The end of its credentials that is to be announced at `now`: it is near, and nobody was told of it yet.
    pub fn end_to_tell(&self, now: Timestamp) -> Option<Timestamp> {
        self.auth.expires_at.filter(|end| self.auth.expiring(now) && self.facts.end_told != Some(*end))
    }

    /// Puts the next check off by up to a tenth of its pause, as `chance` says: many engines of one cause are not all
    /// looked at in one moment.
    pub fn spread(&mut self, now: Timestamp, chance: u8) {
        let tenth = self.next_check_at.duration_since(now) / 10;
        self.next_check_at += tenth * i32::from(chance) / i32::from(u8::MAX);
    }

    /// Which kind of check is due at `now`: everything once a day, sooner while something is lacking, and when the light
    /// one cannot tell.
    pub fn due_depth(&self, now: Timestamp) -> Depth {
        let pause = status::whole_pause(self.facts.lacking);
        let fresh = self.last_full_at.is_some_and(|at| now.duration_since(at) < pause);
        if fresh && self.status.takes_workloads() { Depth::Light } else { Depth::Full }
    }
}

#[cfg(test)]
mod tests;
