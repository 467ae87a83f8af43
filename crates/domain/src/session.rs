//! Browser sessions and the soft lock on wrong passwords.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::account::AccountStatus;
use crate::id::{AccountId, SessionId, UserId};

/// How old a proof of identity may be for what is dangerous; operators are no exception.
const RECENT: SignedDuration = SignedDuration::from_mins(10);

/// Idle life of a session: 8 h, operators 1 h (`security.md` §4.1).
pub fn idle_life(operator: bool) -> SignedDuration {
    SignedDuration::from_hours(if operator { 1 } else { 8 })
}

/// Absolute life of a session: 7 days, operators 12 h (`security.md` §4.1).
pub fn absolute_life(operator: bool) -> SignedDuration {
    SignedDuration::from_hours(if operator { 12 } else { 7 * 24 })
}

/// Whether somebody who proved who they are at `authenticated_at` need not do so again.
pub fn is_recent(authenticated_at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(authenticated_at) <= RECENT
}

/// Where a page of a list, newest first, begins: before this millisecond, or within it behind this id. Lists are by time
/// and not by id alone: a row of an older binary is named after its hash. What is no cursor of ours begins at the top.
pub fn after(cursor: Option<&str>) -> (i64, &str) {
    let parts = cursor.and_then(|cursor| cursor.split_once('-'));
    let read = parts.and_then(|(ms, id)| Some((ms.parse::<i64>().ok()?, id)));
    read.unwrap_or((i64::MAX, ""))
}

/// In which account a session acts. Columns of their own, never in the session's data: there the last writer wins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acting {
    /// The chosen account; none is the first joined.
    pub account: Option<AccountId>,
    /// An operator looks into `account` without being a member, read only.
    pub support: bool,
}

/// A stored session. The browser holds the id; we hold only its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// SHA-256 of the cookie's id, lower-case hex.
    #[serde(skip)]
    pub id_hash: String,
    /// What lists and routes call it; opens nothing.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The session library's own data, opaque here.
    #[serde(skip)]
    pub data: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Last proof of identity: the sign-in, or a later re-authentication.
    pub authenticated_at: Timestamp,
    /// The identity provider that vouched; none = password.
    pub provider: Option<String>,
    /// The provider's own name for the session, if it gave one.
    pub provider_sid: Option<String>,
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
    /// In which account it acts.
    pub acting: Acting,
}

/// How often sign-in failed for one subject (an e-mail or an address).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoginCounter {
    /// Failures since the last success.
    pub failures: u32,
    /// When the last one was.
    pub last_failed_at: Option<Timestamp>,
}

/// One of a person's sessions, as lists show it.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionItem {
    /// Its id; opens nothing.
    pub id: String,
    /// The browser in words, for example `Firefox on Linux`.
    pub device: String,
    /// Where it began.
    pub address: String,
    /// The identity provider that vouched; none = password.
    pub provider: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339, at most a minute old.
    pub last_seen_at: String,
    /// It is the one that asks.
    pub current: bool,
}

/// Who is signed in, as REST and pages show it (`console-api.md` §1, Sign-in).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionView {
    /// The person.
    pub user: SessionUser,
    /// The account they act in.
    pub account: SessionAccount,
    /// They look at it as the platform's support, read only.
    #[serde(default)]
    pub support: bool,
}

/// The person of a [`SessionView`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionAccount {
    /// Account id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Customer id `skgu…`.
    pub customer: String,
    /// `active`, or `suspended`: then nothing can be changed.
    #[serde(default)]
    pub status: AccountStatus,
}

// === impl SessionRecord ===

impl SessionRecord {
    /// A session that begins at `now`, by password. The HTTP layer fills in what the cookie decides.
    pub fn begin(id: SessionId, user_id: UserId, operator: bool, now: Timestamp) -> Self {
        Self {
            id_hash: String::new(),
            id,
            user_id,
            data: String::new(),
            created_at: now,
            authenticated_at: now,
            provider: None,
            provider_sid: None,
            last_seen_at: now,
            idle_expires_at: now + idle_life(operator),
            absolute_expires_at: now + absolute_life(operator),
            address: String::new(),
            user_agent: String::new(),
            acting: Acting::default(),
        }
    }

    /// The line of the list, for the session `asking`.
    pub fn item(&self, asking: Option<SessionId>) -> SessionItem {
        SessionItem {
            id: self.id.to_string(),
            device: device(&self.user_agent),
            address: self.address.clone(),
            provider: self.provider.clone(),
            created_at: self.created_at.to_string(),
            last_seen_at: self.last_seen_at.to_string(),
            current: asking == Some(self.id),
        }
    }

    /// Where a list that goes on after this session begins: see [`after`].
    pub fn cursor(&self) -> String {
        format!("{}-{}", self.created_at.as_millisecond(), self.id)
    }

    /// The same session after another proof of identity; its absolute end stays.
    pub fn reauthenticated(mut self, now: Timestamp) -> Self {
        let idle = self.idle_expires_at.duration_since(self.last_seen_at);
        self.authenticated_at = now;
        self.last_seen_at = now;
        self.idle_expires_at = now + idle;
        self
    }
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

/// `Firefox on Linux` from what a browser says of itself; other programs are named as they say.
fn device(user_agent: &str) -> String {
    // The order matters: Edge says it is Chrome, Chrome says it is Safari, Android says it is Linux.
    let first = |table: &[(&str, &'static str)]| table.iter().find(|(mark, _)| user_agent.contains(mark)).map(|t| t.1);
    let browser = first(&[("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iOS"),
        ("iPad", "iOS"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ => match user_agent.split([' ', '(']).next().unwrap_or_default() {
            "" => "Unknown".to_owned(),
            program => program.chars().filter(|c| !c.is_control()).take(60).collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_browser_is_named_in_words() {
        for (text, name) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605 Version/19 Safari/605", "Safari on macOS"),
            ("curl/8.14.1", "curl/8.14.1"),
            ("", "Unknown"),
        ] {
            assert_eq!(device(text), name);
        }
    }

    #[test]
    fn a_cursor_is_a_time_and_an_id_and_anything_else_the_top_of_the_list() {
        let id = SessionId::parse("019c1b2e-7f00-7abc-8def-0123456789ab").unwrap();
        let user = UserId::parse("019c1b2e-7f00-7abc-8def-0123456789ac").unwrap();
        let cursor = SessionRecord::begin(id, user, false, at(1_700_000_000)).cursor();
        assert!(crate::page::PageRequest::new(None, Some(cursor.clone())).is_ok(), "{cursor}");
        assert_eq!(after(Some(&cursor)), (1_700_000_000_000, "019c1b2e-7f00-7abc-8def-0123456789ab"));
        for top in [None, Some("x"), Some("x-y"), Some("019c1b2e")] {
            assert_eq!(after(top), (i64::MAX, ""), "{top:?}");
        }
    }

    #[test]
    fn a_proof_of_identity_lasts_ten_minutes_and_does_not_move_the_absolute_end() {
        assert!(is_recent(at(0), at(600)) && !is_recent(at(0), at(601)));
        let id = SessionId::parse("019c1b2e-7f00-7abc-8def-0123456789ab").unwrap();
        let user = UserId::parse("019c1b2e-7f00-7abc-8def-0123456789ac").unwrap();
        let begun = SessionRecord::begin(id, user, true, at(0));
        let again = begun.clone().reauthenticated(at(1000));
        assert_eq!((again.authenticated_at, again.idle_expires_at), (at(1000), at(1000 + 3600)));
        assert_eq!((again.absolute_expires_at, again.created_at), (begun.absolute_expires_at, at(0)));
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
