//! Browser sessions and the soft lock on wrong passwords.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::UserId;

/// Idle life of a session: 8 h, operators 1 h (`security.md` §4.1).
pub fn idle_life(operator: bool) -> SignedDuration {
    SignedDuration::from_hours(if operator { 1 } else { 8 })
}

/// Absolute life of a session: 7 days, operators 12 h (`security.md` §4.1).
pub fn absolute_life(operator: bool) -> SignedDuration {
    SignedDuration::from_hours(if operator { 12 } else { 7 * 24 })
}

/// A stored session. The browser holds the id; we hold only its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// SHA-256 of the cookie's id, lower-case hex.
    pub id_hash: String,
    /// Whose it is.
    pub user_id: UserId,
    /// The session library's own data, opaque here.
    pub data: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Last request, written at most once a minute.
    pub last_seen_at: Timestamp,
    /// Dead when nothing came until then.
    pub idle_expires_at: Timestamp,
    /// Dead then, whatever came.
    pub absolute_expires_at: Timestamp,
    /// Where from, for the session list.
    pub address: String,
    /// With what, for the session list.
    pub user_agent: String,
}

/// How often sign-in failed for one subject (an e-mail or an address).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoginCounter {
    /// Failures since the last success.
    pub failures: u32,
    /// When the last one was.
    pub last_failed_at: Option<Timestamp>,
}

/// Who is signed in, as REST and pages show it (`console-api.md` §1, Sign-in).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// The person.
    pub user: SessionUser,
    /// The account they act in.
    pub account: SessionAccount,
}

/// The person of a [`SessionView`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionUser {
    /// User id.
    pub id: String,
    /// Sign-in name.
    pub email: String,
    /// Role in the account.
    pub role: String,
    /// Platform operator.
    pub operator: bool,
}

/// The account of a [`SessionView`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAccount {
    /// Account id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Customer id `skgu…`.
    pub customer: String,
}

// === impl LoginCounter ===

impl LoginCounter {
    /// Seconds still to wait at `now`: 1 s after failure 1, 3 s from 3, 5 s from 9, 10 s from 25, the rest of the UTC
    /// day from 100. A right password after the wait succeeds. Source: `security.md` §4.4.
    pub fn wait_seconds(&self, now: Timestamp) -> u32 {
        let Some(last) = self.last_failed_at else { return 0 };
        let lock = match self.failures {
            0 => return 0,
            1..=2 => 1,
            3..=8 => 3,
            9..=24 => 5,
            25..=99 => 10,
            _ => 86_400 - last.as_second().rem_euclid(86_400),
        };
        let left = last.as_second() + lock - now.as_second();
        u32::try_from(left).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_soft_lock_grows_and_always_ends() {
        for (failures, wait) in [(0, 0), (1, 1), (2, 1), (3, 3), (9, 5), (25, 10), (100, 86_400 - 1000)] {
            let counter = LoginCounter { failures, last_failed_at: Some(at(86_400 + 1000)) };
            assert_eq!(counter.wait_seconds(at(86_400 + 1000)), wait, "after {failures} failures");
            assert_eq!(counter.wait_seconds(at(86_400 + 1000 + i64::from(wait))), 0);
        }
    }
}
