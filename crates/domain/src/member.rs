//! Who belongs to an account, and who may change that.
//!
//! Source: `security.md` §5, RULINGS 3.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::user::{Email, Role};
use crate::{Code, Error, Result};

/// A person in one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountMember {
    /// The person.
    pub user_id: UserId,
    /// How they sign in.
    pub email: Email,
    /// Their place in the account.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
}

/// A member on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberView {
    /// User id.
    pub user_id: String,
    /// How they sign in.
    pub email: String,
    /// Their place in the account.
    pub role: Role,
    /// RFC 3339, UTC.
    pub joined_at: String,
}

/// Body of `PATCH /v1/members/{user_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangeMember {
    /// The new role.
    pub role: Role,
}

impl AccountMember {
    /// The wire form.
    pub fn view(&self) -> MemberView {
        MemberView {
            user_id: self.user_id.to_string(),
            email: self.email.as_str().to_owned(),
            role: self.role,
            joined_at: self.joined_at.to_string(),
        }
    }
}

/// Whether `actor`, who may manage members, may give `role` to somebody: never more than their own.
///
/// # Errors
/// `forbidden`.
pub fn may_grant(actor: Role, role: Role) -> Result<()> {
    if actor.covers(role) { Ok(()) } else { Err(Error::Forbidden { code: Code::Forbidden }) }
}

/// Whether `actor`, who may manage members, may change or remove somebody who is `target`: nobody above themselves.
///
/// # Errors
/// `forbidden`.
pub fn may_manage(actor: Role, target: Role) -> Result<()> {
    may_grant(actor, target)
}

/// What an account without an owner would be refused with.
pub fn last_owner() -> Error {
    Error::conflict(Code::LastOwner, Code::LastOwner.sentence())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gives_or_touches_more_than_their_own() {
        for (actor, role, allowed) in [
            (Role::Owner, Role::Owner, true),
            (Role::Owner, Role::Billing, true),
            (Role::Admin, Role::Owner, false),
            (Role::Admin, Role::Admin, true),
            (Role::Admin, Role::Viewer, true),
            (Role::Admin, Role::Billing, true),
        ] {
            assert_eq!(may_grant(actor, role).is_ok(), allowed, "{actor:?} grants {role:?}");
            assert_eq!(may_manage(actor, role).is_ok(), allowed, "{actor:?} manages {role:?}");
        }
    }
}
