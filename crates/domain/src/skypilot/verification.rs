//! What the API server says to each right that SkyPilot needs.
//!
//! Source: `skypilot.md` §7 (Verify), RULINGS 17.

use serde::{Deserialize, Serialize};

use super::{Feature, Level};

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

// === impl Verified ===

impl Verified {
    /// Whether everybody who was asked for may.
    pub fn allowed(&self) -> bool {
        self.service_account && self.key != Some(false)
    }
}
