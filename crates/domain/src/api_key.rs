//! API keys: the row, its one or two live secrets, the life cycle, the wire forms.
//!
//! Source: `console-api.md` §3, `security.md` §3.

mod change;
mod report;
mod text;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::credential::Access;
use crate::id::{AccountId, ApiKeyId, NamespaceId, UserId};
use crate::scope::Scope;
use crate::user::Role;

pub use change::{ApiKeyChanges, NewApiKey, RotateApiKey};
pub use report::{KeyReport, NamespaceReport, RightReport, TestApiKey};
pub(crate) use text::checksum;
pub use text::{ID_ALPHABET, ID_LENGTH, KeyText, PublicId, SECRET_ALPHABET, SECRET_LENGTH};

/// How digests are made today: HMAC-SHA-256 of the whole key text, lower-case hex.
pub const HASH_VERSION: u32 = 1;
// A key whose whole life is shorter would be born with the warning.
const WARN_BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What is stored of one secret: enough to recognise it, useless to whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySecret {
    /// Counts secrets: each has a ServiceAccount of its own.
    pub generation: u32,
    /// The digest of the key text under the pepper.
    pub digest: String,
    /// Which pepper made the digest.
    pub pepper_id: String,
    /// How the digest was made; see [`HASH_VERSION`].
    pub hash_version: u32,
}

/// The secret before the last rotation, while it still works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldSecret {
    /// The secret.
    pub secret: KeySecret,
    /// Dead from then on.
    pub ends_at: Timestamp,
}

/// An API key's row. The secret itself is nowhere: only its keyed digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Row id, used in routes.
    pub id: ApiKeyId,
    /// Whose namespaces it opens.
    pub account_id: AccountId,
    /// Who made it; their rights are the ceiling.
    pub owner_id: UserId,
    /// What people call it.
    pub name: String,
    /// The public id inside the key text; rotation keeps it.
    pub public_id: PublicId,
    /// The newest secret.
    pub secret: KeySecret,
    /// The one before it, after a rotation with overlap: there are never more than two.
    pub old_secret: Option<OldSecret>,
    /// What it opens.
    pub scope: Scope,
    /// With what rights.
    pub access: Access,
    /// Dead from then on.
    pub expires_at: Option<Timestamp>,
    /// Switched off for now.
    pub disabled: bool,
    /// Dead for good since then.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Last use, at most a minute old.
    pub last_used_at: Option<Timestamp>,
    /// Address of that use.
    pub last_used_ip: Option<String>,
    /// Counts changes: a change is written only over the revision it was made from.
    pub revision: u32,
    /// Something of it that has lost its right may still stand in the cluster.
    pub removal_pending: bool,
}

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// Opens what its scope says.
    Active,
    /// Switched off.
    Disabled,
    /// Its time has passed.
    Expired,
    /// Dead for good.
    Revoked,
}

/// Whether the cluster already knows what the key may do no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClusterState {
    /// Nothing of the key stands in the cluster without a right.
    Settled,
    /// Objects still have to go: new tokens are refused already, issued ones may work until they are gone.
    RemovalPending,
}

/// A key on the wire; never with its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKeyView {
    /// Row id.
    pub id: String,
    /// Who made it: their rights are the ceiling.
    pub owner_id: String,
    /// Name.
    pub name: String,
    /// `rgpu_` and the public id.
    pub prefix: String,
    /// Canonical scope document.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::scope::ScopeDocument))]
    pub scopes: Value,
    /// Rights.
    pub access: Access,
    /// Where it is in its life.
    pub status: KeyStatus,
    /// Number of its newest secret, from 1.
    pub generation: u32,
    /// Until when the secret before it works too; RFC 3339.
    pub overlap_ends_at: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub expires_at: Option<String>,
    /// It ends within 14 days, and was not made for so short a life.
    pub expires_soon: bool,
    /// RFC 3339.
    pub last_used_at: Option<String>,
    /// Address of the last use.
    pub last_used_ip: Option<String>,
    /// Whether the cluster still holds what the key may do no more.
    pub cluster: ClusterState,
}

/// The answer of create and rotate: the only time the secret is sent.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedApiKey {
    /// The key as it will be listed.
    #[serde(flatten)]
    pub view: ApiKeyView,
    /// The whole key text; never shown again.
    #[cfg_attr(feature = "openapi", schema(example = "rgpu_a1b2c3d4_…"))]
    pub key: String,
}

// === impl CreatedApiKey ===

impl fmt::Debug for CreatedApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedApiKey").field("view", &self.view).finish_non_exhaustive()
    }
}

// === impl ApiKey ===

impl ApiKey {
    /// Where the key is in its life at `now`. A key is dead when `now >= expires_at`.
    pub fn status(&self, now: Timestamp) -> KeyStatus {
        if self.revoked_at.is_some() {
            KeyStatus::Revoked
        } else if self.expires_at.is_some_and(|end| now >= end) {
            KeyStatus::Expired
        } else if self.disabled {
            KeyStatus::Disabled
        } else {
            KeyStatus::Active
        }
    }

    /// The secrets that work at `now`, newest first: one or two.
    pub fn live_secrets(&self, now: Timestamp) -> impl Iterator<Item = &KeySecret> {
        let old = self.old_secret.as_ref().filter(move |old| now < old.ends_at);
        std::iter::once(&self.secret).chain(old.map(|old| &old.secret))
    }

    /// The rights with which the key opens `namespace` of its account at `now`; none when it does not.
    ///
    /// The one rule: asked before a token is given, after it was made, and of every identity that stands in the
    /// cluster. `owner` is the owner's role in the key's account, none when they left or are disabled.
    pub fn opens(&self, owner: Option<Role>, namespace: NamespaceId, now: Timestamp) -> Option<Access> {
        let alive = self.status(now) == KeyStatus::Active && self.scope.opens(namespace);
        let ceiling = owner.filter(|_| alive).and_then(Access::ceiling)?;
        Some(self.access.min(ceiling))
    }

    /// Whether an identity of secret `generation` with `access` in `namespace` may stand in the cluster at `now`.
    pub fn keeps(
        &self,
        owner: Option<Role>,
        generation: u32,
        namespace: NamespaceId,
        access: Access,
        now: Timestamp,
    ) -> bool {
        let live = self.live_secrets(now).any(|secret| secret.generation == generation);
        live && self.opens(owner, namespace, now).is_some_and(|most| access <= most)
    }

    /// Whether `next` may do less somewhere: then tokens that were issued must die.
    pub fn loses(&self, next: &Self) -> bool {
        let scope = self.scope != next.scope && !next.scope.covers(&self.scope);
        scope || next.access < self.access || (next.disabled && !self.disabled)
    }

    /// Warn: the end is near, and was not near from the beginning.
    pub fn expires_soon(&self, now: Timestamp) -> bool {
        let long_lived = |end: &Timestamp| end.duration_since(self.created_at) > WARN_BEFORE;
        let near = |end: Timestamp| end.duration_since(now) <= WARN_BEFORE;
        self.status(now) == KeyStatus::Active && self.expires_at.filter(long_lived).is_some_and(near)
    }

    /// The wire form at `now`.
    pub fn view(&self, now: Timestamp) -> ApiKeyView {
        let text = |t: Option<Timestamp>| t.map(|t| t.to_string());
        let overlap = self.old_secret.as_ref().map(|old| old.ends_at).filter(|end| now < *end);
        ApiKeyView {
            id: self.id.to_string(),
            owner_id: self.owner_id.to_string(),
            name: self.name.clone(),
            prefix: self.public_id.prefix(),
            scopes: self.scope.to_json(),
            access: self.access,
            status: self.status(now),
            generation: self.secret.generation,
            overlap_ends_at: text(overlap),
            created_at: self.created_at.to_string(),
            expires_at: text(self.expires_at),
            expires_soon: self.expires_soon(now),
            last_used_at: text(self.last_used_at),
            last_used_ip: self.last_used_ip.clone(),
            cluster: if self.removal_pending { ClusterState::RemovalPending } else { ClusterState::Settled },
        }
    }
}

#[cfg(test)]
mod tests;
