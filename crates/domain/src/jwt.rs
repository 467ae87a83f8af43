//! Tokens of the tenant API: what they say, and when they count. Signing is the caller's, this crate has no keys.
//!
//! Source: `tenant-api.md` §3, RULINGS 7.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Life of a token: 14400 s, published.
pub const LIFE: SignedDuration = SignedDuration::from_hours(4);
// Seconds: two consoles' clocks differ by as much. Only the beginning is lenient.
const LEEWAY: i64 = 5;

/// The header: exactly these two members, whatever a client may write into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// `HS256` and nothing else.
    pub alg: String,
    /// `JWT`.
    pub typ: String,
}

/// The claims. `exp`, `nbf` and `username` are published, the others are ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Dead from this second on.
    pub exp: i64,
    /// Not valid before.
    pub nbf: i64,
    /// The e-mail address.
    pub username: String,
    /// When it was made.
    pub iat: i64,
    /// Names it in the audit log.
    pub jti: String,
    /// The person's id: somebody who gets the address later is somebody else.
    pub sub: String,
    /// The account it acts in, `skgu…`.
    pub cust: String,
    /// Version of the person's tokens: a new password and "sign out everywhere" raise it.
    pub pwv: i64,
}

/// Answer of `POST user/login/`.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct LoginAnswer {
    /// The token.
    pub token: String,
    /// Its end, UTC, without a zone as published.
    pub expire: String,
    /// The login name.
    pub user: String,
    /// Its life in seconds.
    pub max_age: i64,
}

/// Body of `POST user/login/`. The password is turned into a secret at once.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The e-mail address.
    pub username: String,
    /// The password.
    pub password: String,
}

/// Body of `PUT user`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The password.
    pub password: String,
}

/// Answer of `GET user` and `PUT user`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserAnswer {
    /// The login name.
    pub username: String,
}

// === impl Header ===

impl Header {
    /// The header of every token of ours.
    pub fn hs256() -> Self {
        Self { alg: "HS256".to_owned(), typ: "JWT".to_owned() }
    }
}

// === impl LoginAnswer ===

impl fmt::Debug for LoginAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginAnswer").field("user", &self.user).field("expire", &self.expire).finish_non_exhaustive()
    }
}

// === impl Claims ===

impl Claims {
    /// Whether a token with these claims counts at `now`: from five seconds before `nbf`, as the
    /// clock of the console that made it may be ahead, until the second before `exp` (RFC 7519 §4.1.4).
    pub fn live(&self, now: Timestamp) -> bool {
        let now = now.as_second();
        self.nbf.saturating_sub(LEEWAY) <= now
            && now < self.exp
            && self.exp.checked_sub(self.nbf) == Some(LIFE.as_secs())
    }
}

/// The end of a token made at `now`, as the login answers it: `YYYY-MM-DD HH:MM:SS.ffffff`.
pub fn expire_text(now: Timestamp) -> String {
    (now + LIFE).strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(nbf: i64) -> Claims {
        Claims {
            exp: nbf + LIFE.as_secs(),
            nbf,
            username: "foo".into(),
            iat: nbf,
            jti: "1".into(),
            sub: "1".into(),
            cust: "skgu00004".into(),
            pwv: 0,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_lives_from_five_seconds_before_its_first_to_the_one_before_its_end() {
        let claims = claims(1000);
        for (second, live) in
            [(994, false), (995, true), (1000, true), (15_399, true), (15_400, false), (15_401, false)]
        {
            assert_eq!(claims.live(at(second)), live, "{second}");
        }
    }

    #[test]
    fn a_token_of_another_life_is_not_ours() {
        for exp in [i64::MAX, 1000 + LIFE.as_secs() + 1, 1001] {
            assert!(!Claims { exp, ..claims(1000) }.live(at(1000)), "{exp}");
        }
        assert!(!Claims { exp: i64::MAX, nbf: i64::MIN, ..claims(1000) }.live(at(1000)));
    }

    #[test]
    fn the_end_is_written_as_the_page_shows_it() {
        let now: Timestamp = "2024-11-21T09:03:54.736403Z".parse().unwrap();
        assert_eq!(expire_text(now), "2024-11-21 13:03:54.736403");
        assert_eq!(LIFE.as_secs(), 14_400);
    }

    #[test]
    fn a_header_with_anything_more_is_refused() {
        for odd in [
            r#"{"alg":"HS256","typ":"JWT","kid":"../../dev/null"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"HS256","typ":7}"#,
        ] {
            assert!(serde_json::from_str::<Header>(odd).is_err(), "{odd}");
        }
        let none: Header = serde_json::from_str(r#"{"alg":"none","typ":"JWT"}"#).unwrap();
        assert_ne!(none, Header::hs256());
    }
}
