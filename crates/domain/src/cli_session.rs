//! Sessions of the command line: the sign-in request, its one-time code, the token, the row.
//!
//! Source: RULINGS 6 and 52, RFC 8252 (loopback redirect), RFC 7636 (PKCE, S256 only).

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::api_key::{SECRET_ALPHABET, checksum};
use crate::id::{AccountId, CliSessionId, UserId};
use crate::session::{SessionAccount, SessionUser};
use crate::{Error, FieldError, Result};

/// What every token begins with. `rgpu_` is an API key, which never opens a session route.
pub const PREFIX: &str = "rgpus_";
/// Letters of a token's secret and of a code: 43 × log2(62) = 256 bits.
pub const SECRET_LENGTH: usize = 43;
/// How long a code may be traded for a token.
pub const CODE_LIFE: SignedDuration = SignedDuration::from_secs(60);
/// A session that nobody uses ends after this.
pub const IDLE_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Every session ends after this.
pub const ABSOLUTE_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);
const CHECK_LENGTH: usize = 6;
// SHA-256 in base64url without padding (RFC 7636 §4.2).
const CHALLENGE_LENGTH: usize = 43;

/// A token whose form and checksum are right. Nothing is known of its owner yet; never print it.
#[derive(Clone, Copy)]
pub struct TokenText<'a>(&'a str);

/// What `kubectl-remotegpu login` puts into the link it opens, as it arrives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginQuery {
    /// base64url of the verifier's SHA-256.
    pub code_challenge: String,
    /// Port that waits on 127.0.0.1.
    pub redirect_port: String,
    /// Comes back unchanged, so that the program knows its own request.
    pub state: String,
    /// What the machine calls itself.
    pub name: String,
}

/// A checked [`LoginQuery`]. Its answer goes to 127.0.0.1 and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRequest {
    challenge: String,
    port: u16,
    state: String,
    name: String,
}

/// A code somebody allowed: worth one token, once, to whoever holds the verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliCode {
    /// SHA-256 of the code, lower-case hex.
    pub code_hash: String,
    /// What the verifier must hash to.
    pub challenge: String,
    /// Who allowed it.
    pub user_id: UserId,
    /// The account they acted in.
    pub account_id: AccountId,
    /// The machine's name.
    pub name: String,
    /// Dead from then on.
    pub expires_at: Timestamp,
}

/// A session of the command line. Its holder shows the token; we hold only the SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliSession {
    /// Its id in routes.
    pub id: CliSessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The account it acts in, for good.
    pub account_id: AccountId,
    /// That account's name.
    pub account_name: String,
    /// The machine's name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Last request, written at most once a minute.
    pub last_seen_at: Timestamp,
    /// Dead when nothing came until then.
    pub idle_expires_at: Timestamp,
    /// Dead then, whatever came.
    pub absolute_expires_at: Timestamp,
    /// Where the sign-in came from.
    pub address: String,
    /// With what.
    pub user_agent: String,
}

/// Body of `POST /v1/cli/token`.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCliSession {
    /// The code of the callback.
    #[cfg_attr(
        feature = "openapi",
        schema(
            example = "3Kq9ZxT1mVb7RwYc5NdPf2LhJ8GsAoEuBiQk4tWyHrX",
            min_length = 43,
            max_length = 43,
            pattern = "^[0-9A-Za-z]+$"
        )
    )]
    pub code: String,
    /// The secret behind the challenge.
    #[cfg_attr(
        feature = "openapi",
        schema(
            example = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            min_length = 43,
            max_length = 128,
            pattern = "^[0-9A-Za-z._~-]+$"
        )
    )]
    pub code_verifier: String,
}

/// A session on the wire; never with its token.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CliSessionView {
    /// Its id.
    pub id: String,
    /// The machine's name.
    pub name: String,
    /// Name of the account it acts in.
    pub account: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub last_seen_at: String,
    /// RFC 3339: the end if it is not used any more, and the last day at most.
    pub expires_at: String,
    /// Where the sign-in came from.
    pub address: String,
}

/// Answer of `POST /v1/cli/token`: the only time the token is sent.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedCliSession {
    /// Its id.
    pub id: String,
    /// The whole token, `rgpus_…`.
    pub token: String,
    /// RFC 3339: dead then, however much it is used.
    pub expires_at: String,
    /// Who allowed it.
    pub user: SessionUser,
    /// The account it acts in.
    pub account: SessionAccount,
}

// === impl CreatedCliSession ===

impl fmt::Debug for CreatedCliSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedCliSession")
            .field("id", &self.id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

// === impl TokenText ===

impl<'a> TokenText<'a> {
    /// Checks prefix, length, alphabet and checksum: no I/O happens for a text that fails here.
    pub fn parse(text: &'a str) -> Option<Self> {
        let secret = text.strip_prefix(PREFIX)?;
        let right = secret.len() == SECRET_LENGTH + CHECK_LENGTH && is_secret(secret);
        let body = text.get(..PREFIX.len() + SECRET_LENGTH).filter(|_| right)?;
        text.ends_with(&checksum(body)).then_some(Self(text))
    }

    /// Puts a fresh token together from random letters of [`SECRET_ALPHABET`].
    pub fn assemble(secret: &str) -> String {
        let body = format!("{PREFIX}{secret}");
        let check = checksum(&body);
        body + &check
    }

    /// The whole text.
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

// === impl LoginRequest ===

impl LoginRequest {
    /// Checks a link.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field.
    pub fn check(query: &LoginQuery) -> Result<Self> {
        let mut wrong = Vec::new();
        let mut need = |right: bool, field: &str, message: &str| {
            if !right {
                wrong.push(FieldError::new(field, "format", message));
            }
        };
        let (challenge, state, name) = (query.code_challenge.clone(), query.state.clone(), query.name.trim());
        let port = query.redirect_port.parse::<u16>().unwrap_or(0);
        need(challenge.len() == CHALLENGE_LENGTH && is_url_safe(&challenge), "code_challenge", "Not an S256 challenge");
        // Below 1024 listen services of the machine, never a program that a person just started.
        need(port >= 1024, "redirect_port", "The port must be a number from 1024 to 65535");
        need((16..=128).contains(&state.len()) && is_url_safe(&state), "state", "Not a state");
        let named = (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        need(named, "name", "The name must be 1 to 100 characters on one line");
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        Ok(Self { challenge, port, state, name: name.to_owned() })
    }

    /// The machine's name, as it calls itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the verifier must hash to.
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// Where the browser takes the code. All parts are letters that need no escaping.
    pub fn callback(&self, code: &str) -> String {
        format!("http://127.0.0.1:{}/callback?code={code}&state={}", self.port, self.state)
    }

    /// Where the browser goes when the person says no (RFC 6749 §4.1.2.1).
    pub fn refusal(&self) -> String {
        format!("http://127.0.0.1:{}/callback?error=access_denied&state={}", self.port, self.state)
    }
}

// === impl CliSession ===

impl CliSession {
    /// The wire form.
    pub fn view(&self) -> CliSessionView {
        CliSessionView {
            id: self.id.to_string(),
            name: self.name.clone(),
            account: self.account_name.clone(),
            created_at: self.created_at.to_string(),
            last_seen_at: self.last_seen_at.to_string(),
            expires_at: self.idle_expires_at.min(self.absolute_expires_at).to_string(),
            address: self.address.clone(),
        }
    }
}

/// Whether this can be a PKCE verifier (RFC 7636 §4.1).
pub fn is_verifier(text: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

/// Whether all letters are those of a code or token.
pub fn is_secret(text: &str) -> bool {
    text.bytes().all(|b| SECRET_ALPHABET.contains(&b))
}

fn is_url_safe(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> LoginQuery {
        LoginQuery {
            code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
            redirect_port: "50123".into(),
            state: "0123456789abcdef".into(),
            name: " ada's laptop ".into(),
        }
    }

    #[test]
    fn the_answer_goes_to_the_loopback_address_only() {
        let request = LoginRequest::check(&query()).unwrap();
        assert_eq!(request.name(), "ada's laptop");
        assert_eq!(request.callback("abc"), "http://127.0.0.1:50123/callback?code=abc&state=0123456789abcdef");
        assert_eq!(request.refusal(), "http://127.0.0.1:50123/callback?error=access_denied&state=0123456789abcdef");
    }

    #[test]
    fn a_link_that_is_not_ours_is_refused_with_its_field() {
        let with = |change: &dyn Fn(&mut LoginQuery)| {
            let mut query = query();
            change(&mut query);
            match LoginRequest::check(&query) {
                Err(Error::Invalid(fields)) => fields[0].field.clone(),
                other => panic!("{other:?}"),
            }
        };
        for port in ["", "0", "80", "65536", "8080/evil", "8080@evil.example", "-1", "8 080"] {
            assert_eq!(with(&|q| q.redirect_port = port.into()), "redirect_port", "{port}");
        }
        for state in ["", "short", "0123456789abcdef&code=x", "0123456789abcdef\r\nx"] {
            assert_eq!(with(&|q| q.state = state.into()), "state", "{state}");
        }
        for challenge in ["", "plain", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"] {
            assert_eq!(with(&|q| q.code_challenge = challenge.into()), "code_challenge", "{challenge}");
        }
        for name in ["", " ", "a\nb"] {
            assert_eq!(with(&|q| q.name = name.into()), "name", "{name:?}");
        }
    }

    #[test]
    fn one_changed_letter_of_a_token_is_noticed_before_any_look_up() {
        let text = TokenText::assemble(&"aZ9".repeat(15)[..SECRET_LENGTH]);
        assert_eq!(TokenText::parse(&text).unwrap().as_str(), text);
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'z' { b'y' } else { b'z' };
            assert!(TokenText::parse(&String::from_utf8(bytes).unwrap()).is_none(), "letter {at}");
        }
        for bad in ["", "rgpus_", "rgpu_a1b2c3d4_x", "rgpus_é"] {
            assert!(TokenText::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_verifier_has_the_length_and_letters_of_the_rfc() {
        assert!(is_verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        for bad in [&"a".repeat(42), &"a".repeat(129), &("é".repeat(30)), &(" ".repeat(50))] {
            assert!(!is_verifier(bad), "{bad}");
        }
    }
}
