//! An invitation into an account: a link that works once, for five days, for one e-mail address.
//!
//! Source: `security.md` §4.4 (single use, hashed, short-lived, bound to the address).

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, InvitationId, UserId};
use crate::user::{Email, Role};

/// How long a link works.
pub const LIFE: SignedDuration = SignedDuration::from_hours(5 * 24);

/// An invitation. The link's token is nowhere: only its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Into which account.
    pub account_id: AccountId,
    /// For whom.
    pub email: Email,
    /// As what.
    pub role: Role,
    /// Who invited.
    pub invited_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// Its link is dead from then on.
    pub expires_at: Timestamp,
    /// When it was used.
    pub accepted_at: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
}

/// Where an invitation is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum InvitationStatus {
    /// Its link works.
    Open,
    /// Its link was used.
    Accepted,
    /// Its link ended by itself; sending it again makes a new one.
    Expired,
    /// Somebody withdrew it.
    Revoked,
}

/// Body of `POST /v1/invitations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({"email": "ada@example.com", "role": "member"})))]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// For whom, unchecked.
    pub email: String,
    /// As what.
    pub role: Role,
}

/// An invitation on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvitationView {
    /// Id.
    pub id: String,
    /// For whom.
    pub email: String,
    /// As what.
    pub role: Role,
    /// Where it is in its life.
    pub status: InvitationStatus,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// RFC 3339, UTC.
    pub expires_at: String,
}

/// The one answer that holds the link.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvitationLink {
    /// The invitation.
    #[serde(flatten)]
    pub invitation: InvitationView,
    /// Opens it once; give it to the person invited.
    pub link: String,
}

/// What the holder of a link is told. It reads the same whether the person is known here or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvitationOffer {
    /// Name of the account.
    pub account: String,
    /// For whom.
    pub email: String,
    /// As what.
    pub role: Role,
}

// === impl InvitationLink ===

impl fmt::Debug for InvitationLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitationLink").field("invitation", &self.invitation).finish_non_exhaustive()
    }
}

// === impl Invitation ===

impl Invitation {
    /// Where it is in its life at `now`.
    pub fn status(&self, now: Timestamp) -> InvitationStatus {
        match self {
            Self { accepted_at: Some(_), .. } => InvitationStatus::Accepted,
            Self { revoked_at: Some(_), .. } => InvitationStatus::Revoked,
            Self { expires_at, .. } if now >= *expires_at => InvitationStatus::Expired,
            Self { .. } => InvitationStatus::Open,
        }
    }

    /// The wire form at `now`.
    pub fn view(&self, now: Timestamp) -> InvitationView {
        InvitationView {
            id: self.id.to_string(),
            email: self.email.as_str().to_owned(),
            role: self.role,
            status: self.status(now),
            created_at: self.created_at.to_string(),
            expires_at: self.expires_at.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_ends_by_itself_and_what_happened_counts_more() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let id = "019c1b2e-7f00-7abc-8def-0123456789ab";
        let open = Invitation {
            id: InvitationId::parse(id).unwrap(),
            account_id: AccountId::parse(id).unwrap(),
            email: Email::new("ada@example.com").unwrap(),
            role: Role::Member,
            invited_by: UserId::parse(id).unwrap(),
            created_at: at(0),
            expires_at: at(0) + LIFE,
            accepted_at: None,
            revoked_at: None,
        };
        assert_eq!(open.status(at(5 * 86_400 - 1)), InvitationStatus::Open);
        assert_eq!(open.status(at(5 * 86_400)), InvitationStatus::Expired);
        let accepted = Invitation { accepted_at: Some(at(1)), ..open.clone() };
        assert_eq!(accepted.status(at(5 * 86_400)), InvitationStatus::Accepted);
        assert_eq!(Invitation { revoked_at: Some(at(1)), ..open }.status(at(2)), InvitationStatus::Revoked);
    }
}
