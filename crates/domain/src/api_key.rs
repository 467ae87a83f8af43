//! API keys: the text form with its checksum, the row, the life cycle.
//!
//! Source: `console-api.md` §3, `security.md` §3.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::credential::Access;
use crate::id::{AccountId, ApiKeyId, UserId};
use crate::scope::Scope;
use crate::{Code, Error, Result};

/// Letters of the public id: lower case, because it becomes part of a ServiceAccount's name.
pub const ID_ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Letters of the secret.
pub const SECRET_ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Letters of the public id.
pub const ID_LENGTH: usize = 8;
/// Letters of the secret: 24 × log2(62) = 142 bits, over the 128 that `security.md` §3 asks for.
pub const SECRET_LENGTH: usize = 24;
const PREFIX: &str = "rgpu_";
const CHECK_LENGTH: usize = 6;
const TOTAL_LENGTH: usize = PREFIX.len() + ID_LENGTH + 1 + SECRET_LENGTH + CHECK_LENGTH;

/// The 8 characters that find a key's row: public, unique.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicId(String);

/// A key text whose form and checksum are right. Nothing is known of its owner yet; never print it.
pub struct KeyText<'a> {
    /// Finds the row.
    pub public_id: PublicId,
    /// The whole text; its digest is compared with the row's.
    pub whole: &'a str,
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
    /// The public id inside the key text.
    pub public_id: PublicId,
    /// Counts secrets: each has a ServiceAccount of its own.
    pub generation: u32,
    /// HMAC-SHA-256 of the key text under the pepper, lower-case hex.
    pub digest: String,
    /// Which pepper made the digest.
    pub pepper_id: String,
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

/// Body of `POST /v1/api-keys`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// 1 to 100 characters.
    #[cfg_attr(feature = "openapi", schema(example = "ci", min_length = 1, max_length = 100))]
    pub name: String,
    /// One of the four shapes of [`Scope`].
    #[cfg_attr(feature = "openapi", schema(value_type = crate::scope::ScopeDocument))]
    pub scopes: Value,
    /// RFC 3339, in the future; `null` = never.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub expires_at: Option<String>,
    /// `edit` (default) or `view` (RULINGS 4).
    #[serde(default)]
    pub access: Option<Access>,
}

/// A key on the wire; never with its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKeyView {
    /// Row id.
    pub id: String,
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
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub expires_at: Option<String>,
    /// RFC 3339.
    pub last_used_at: Option<String>,
    /// Address of the last use.
    pub last_used_ip: Option<String>,
}

/// The answer of create and rotate: the only time the secret is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedApiKey {
    /// The key as it will be listed.
    #[serde(flatten)]
    pub view: ApiKeyView,
    /// The whole key text; never shown again.
    #[cfg_attr(feature = "openapi", schema(example = "rgpu_a1b2c3d4_…"))]
    pub key: String,
}

// === impl PublicId ===

impl PublicId {
    /// A fresh id from the Random port, or one read back from the store.
    pub fn from_trusted(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl KeyText ===

impl<'a> KeyText<'a> {
    /// Checks length, alphabet, prefix and checksum: no I/O happens for a text that fails here.
    ///
    /// # Errors
    /// `missing_api_key` for blank text, `invalid_api_key` for any other wrong form.
    pub fn parse(text: &'a str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::Unauthenticated { code: Code::MissingApiKey });
        }
        Self::well_formed(text).ok_or(Error::Unauthenticated { code: Code::InvalidApiKey })
    }

    fn well_formed(text: &'a str) -> Option<Self> {
        if text.len() != TOTAL_LENGTH || !text.is_ascii() {
            return None;
        }
        let (body, check) = text.split_at(TOTAL_LENGTH - CHECK_LENGTH);
        let (id, secret) = body.strip_prefix(PREFIX)?.split_once('_')?;
        let id_ok = id.len() == ID_LENGTH && id.bytes().all(|b| ID_ALPHABET.contains(&b));
        let secret_ok = secret.bytes().all(|b| SECRET_ALPHABET.contains(&b));
        let good = id_ok && secret_ok && check == checksum(body);
        good.then(|| Self { public_id: PublicId(id.to_owned()), whole: text })
    }

    /// Puts a fresh key together from random letters of the two alphabets.
    pub fn assemble(id: &PublicId, secret: &str) -> String {
        let body = format!("{PREFIX}{}_{secret}", id.0);
        let check = checksum(&body);
        format!("{body}{check}")
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

    /// The wire form at `now`.
    pub fn view(&self, now: Timestamp) -> ApiKeyView {
        let text = |t: Option<Timestamp>| t.map(|t| t.to_string());
        ApiKeyView {
            id: self.id.to_string(),
            name: self.name.clone(),
            prefix: format!("{PREFIX}{}", self.public_id.0),
            scopes: self.scope.to_json(),
            access: self.access,
            status: self.status(now),
            created_at: self.created_at.to_string(),
            expires_at: text(self.expires_at),
            last_used_at: text(self.last_used_at),
            last_used_ip: self.last_used_ip.clone(),
        }
    }
}

// === impl NewApiKey ===

impl NewApiKey {
    /// Checks name, scope shape and expiry against `now`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field at once.
    pub fn check(&self, now: Timestamp) -> Result<(String, Scope, Option<Timestamp>)> {
        let mut wrong = Vec::new();
        let mut keep = |error: Error| {
            if let Error::Invalid(fields) = error {
                wrong.extend(fields);
            }
        };
        let name = check_key_name(&self.name).map_err(&mut keep).ok();
        let scope = Scope::parse(&self.scopes).map_err(&mut keep).ok();
        let expiry = check_expiry(self.expires_at.as_deref(), now).map_err(&mut keep).ok();
        match (name, scope, expiry) {
            (Some(name), Some(scope), Some(expiry)) => Ok((name, scope, expiry)),
            _ => Err(Error::Invalid(wrong)),
        }
    }
}

fn check_key_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Error::field("name", "length", "Name must be 1 to 100 characters on one line"));
    }
    Ok(name.to_owned())
}

fn check_expiry(text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>> {
    let Some(text) = text else { return Ok(None) };
    let at: Timestamp = text
        .parse()
        .map_err(|_| Error::field("expires_at", "rfc_3339", "Write a time such as 2027-01-31T00:00:00Z, or null"))?;
    if at <= now {
        return Err(Error::field("expires_at", "past", "The expiry must lie in the future"));
    }
    Ok(Some(at))
}

/// CRC-32 (IEEE 802.3, reflected) of `body` in base 62, six letters: lets scanners and servers drop typing errors
/// without a look-up. Not a secret.
pub(crate) fn checksum(body: &str) -> String {
    let mut crc = u32::MAX;
    for byte in body.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let mut rest = u64::from(!crc);
    let mut letters = [b'0'; CHECK_LENGTH];
    for slot in letters.iter_mut().rev() {
        *slot = SECRET_ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    letters.iter().map(|&b| char::from(b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> String {
        KeyText::assemble(&PublicId("a1b2c3d4".into()), "ABCDEFGHIJKLMNOPQRSTUVWX")
    }

    #[test]
    fn a_fresh_key_is_well_formed() {
        let text = sample();
        assert_eq!(KeyText::parse(&text).unwrap().public_id.as_str(), "a1b2c3d4");
        assert_eq!(text.len(), TOTAL_LENGTH);
    }

    #[test]
    fn one_changed_letter_is_noticed_before_any_look_up() {
        let text = sample();
        for at in PREFIX.len()..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'z' { b'y' } else { b'z' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(KeyText::parse(&changed).is_err(), "letter {at}");
        }
    }

    #[test]
    fn blank_text_is_missing_and_other_text_is_invalid() {
        let code = |text: &str| KeyText::parse(text).err().map(|e| e.code());
        assert_eq!(code(" "), Some(Code::MissingApiKey));
        assert_eq!(code("rgpu_é"), Some(Code::InvalidApiKey));
        assert_eq!(code(&"x".repeat(TOTAL_LENGTH)), Some(Code::InvalidApiKey));
    }

    #[test]
    fn the_checksum_is_crc_32() {
        // The standard check value: CRC-32("123456789") = 0xCBF43926 = 3421780262.
        let mut value = 0u64;
        for letter in checksum("123456789").bytes() {
            value = value * 62 + SECRET_ALPHABET.iter().position(|&b| b == letter).unwrap() as u64;
        }
        assert_eq!(value, 0xCBF4_3926);
    }
}
