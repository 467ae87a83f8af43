//! Secrets of a namespace. Values go in and never come out: keys and sizes are all that is shown.
//!
//! Source: `ui.md` §1 (Config), `security.md` §2.2 and §6.4, RULINGS 34.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::config_map::{KeySize, wrong_keys, wrong_name};
use crate::reference::Referrer;
use crate::{Error, FieldError, Result};

/// The type of a Secret of free keys.
pub const OPAQUE: &str = "Opaque";
/// The type of a Secret with which images are pulled.
pub const PULL: &str = "kubernetes.io/dockerconfigjson";
/// The one key of such a Secret.
pub const PULL_KEY: &str = ".dockerconfigjson";
/// The type of a Secret that is a token, which tenants may not make.
pub const TOKEN: &str = "kubernetes.io/service-account-token";

/// A value on its way in. It shows itself to nobody, whatever is printed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(pub String);

/// Body of `POST …/secrets`: free values, or the sign-in of a registry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// Name in the cluster.
    #[cfg_attr(
        feature = "openapi",
        schema(example = "database", min_length = 1, max_length = 253, pattern = "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Kubernetes type; without one it follows from the rest: `Opaque`, or that of a pull secret.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Text by key.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    pub values: BTreeMap<String, Hidden>,
    /// Makes it a pull secret.
    #[serde(default)]
    pub registry: Option<Registry>,
}

/// Body of `PATCH …/secrets/{name}`: what it does not name stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SecretChange {
    /// New text by key; `null` removes the key.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, Option<String>>))]
    pub values: BTreeMap<String, Option<Hidden>>,
    /// Another sign-in, for a pull secret.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub registry: Option<Registry>,
}

/// With whom a registry lets one pull.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Host, as the image names it: `ghcr.io`; Docker Hub is `docker.io`.
    #[cfg_attr(feature = "openapi", schema(example = "ghcr.io", min_length = 1))]
    pub server: String,
    /// User.
    #[cfg_attr(feature = "openapi", schema(min_length = 1))]
    pub username: String,
    /// Password or access token.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password, min_length = 1))]
    pub password: Hidden,
}

/// A Secret on the wire: never a value. Lists leave out `used_by`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecretView {
    /// Name.
    pub name: String,
    /// Kubernetes type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its keys by name, with the sizes of their values.
    pub keys: Vec<KeySize>,
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

// === impl Hidden ===

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

// === impl NewSecret ===

impl NewSecret {
    /// The Kubernetes type it gets.
    pub fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or(if self.registry.is_some() { PULL } else { OPAQUE })
    }

    /// Checks the form of every field.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field at once.
    pub fn check(&self) -> Result<()> {
        let mut wrong = wrong_name(&self.name);
        wrong.extend(wrong_kind(self.kind(), self.registry.is_some()));
        wrong.extend(wrong_keys("values", self.values.iter().map(|(key, value)| (key, value.0.len()))));
        wrong.extend(wrong_registry(self.registry.as_ref(), !self.values.is_empty()));
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }
}

// === impl SecretChange ===

impl SecretChange {
    /// Checks the form of every field.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field at once.
    pub fn check(&self) -> Result<()> {
        let sizes = self.values.iter().map(|(key, value)| (key, value.as_ref().map_or(0, |value| value.0.len())));
        let mut wrong = wrong_keys("values", sizes);
        wrong.extend(wrong_registry(self.registry.as_ref(), !self.values.is_empty()));
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }

    /// Its keys, as the audit log names them.
    pub fn keys(&self) -> String {
        let keys: Vec<&str> = self.values.keys().map(String::as_str).collect();
        if self.registry.is_some() { PULL_KEY.to_owned() } else { keys.join(", ") }
    }
}

// === impl Registry ===

impl Registry {
    /// The value of a pull secret, as `kubectl create secret docker-registry` writes it. `auth` is
    /// `username:password` in base64.
    pub fn docker_config(&self, auth: &str) -> Hidden {
        // Docker Hub's entry is called by its old address; every reader looks there.
        let server = match self.server.trim() {
            "docker.io" | "index.docker.io" | "registry-1.docker.io" => "https://index.docker.io/v1/",
            other => other,
        };
        let entry = json!({"username": self.username, "password": self.password, "auth": auth});
        Hidden(json!({"auths": {server: entry}}).to_string())
    }
}

fn wrong_kind(kind: &str, pulls: bool) -> Option<FieldError> {
    if kind == TOKEN {
        let message = "Secrets of type kubernetes.io/service-account-token are not allowed: such a token never \
            expires and outlives the key it was made with. Use an API key, or kubectl create token";
        return Some(FieldError::new("type", "not_allowed", message));
    }
    let fits = (kind == PULL) == pulls;
    (!fits).then(|| FieldError::new("type", "mismatch", "A pull secret is made of registry, user and password"))
}

fn wrong_registry(registry: Option<&Registry>, has_values: bool) -> Vec<FieldError> {
    let Some(registry) = registry else { return Vec::new() };
    let empty = |field: &str, text: &str, message: &str| {
        text.trim().is_empty().then(|| FieldError::new(field, "required", message))
    };
    let server = registry.server.trim();
    let odd = server.contains(char::is_whitespace) || server.contains('@');
    let all = [
        empty("registry.server", server, "Write the registry's host, for example ghcr.io"),
        odd.then(|| FieldError::new("registry.server", "format", "Write the registry's host, for example ghcr.io")),
        empty("registry.username", &registry.username, "Write the user of the registry"),
        registry
            .username
            .contains(':')
            .then(|| FieldError::new("registry.username", "format", "A user's name has no colon")),
        empty("registry.password", &registry.password.0, "Write a password or access token"),
        has_values.then(|| FieldError::new("values", "mismatch", "A pull secret has no other values")),
    ];
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Registry {
        Registry { server: "ghcr.io".into(), username: "me".into(), password: Hidden("hunter2".into()) }
    }

    fn fields(new: &NewSecret) -> Vec<String> {
        let Err(Error::Invalid(errors)) = new.check() else { return Vec::new() };
        errors.into_iter().map(|e| format!("{} {}", e.field, e.code)).collect()
    }

    #[test]
    fn a_type_follows_from_the_content() {
        let opaque = NewSecret { name: "a".into(), ..NewSecret::default() };
        assert_eq!((opaque.kind(), fields(&opaque).len()), (OPAQUE, 0));
        let pull = NewSecret { registry: Some(registry()), ..opaque.clone() };
        assert_eq!((pull.kind(), fields(&pull).len()), (PULL, 0));
        let odd = NewSecret { kind: Some(PULL.into()), ..opaque };
        assert_eq!(fields(&odd), ["type mismatch"]);
    }

    #[test]
    fn a_token_is_refused_with_the_reason() {
        let new = NewSecret { name: "a".into(), kind: Some(TOKEN.into()), ..NewSecret::default() };
        let refused = new.check().unwrap_err().to_string();
        assert!(refused.contains("never expires"), "{refused}");
    }

    #[test]
    fn every_empty_field_of_a_registry_is_named() {
        let new = NewSecret { name: "a".into(), registry: Some(Registry::default()), ..NewSecret::default() };
        assert_eq!(
            fields(&new),
            ["registry.server required", "registry.username required", "registry.password required"]
        );
    }

    #[test]
    fn no_value_is_ever_printed() {
        let change = SecretChange { values: [("KEY".into(), Some(Hidden("hunter2".into())))].into(), registry: None };
        let new = NewSecret { registry: Some(registry()), ..NewSecret::default() };
        assert!(!format!("{change:?} {new:?}").contains("hunter2"));
        assert_eq!(change.keys(), "KEY");
    }

    #[test]
    fn the_value_of_a_pull_secret_is_the_one_kubectl_writes() {
        let hub = Registry { server: "docker.io".into(), ..registry() };
        let expected = json!({"auths": {"https://index.docker.io/v1/": {"username": "me", "password": "hunter2", "auth": "YQ=="}}});
        assert_eq!(hub.docker_config("YQ==").0, expected.to_string());
    }
}
