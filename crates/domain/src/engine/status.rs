//! How an engine is, and how a check changes that.
//!
//! Source: `engine-import.md` §9 and §10 (RULINGS 32: these statuses and no others).

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::report::{Report, RowStatus, essential};
use crate::{Error, Result};

/// Failed checks in a row until an engine is called unreachable.
const PATIENCE: u32 = 3;
const USUAL: SignedDuration = SignedDuration::from_mins(5);
const LONGEST: SignedDuration = SignedDuration::from_mins(30);
const SOON: SignedDuration = SignedDuration::from_secs(30);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Minutes until everything is looked at again while something is lacking: whoever mends it waits for that.
const LACKING: [i64; 5] = [1, 2, 5, 15, 60];

/// How an engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EngineStatus {
    /// Saved, not checked.
    Draft,
    /// The first check runs.
    Checking,
    /// The last check passed, warnings allowed.
    Ready,
    /// Reachable; a feature lacks a right or an API.
    Degraded,
    /// The other side refuses the credentials.
    Unauthorized,
    /// Three failed checks in a row.
    Unreachable,
    /// Another cluster is behind the address.
    Mismatch,
    /// Switched off.
    Disabled,
    /// On its way out.
    Deleting,
}

/// What a check means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How the engine is by it.
    pub status: EngineStatus,
    /// Why, in one sentence; empty when there is nothing to say.
    pub reason: String,
    /// Failed checks in a row, this one included.
    pub failures: u32,
    /// Whether the other side was there and took us for somebody.
    pub reached: bool,
    /// Whether the engine's status or its reason changed.
    pub changed: bool,
}

// === impl EngineStatus ===

impl EngineStatus {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Draft,
        Self::Checking,
        Self::Ready,
        Self::Degraded,
        Self::Unauthorized,
        Self::Unreachable,
        Self::Mismatch,
        Self::Disabled,
        Self::Deleting,
    ];

    /// The stored and wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Checking => "checking",
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Unauthorized => "unauthorized",
            Self::Unreachable => "unreachable",
            Self::Mismatch => "mismatch",
            Self::Disabled => "disabled",
            Self::Deleting => "deleting",
        }
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::Checking => "Checking",
            Self::Ready => "Ready",
            Self::Degraded => "Degraded",
            Self::Unauthorized => "Unauthorized",
            Self::Unreachable => "Unreachable",
            Self::Mismatch => "Mismatch",
            Self::Disabled => "Disabled",
            Self::Deleting => "Deleting",
        }
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `status`.
    pub fn parse(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| Error::field("status", "unknown", "Unknown status"))
    }

    /// Whether new workloads may start there. Running ones are never stopped by a status.
    pub fn takes_workloads(self) -> bool {
        matches!(self, Self::Ready | Self::Degraded)
    }
}

/// How long until everything is looked at again, after `lacking` full checks in a row that found something lacking.
pub(super) fn whole_pause(lacking: u32) -> SignedDuration {
    let step = usize::try_from(lacking).unwrap_or(usize::MAX).min(LACKING.len());
    step.checked_sub(1).map_or(DAY, |step| SignedDuration::from_mins(LACKING[step]))
}

// === impl Verdict ===

impl Verdict {
    /// What a report means for an engine that is not there yet.
    pub fn of_new(report: &Report) -> Self {
        Self::of(report, PATIENCE, EngineStatus::Draft)
    }

    /// What a report means for an engine that failed `failures` checks in a row and was in `before`.
    pub(super) fn of(report: &Report, failures: u32, before: EngineStatus) -> Self {
        let failed: Vec<_> = report.rows.iter().filter(|row| row.status == RowStatus::Fail).collect();
        let first = failed.iter().find(|row| essential(&row.id));
        let verdict = |status, reason: &str, failures, reached| Self {
            status,
            reason: reason.to_owned(),
            failures,
            reached,
            changed: false,
        };
        match first.map(|row| (row.id.as_str(), row.message.as_str())) {
            Some(("auth" | "auth-basic-ignored" | "token-life" | "key", why)) => {
                verdict(EngineStatus::Unauthorized, why, 0, false)
            }
            Some(("cluster-uid", why)) => verdict(EngineStatus::Mismatch, why, 0, false),
            Some((_, why)) => {
                let failures = failures.saturating_add(1);
                // Two misses are no reason to move workloads; an engine that never worked has nothing to keep.
                let keep = failures < PATIENCE && (before.takes_workloads() || before == EngineStatus::Checking);
                let status = if keep { before } else { EngineStatus::Unreachable };
                verdict(status, why, failures, false)
            }
            None => match failed.split_first() {
                None => verdict(EngineStatus::Ready, "", 0, true),
                Some((row, [])) => verdict(EngineStatus::Degraded, &row.message, 0, true),
                Some((row, others)) => {
                    let reason = format!("{}; and {} more", row.message, others.len());
                    verdict(EngineStatus::Degraded, &reason, 0, true)
                }
            },
        }
    }

    /// How long until the next check: usually 5 minutes, sooner after the first misses, then longer and longer.
    pub fn pause(&self) -> SignedDuration {
        match self.failures {
            0 => USUAL,
            1..PATIENCE => SOON,
            more => {
                let doublings = (more - PATIENCE).min(3);
                (USUAL * (1i32 << doublings)).min(LONGEST)
            }
        }
    }
}
