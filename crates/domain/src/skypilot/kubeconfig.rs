//! Kubeconfigs whose identity is SkyPilot's ServiceAccount: each has a life of its own and can be ended.
//!
//! Source: RULINGS 18.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{NamespaceId, SkypilotKubeconfigId, UserId};
use crate::{Error, Result};

/// Longest life of an issued kubeconfig, in days.
pub const LONGEST_DAYS: u16 = 365;

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
    /// Who made it: it ends when they may not deploy here any more. None where only their e-mail was written down.
    pub owner_id: Option<UserId>,
    /// Their e-mail.
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
