//! "What can this key do": each right and each namespace, and why not (RULINGS 5 and 52). Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ApiKey, KeyStatus};
use crate::credential::Access;
use crate::id::NamespaceId;
use crate::namespace::{Namespace, NamespaceStatus};
use crate::scope::Scope;
use crate::user::Role;

/// Body of `POST /v1/api-keys/test`: the key's id, never its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TestApiKey {
    /// Id of the key.
    pub api_key_id: String,
}

/// What a key opens now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyReport {
    /// Id of the key.
    pub api_key_id: String,
    /// Whether it opens anything at all.
    pub works: bool,
    /// Why it opens nothing, in one sentence.
    pub reason: Option<String>,
    /// Each right.
    pub rights: Vec<RightReport>,
    /// Each namespace of the account, and those on the key that are gone.
    pub namespaces: Vec<NamespaceReport>,
}

/// One right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RightReport {
    /// `kubernetes_exec`, `inference` or `console`.
    pub right: String,
    /// Whether the key opens it.
    pub allowed: bool,
    /// Why not, or what to know of it.
    pub reason: Option<String>,
}

/// One namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NamespaceReport {
    /// Id.
    pub id: String,
    /// Console name; none when it is gone.
    pub name: Option<String>,
    /// Whether the key gets a credential there now.
    pub allowed: bool,
    /// With what rights.
    pub access: Option<Access>,
    /// Why not, or what limits it.
    pub reason: Option<String>,
}

impl KeyReport {
    /// The report of `key` at `now`. `owner` as in [`ApiKey::opens`]; `namespaces` are all of the key's account.
    pub fn of(key: &ApiKey, owner: Option<Role>, namespaces: &[Namespace], now: Timestamp) -> Self {
        let dead = dead(key, owner, now);
        let gone = key.scope.namespace_ids().iter().filter(|id| namespaces.iter().all(|n| n.id != **id));
        let living = namespaces.iter().map(|namespace| of_namespace(key, owner, namespace, dead, now));
        Self {
            api_key_id: key.id.to_string(),
            works: dead.is_none(),
            reason: dead.map(str::to_owned),
            rights: rights(key, owner, dead),
            namespaces: living.chain(gone.map(|id| deleted(*id))).collect(),
        }
    }
}

fn dead(key: &ApiKey, owner: Option<Role>, now: Timestamp) -> Option<&'static str> {
    match key.status(now) {
        KeyStatus::Revoked => Some("The key is revoked"),
        KeyStatus::Expired => Some("The key has expired"),
        KeyStatus::Disabled => Some("The key is disabled"),
        KeyStatus::Active if owner.is_none() => Some("Its owner is disabled or no longer in the account"),
        KeyStatus::Active => None,
    }
}

fn rights(key: &ApiKey, owner: Option<Role>, dead: Option<&str>) -> Vec<RightReport> {
    let right = |right: &str, refused: Option<&str>, note: Option<&str>| RightReport {
        right: right.to_owned(),
        allowed: dead.or(refused).is_none(),
        reason: dead.or(refused).or(note).map(str::to_owned),
    };
    let no_exec = (key.scope == Scope::Inference).then_some("The scope is inference only");
    let no_role = owner.and_then(Access::ceiling).is_none().then_some("The owner's role opens no namespace");
    let infers = matches!(key.scope, Scope::All | Scope::Inference);
    let no_inference = (!infers).then_some("The scope is Kubernetes only");
    vec![
        right("kubernetes_exec", no_exec.or(no_role), None),
        right("inference", no_inference, Some("This installation serves no inference yet")),
        right("console", Some("A key never opens the console"), None),
    ]
}

fn of_namespace(
    key: &ApiKey,
    owner: Option<Role>,
    namespace: &Namespace,
    dead: Option<&str>,
    now: Timestamp,
) -> NamespaceReport {
    let access = key.opens(owner, namespace.id, now);
    let state = match namespace.status {
        NamespaceStatus::Active => None,
        NamespaceStatus::Creating => Some("The namespace is still being created"),
        NamespaceStatus::Failed => Some("The namespace could not be set up"),
        NamespaceStatus::Deleting => Some("The namespace is being deleted"),
    };
    let scope = (!key.scope.opens(namespace.id)).then_some("Not in the scope of the key");
    let role = access.is_none().then_some("The owner's role opens no namespace");
    let refused = dead.or(scope).or(role).or(state);
    let limited = match access {
        Some(Access::View) if key.access == Access::Edit => Some("Looks only: the role of its owner allows no more"),
        Some(Access::View) => Some("Looks only: no secrets, no shell"),
        _ => None,
    };
    NamespaceReport {
        id: namespace.id.to_string(),
        name: Some(namespace.name.as_str().to_owned()),
        allowed: refused.is_none(),
        access: access.filter(|_| refused.is_none()),
        reason: refused.or(limited).map(str::to_owned),
    }
}

fn deleted(id: NamespaceId) -> NamespaceReport {
    let reason = Some("The namespace was deleted".to_owned());
    NamespaceReport { id: id.to_string(), name: None, allowed: false, access: None, reason }
}
