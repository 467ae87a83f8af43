//! What a bearer token says about itself. It is decoded, not verified: only the cluster can do that.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::base64;
use super::certificate::date;
use crate::{Error, Result};

const LONGEST: usize = 16 * 1024;

/// What a token that is a JWT says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenFacts {
    /// Who made it.
    pub issuer: String,
    /// For whom, for example `system:serviceaccount:aichor:dp-cluster-service-account`.
    pub subject: String,
    /// When it was made.
    pub issued_at: Option<Timestamp>,
    /// Its end; none = never.
    pub expires_at: Option<Timestamp>,
}

impl TokenFacts {
    /// Namespace and name of the ServiceAccount that it is of. Only names that can be those: they become part of a path.
    pub fn service_account(&self) -> Option<(&str, &str)> {
        let (namespace, name) = self.subject.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
        let begins = |text: &str| text.starts_with(|first: char| first.is_ascii_alphanumeric());
        let whole = |text: &str| !text.contains("..") && text.bytes().all(legal);
        let is_name = |text: &str| text.len() <= 253 && begins(text) && whole(text);
        (is_name(namespace) && is_name(name)).then_some((namespace, name))
    }
}

/// A pasted token without blanks around it and without `Bearer `.
///
/// # Errors
/// [`Error::Invalid`] on `field`: empty, too long, blanks or line ends inside, expired at `now`.
pub fn check(field: &str, text: &str, now: Timestamp) -> Result<String> {
    let text = text.trim();
    let bare = text.get(..7).filter(|start| start.eq_ignore_ascii_case("bearer ")).map_or(text, |_| text[7..].trim());
    let wrong = |code: &str, message: String| Err(Error::field(field, code, message));
    if bare.is_empty() {
        return wrong("required", "Paste the token".into());
    }
    if bare.len() > LONGEST {
        return wrong("length", "At most 16 KiB".into());
    }
    if !bare.bytes().all(|letter| letter.is_ascii_graphic()) {
        return wrong("format", "The token is one line without blanks".into());
    }
    match read(bare).and_then(|facts| facts.expires_at) {
        Some(end) if end <= now => wrong("expired", format!("Token expired on {}", date(end))),
        _ => Ok(bare.to_owned()),
    }
}

/// What a token says, if it is a JWT.
pub fn read(token: &str) -> Option<TokenFacts> {
    let mut parts = token.split('.');
    let (_, body, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims: Value = serde_json::from_slice(&base64::decode(body)?).ok()?;
    let text = |name: &str| claims[name].as_str().unwrap_or_default().chars().take(500).collect();
    let time = |name: &str| claims[name].as_i64().and_then(|second| Timestamp::from_second(second).ok());
    claims.is_object().then(|| TokenFacts {
        issuer: text("iss"),
        subject: text("sub"),
        issued_at: time("iat"),
        expires_at: time("exp"),
    })
}
