//! What people ask of a key: make, change, rotate. Checked here, once, for pages and programs.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ApiKey;
use crate::credential::Access;
use crate::scope::Scope;
use crate::{Code, Error, Result};

/// Most characters of a name.
const NAME_LENGTH: usize = 100;
/// Longest overlap of two secrets: a week.
const MAX_OVERLAP: u32 = 604_800;

/// Body of `POST /v1/api-keys`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// 1 to 100 characters.
    #[cfg_attr(
        feature = "openapi",
        schema(
            example = "ci",
            min_length = 1,
            max_length = 100,
            pattern = "^[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
        )
    )]
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

/// Body of `PATCH /v1/api-keys/{id}`: what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ApiKeyChanges {
    /// 1 to 100 characters.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, min_length = 1, max_length = 100))]
    pub name: Option<String>,
    /// One of the four shapes; ids that stand on the key already may be of namespaces that are gone.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, value_type = Option<crate::scope::ScopeDocument>))]
    pub scopes: Option<Value>,
    /// RFC 3339, in the future; `null` = never.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Option<String>>,
    /// Switched off and on again.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub disabled: Option<bool>,
    /// `edit` or `view`.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub access: Option<Access>,
}

/// Body of `POST /v1/api-keys/{id}/rotate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RotateApiKey {
    /// How long the old secret works on: 0 to 604800 (a week).
    #[cfg_attr(feature = "openapi", schema(maximum = 604_800))]
    pub overlap_seconds: u32,
}

/// Every wrong field at once.
#[derive(Default)]
struct Wrong(Vec<crate::FieldError>);

// === impl Wrong ===

impl Wrong {
    fn keep<T>(&mut self, checked: Result<T>) -> Option<T> {
        match checked {
            Ok(value) => return Some(value),
            Err(Error::Invalid(fields)) => self.0.extend(fields),
            Err(_) => {}
        }
        None
    }
}

// === impl NewApiKey ===

impl NewApiKey {
    /// Checks name, scope shape and expiry against `now`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field at once.
    pub fn check(&self, now: Timestamp) -> Result<(String, Scope, Option<Timestamp>)> {
        let mut wrong = Wrong::default();
        let name = wrong.keep(check_name(&self.name));
        let scope = wrong.keep(Scope::parse(&self.scopes));
        let expiry = wrong.keep(check_expiry(self.expires_at.as_deref(), now));
        match (name, scope, expiry) {
            (Some(name), Some(scope), Some(expiry)) => Ok((name, scope, expiry)),
            _ => Err(Error::Invalid(wrong.0)),
        }
    }
}

// === impl ApiKeyChanges ===

impl ApiKeyChanges {
    /// Only switches the key off or on.
    pub fn only_switches(&self) -> bool {
        *self == Self { disabled: self.disabled, ..Self::default() }
    }

    /// The key after these changes.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field at once; `conflict` for a revoked key.
    pub fn apply(&self, key: &ApiKey, now: Timestamp) -> Result<ApiKey> {
        if key.revoked_at.is_some() {
            return Err(Error::conflict(Code::Conflict, "This key is revoked for good: make a new one"));
        }
        let (mut next, mut wrong) = (key.clone(), Wrong::default());
        if let Some(name) = &self.name {
            next.name = wrong.keep(check_name(name)).unwrap_or_default();
        }
        if let Some(scope) = self.scopes.as_ref().and_then(|scopes| wrong.keep(Scope::parse(scopes))) {
            next.scope = scope;
        }
        if let Some(expiry) = &self.expires_at {
            next.expires_at = wrong.keep(check_expiry(expiry.as_deref(), now)).flatten();
        }
        next.disabled = self.disabled.unwrap_or(key.disabled);
        next.access = self.access.unwrap_or(key.access);
        if wrong.0.is_empty() { Ok(next) } else { Err(Error::Invalid(wrong.0)) }
    }

    /// What changes between two states of a key, in words, for the audit.
    pub fn in_words(before: &ApiKey, after: &ApiKey) -> String {
        let mut words = Vec::new();
        let mut differs = |what: &str, before: String, after: String| {
            if before != after {
                words.push(format!("{what}: {before} → {after}"));
            }
        };
        let end = |key: &ApiKey| key.expires_at.map_or_else(|| "never".to_owned(), |end| end.to_string());
        differs("name", before.name.clone(), after.name.clone());
        differs("scopes", before.scope.to_json().to_string(), after.scope.to_json().to_string());
        differs("access", before.access.as_str().to_owned(), after.access.as_str().to_owned());
        differs("expires", end(before), end(after));
        differs("disabled", before.disabled.to_string(), after.disabled.to_string());
        words.join("; ")
    }
}

// === impl RotateApiKey ===

impl RotateApiKey {
    /// When the old secret ends; none = at once.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `overlap_seconds` above a week; `conflict` for a key that is revoked.
    pub fn check(self, key: &ApiKey, now: Timestamp) -> Result<Option<Timestamp>> {
        if self.overlap_seconds > MAX_OVERLAP {
            return Err(Error::field("overlap_seconds", "range", "overlap_seconds must be between 0 and 604800"));
        }
        if key.revoked_at.is_some() {
            return Err(Error::conflict(Code::Conflict, "This key is revoked for good: make a new one"));
        }
        let overlap = SignedDuration::from_secs(i64::from(self.overlap_seconds));
        Ok((self.overlap_seconds > 0).then(|| now + overlap))
    }
}

fn check_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_LENGTH || name.chars().any(char::is_control) {
        return Err(Error::field("name", "length", "Name must be 1 to 100 characters on one line"));
    }
    Ok(name.to_owned())
}

fn check_expiry(text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>> {
    let Some(text) = text else { return Ok(None) };
    let at: Timestamp = text
        .parse()
        .map_err(|_| Error::field("expires_at", "rfc_3339", "Write a time such as 2027-01-31T00:00:00Z, or null"))?;
    // Whole milliseconds are kept: the answer that makes a key shows what every later one will.
    let at = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
    if at <= now {
        return Err(Error::field("expires_at", "past", "The expiry must lie in the future"));
    }
    Ok(Some(at))
}
