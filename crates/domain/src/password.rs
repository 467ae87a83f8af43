//! Links that let somebody choose a new password: single use, short-lived, stored hashed (`security.md` §4.4).

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, UserId};
use crate::user::{Email, Role};
use crate::{Code, Error, Result};

/// Life of a reset link.
pub const RESET_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// An open reset link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordReset {
    /// SHA-256 of the link's token, lower-case hex.
    pub token_hash: String,
    /// Who may choose a new password.
    pub user_id: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Dead then.
    pub expires_at: Timestamp,
}

/// By whose right a reset link was made; without that right the link is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetMaker {
    /// Of which account they are a member, as is whose password is reset.
    pub account_id: AccountId,
    /// The member.
    pub user_id: UserId,
    /// Their role there.
    pub role: Role,
}

/// Whose password is to be reset, with what the decision needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetTarget {
    /// The person.
    pub user_id: UserId,
    /// Their address.
    pub email: Email,
    /// Platform operator.
    pub operator: bool,
    /// Their role in the account of whoever asks; none = not a member of it.
    pub role: Option<Role>,
    /// Of how many accounts they are a member.
    pub accounts: u32,
}

/// The answer to whoever made a reset link; the only time the link is seen.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetLink {
    /// Where the person chooses a new password. Without scheme and host when this process does not know them.
    pub url: String,
    /// RFC 3339.
    pub expires_at: String,
}

// === impl ResetLink ===

impl fmt::Debug for ResetLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResetLink").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

// === impl ResetTarget ===

impl ResetTarget {
    /// Whether somebody with `role` in the account may reset this password. A new password opens **all** of the person's
    /// accounts, so an admin may do it only for people of their own account alone, and not above their own rank.
    ///
    /// # Errors
    /// [`Error::NotFound`] for people of other accounts, `forbidden` otherwise.
    pub fn check(&self, role: Role) -> Result<()> {
        let theirs = self.role.ok_or(Error::NotFound)?;
        let above = theirs == Role::Owner && role != Role::Owner;
        if self.operator || above || self.accounts != 1 {
            return Err(Error::Forbidden { code: Code::Forbidden });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_resets_the_password_of_somebody_above_them_or_of_another_account_too() {
        let id = UserId::parse("019c1b2e-7f00-7abc-8def-0123456789ab").unwrap();
        let email = Email::new("ada@example.com").unwrap();
        let target =
            |role, operator, accounts| ResetTarget { user_id: id, email: email.clone(), operator, role, accounts };
        for (target, role, verdict) in [
            (target(Some(Role::Member), false, 1), Role::Admin, "ok"),
            (target(Some(Role::Owner), false, 1), Role::Owner, "ok"),
            (target(Some(Role::Owner), false, 1), Role::Admin, "Your role does not allow this"),
            (target(Some(Role::Member), true, 1), Role::Owner, "Your role does not allow this"),
            (target(Some(Role::Member), false, 2), Role::Owner, "Your role does not allow this"),
            (target(None, false, 1), Role::Owner, "Not found"),
        ] {
            let said = target.check(role).map_or_else(|error| error.to_string(), |()| "ok".to_owned());
            assert_eq!(said, verdict, "{target:?} by {role:?}");
        }
    }
}
