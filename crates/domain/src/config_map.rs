//! ConfigMaps of a namespace: text that workloads read. The rules of keys and sizes are those of Secrets too.
//!
//! Source: `ui.md` §1 (Config), `console-api.md` §6; limits as the Kubernetes API server checks them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::may_exist;
use crate::reference::Referrer;
use crate::{Error, FieldError, Result};

/// Most bytes that all values of a ConfigMap or Secret may have together.
pub const MOST_BYTES: usize = 1024 * 1024;
/// Most bytes of a key.
const LONGEST_KEY: usize = 253;
/// Kubernetes puts the certificate of its API server into every namespace under this name, and again when it is gone.
const ROOT_CERTIFICATE: &str = "kube-root-ca.crt";

/// Body of `POST …/config-maps`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewConfigMap {
    /// Name in the cluster.
    #[cfg_attr(
        feature = "openapi",
        schema(example = "settings", min_length = 1, max_length = 253, pattern = "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Text by key.
    #[serde(default)]
    pub data: BTreeMap<String, String>,
}

/// Body of `PATCH …/config-maps/{name}`: what it does not name stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfigMapChange {
    /// New text by key; `null` removes the key.
    #[serde(default)]
    pub data: BTreeMap<String, Option<String>>,
}

/// A key and how much stands behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeySize {
    /// The key.
    pub key: String,
    /// Bytes of its value.
    pub bytes: u32,
}

/// A ConfigMap on the wire. Lists leave out `data` and `used_by`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigMapView {
    /// Name.
    pub name: String,
    /// Its keys, text and binary, by name.
    pub keys: Vec<KeySize>,
    /// Text by key; binary values are not shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
    /// Kubernetes refuses every change of it.
    pub immutable: bool,
    /// Workloads that name it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used_by: Vec<Referrer>,
    /// Changes with every change.
    pub resource_version: String,
    /// RFC 3339.
    pub created_at: String,
}

// === impl NewConfigMap ===

impl NewConfigMap {
    /// Checks the form of every field.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field at once.
    pub fn check(&self) -> Result<()> {
        let mut wrong = wrong_name(&self.name);
        wrong.extend(wrong_keys("data", self.data.iter().map(|(key, value)| (key, value.len()))));
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }
}

// === impl ConfigMapChange ===

impl ConfigMapChange {
    /// Checks the form of every field.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field at once.
    pub fn check(&self) -> Result<()> {
        let sizes = self.data.iter().map(|(key, value)| (key, value.as_ref().map_or(0, String::len)));
        let wrong = wrong_keys("data", sizes);
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }
}

// === impl ConfigMapView ===

impl ConfigMapView {
    /// Kubernetes' own: it comes back by itself and is nobody's to change.
    pub fn is_kubernetes_own(&self) -> bool {
        self.name == ROOT_CERTIFICATE
    }
}

/// What is wrong with the name of a new ConfigMap, Secret or claim (RFC 1123 subdomain).
pub fn wrong_name(name: &str) -> Vec<FieldError> {
    let message = "Use lowercase letters, digits, hyphens and dots; start and end with a letter or digit";
    if may_exist(name) { Vec::new() } else { vec![FieldError::new("name", "format", message)] }
}

/// What is wrong with keys and the sizes of their values.
pub fn wrong_keys<'a>(field: &str, sizes: impl Iterator<Item = (&'a String, usize)>) -> Vec<FieldError> {
    let (mut total, mut legal) = (0, true);
    for (key, bytes) in sizes {
        total += bytes;
        legal &= is_key(key);
    }
    let mut wrong = Vec::new();
    if !legal {
        let message = "Keys are letters, digits, hyphens, underscores and dots";
        wrong.push(FieldError::new(field, "format", message));
    }
    if total > MOST_BYTES {
        wrong.push(FieldError::new(field, "size", "All values together may have 1 MiB"));
    }
    wrong
}

fn is_key(key: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(legal) && key != "." && !key.starts_with("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_kubernetes_takes_as_file_names() {
        for good in ["a", "APP_MODE", "tls.crt", ".dockerconfigjson", "a-b"] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", ".", "..", "..a", "a/b", "a b", "ä", &"x".repeat(254)] {
            assert!(!is_key(bad), "{bad:?}");
        }
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let big = "x".repeat(MOST_BYTES + 1);
        let new = NewConfigMap { name: "Settings".into(), data: [("a b".into(), big)].into() };
        let Err(Error::Invalid(errors)) = new.check() else { panic!("it was taken") };
        let codes: Vec<_> = errors.iter().map(|e| (e.field.as_str(), e.code.as_str())).collect();
        assert_eq!(codes, [("name", "format"), ("data", "format"), ("data", "size")]);
    }

    #[test]
    fn removing_a_key_has_no_size() {
        let change = ConfigMapChange { data: [("a".to_owned(), None)].into() };
        assert!(change.check().is_ok());
    }
}
