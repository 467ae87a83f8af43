//! Kubernetes credentials: who a token belongs to in the cluster, and the document kubectl reads.
//!
//! Source: DESIGN §5, `console-api.md` §5, `security.md` §2.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::api_key::PublicId;
use crate::id::{AccountId, ApiKeyId, CredentialId, NamespaceId, UserId};
use crate::permission::{self, Permission};
use crate::user::Role;
use crate::{Error, Result};

/// Namespace of all key accounts (RULINGS 11).
pub const ACCESS_NAMESPACE: &str = "remotegpu-access";
/// Seconds of life we ask for (`security.md` §2.3).
pub const ASKED_SECONDS: i64 = 3600;
/// The same for the connector of a customer's own cluster (RULINGS 20): 90 days, renewed by itself.
pub const CONNECTOR_SECONDS: i64 = 90 * 24 * 3600;
/// How the account of every connector begins; the database tells them by it too.
pub const CONNECTOR_PREFIX: &str = "connector-";
/// Connectors of a namespace that nobody has revoked: no more than this.
pub const MOST_CONNECTORS: i64 = 20;
// 60 s: client-go allows no clock skew, see security.md §2.3.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
// Less than this after the margin is refused: a token nobody can use helps nobody.
const LEAST_LEFT: SignedDuration = SignedDuration::from_secs(120);

/// Rights of a key or a kubeconfig (RULINGS 4). The lower of two wins: `View < Edit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// `remotegpu-viewer`: looks, no secrets, no exec.
    View,
    /// `remotegpu-tenant`: daily work.
    Edit,
}

/// Who acts in the cluster for somebody: one ServiceAccount each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// One secret of an API key.
    Key {
        /// Public id of the key.
        key: PublicId,
        /// Which of its secrets.
        generation: u32,
        /// Rights.
        access: Access,
    },
    /// The console, for a person in the browser (RULINGS 34).
    Console {
        /// Rights.
        access: Access,
    },
    /// One download of a tenant's kubeconfig: the virtual node in a customer's own cluster. May renew its own token.
    Connector {
        /// Tells two downloads apart: 8 hex digits of the credential's id.
        serial: String,
    },
}

/// An identity as it was found in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundIdentity {
    /// Name of its ServiceAccount and RoleBinding.
    pub name: String,
    /// Whose it is.
    pub identity: Identity,
    /// The tenant namespace it was made for.
    pub namespace: NamespaceId,
    /// Kubernetes names of the namespaces where its RoleBinding stands.
    pub bound_in: Vec<String>,
    /// When it was made, by the clock of the cluster.
    pub made_at: Option<Timestamp>,
}

/// A credential that was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// The account.
    pub account_id: AccountId,
    /// The key it was issued for; none for the console's own.
    pub api_key_id: Option<ApiKeyId>,
    /// The namespace it opens.
    pub namespace_id: NamespaceId,
    /// The ServiceAccount's name.
    pub service_account: String,
    /// With what rights; none for rows of an earlier version.
    pub access: Option<Access>,
    /// Id of the token (`jti`), as it stands in the cluster's audit log.
    pub token_id: Option<String>,
    /// Where it was asked for first.
    pub address: Option<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends, as reported.
    pub expires_at: Timestamp,
    /// Last hand-out, at most a minute old.
    pub last_used_at: Timestamp,
    /// When somebody ended it.
    pub revoked_at: Option<Timestamp>,
}

/// What a list of credentials must know of the key of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOfCredential {
    /// Its name.
    pub name: String,
    /// Its public id.
    pub public_id: PublicId,
    /// Whose it is.
    pub owner_id: UserId,
    /// Revoked or disabled.
    pub dead: bool,
    /// Dead from then on.
    pub expires_at: Option<Timestamp>,
}

/// A credential with what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialListed {
    /// The credential.
    pub credential: Credential,
    /// Its key; none for the console's own.
    pub api_key: Option<KeyOfCredential>,
    /// Console name of its namespace.
    pub namespace: String,
}

/// Where a credential is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum CredentialStatus {
    /// Its token works.
    Active,
    /// Its time has passed.
    Expired,
    /// Somebody ended it, or its key.
    Revoked,
}

/// A credential on the wire; its token is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CredentialView {
    /// Its id.
    pub id: String,
    /// Its key; `null` for the console's own.
    pub api_key_id: Option<String>,
    /// Name of that key.
    pub api_key_name: Option<String>,
    /// Prefix of that key.
    pub api_key_prefix: Option<String>,
    /// The namespace it opens.
    pub namespace_id: String,
    /// Console name of that namespace.
    pub namespace_name: String,
    /// Its account in the cluster, as audit logs there name it.
    pub service_account: String,
    /// Its rights.
    pub access: Option<Access>,
    /// It renews itself until it is revoked: the connector of a customer's own cluster.
    pub renews: bool,
    /// The token's `jti`.
    pub token_id: Option<String>,
    /// Where it was asked for first.
    pub address: Option<String>,
    /// Where it is in its life.
    pub status: CredentialStatus,
    /// RFC 3339.
    pub issued_at: String,
    /// RFC 3339.
    pub expires_at: String,
    /// RFC 3339.
    pub last_used_at: String,
}

/// `client.authentication.k8s.io/v1` ExecCredential, the answer to kubectl.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExecCredential<'a> {
    /// Must equal the kubeconfig's.
    #[serde(rename = "apiVersion")]
    pub api_version: &'static str,
    /// Always `ExecCredential`.
    pub kind: &'static str,
    /// Token and expiry.
    pub status: ExecCredentialStatus<'a>,
}

/// Status of an [`ExecCredential`].
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExecCredentialStatus<'a> {
    /// The bearer token.
    pub token: &'a str,
    /// RFC 3339, whole seconds, `Z`; already 60 s early.
    #[serde(rename = "expirationTimestamp")]
    pub expiration_timestamp: String,
}

// === impl Access ===

impl Access {
    /// The wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Edit => "edit",
        }
    }

    /// Reads the stored form; unknown text is `View`, the lower one.
    pub fn from_stored(text: &str) -> Self {
        if text == "edit" { Self::Edit } else { Self::View }
    }

    /// The most a key may do, given its owner's role now; none = nothing.
    pub fn ceiling(owner: Role) -> Option<Self> {
        if permission::allows(owner, false, Permission::Deploy) {
            Some(Self::Edit)
        } else {
            permission::allows(owner, false, Permission::Read).then_some(Self::View)
        }
    }

    /// The ClusterRole bound in the tenant namespace (RULINGS 41).
    pub fn cluster_role(self) -> &'static str {
        match self {
            Self::View => "remotegpu-viewer",
            Self::Edit => "remotegpu-tenant",
        }
    }
}

// === impl Identity ===

impl Identity {
    /// The ServiceAccount's name in the access namespace (RULINGS 34 and 41). Edit and view are separate accounts: a
    /// view kubeconfig of an edit key must never share a token with it.
    pub fn service_account(&self, namespace: NamespaceId) -> String {
        match self {
            Self::Key { key, generation, access: Access::Edit } => {
                format!("key-{}-{generation}-{}", key.as_str(), namespace.short())
            }
            Self::Key { key, generation, access: Access::View } => {
                format!("key-{}-{generation}-{}-view", key.as_str(), namespace.short())
            }
            Self::Console { access } => format!("console-{}-{}", namespace.short(), access.as_str()),
            Self::Connector { serial } => format!("{CONNECTOR_PREFIX}{}-{serial}", namespace.short()),
        }
    }

    /// The rights of this identity.
    pub fn access(&self) -> Access {
        match self {
            Self::Key { access, .. } | Self::Console { access } => *access,
            Self::Connector { .. } => Access::Edit,
        }
    }

    /// Seconds of life that its tokens are asked for.
    pub fn asked_seconds(&self) -> i64 {
        match self {
            Self::Key { .. } | Self::Console { .. } => ASKED_SECONDS,
            Self::Connector { .. } => CONNECTOR_SECONDS,
        }
    }
}

// === impl Credential ===

impl Credential {
    /// Its holder renews the token by itself: it lives until somebody revokes it.
    pub fn renews(&self) -> bool {
        self.service_account.starts_with(CONNECTOR_PREFIX)
    }
}

// === impl CredentialListed ===

impl CredentialListed {
    /// Where it is in its life at `now`.
    pub fn status(&self, now: Timestamp) -> CredentialStatus {
        let dead = |key: &KeyOfCredential| key.dead || key.expires_at.is_some_and(|end| now >= end);
        if self.credential.revoked_at.is_some() || self.api_key.as_ref().is_some_and(dead) {
            CredentialStatus::Revoked
        } else if now >= self.credential.expires_at && !self.credential.renews() {
            CredentialStatus::Expired
        } else {
            CredentialStatus::Active
        }
    }

    /// The wire form at `now`.
    pub fn view(&self, now: Timestamp) -> CredentialView {
        let credential = &self.credential;
        let key = self.api_key.as_ref();
        CredentialView {
            id: credential.id.to_string(),
            api_key_id: credential.api_key_id.map(|id| id.to_string()),
            api_key_name: key.map(|key| key.name.clone()),
            api_key_prefix: key.map(|key| key.public_id.prefix()),
            namespace_id: credential.namespace_id.to_string(),
            namespace_name: self.namespace.clone(),
            service_account: credential.service_account.clone(),
            access: credential.access,
            renews: credential.renews(),
            token_id: credential.token_id.clone(),
            address: credential.address.clone(),
            status: self.status(now),
            issued_at: credential.issued_at.to_string(),
            expires_at: credential.expires_at.to_string(),
            last_used_at: credential.last_used_at.to_string(),
        }
    }
}

/// The expiry of a connector's token that ends at `expires_at`, seen at `now`: whole seconds, as the cluster gave it.
///
/// # Errors
/// [`Error::TokenWithoutExpiration`] when it is missing, past, or later than was asked for.
pub fn connector_expiry(expires_at: Option<Timestamp>, now: Timestamp) -> Result<Timestamp> {
    let end = expires_at.ok_or(Error::TokenWithoutExpiration)?;
    let latest = now + SignedDuration::from_secs(CONNECTOR_SECONDS + 60);
    let end = Timestamp::from_second(end.as_second()).map_err(Error::internal)?;
    if end <= now || end > latest { Err(Error::TokenWithoutExpiration) } else { Ok(end) }
}

/// The expiry to report for a token that ends at `expires_at`, seen at `now`: 60 s early, whole seconds.
///
/// # Errors
/// [`Error::TokenWithoutExpiration`] when it is missing, past, or less than two minutes away after the margin.
pub fn reported_expiry(expires_at: Option<Timestamp>, now: Timestamp) -> Result<Timestamp> {
    let end = expires_at.ok_or(Error::TokenWithoutExpiration)?;
    // A clock jump upstream must not become a long-lived claim here (security.md §2.3).
    let latest = now + SignedDuration::from_secs(ASKED_SECONDS + 60);
    let end = if end > latest { now + SignedDuration::from_secs(ASKED_SECONDS) } else { end };
    let reported = Timestamp::from_second((end - MARGIN).as_second()).map_err(Error::internal)?;
    if reported < now + LEAST_LEFT { Err(Error::TokenWithoutExpiration) } else { Ok(reported) }
}

impl<'a> ExecCredential<'a> {
    /// The document for `token` with the expiry to report.
    pub fn new(token: &'a str, expires_at: Timestamp) -> Self {
        let status = ExecCredentialStatus { token, expiration_timestamp: expires_at.to_string() };
        Self { api_version: "client.authentication.k8s.io/v1", kind: "ExecCredential", status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_reported_expiry_is_a_minute_early_and_never_absurd() {
        assert_eq!(reported_expiry(Some(at(3600)), at(0)).unwrap(), at(3540));
        assert_eq!(reported_expiry(Some(at(1_000_000)), at(0)).unwrap(), at(3540));
        for bad in [None, Some(at(-1)), Some(at(100)), Some(at(179))] {
            assert!(matches!(reported_expiry(bad, at(0)), Err(Error::TokenWithoutExpiration)), "{bad:?}");
        }
    }

    #[test]
    fn a_connector_is_told_the_end_that_the_cluster_gave() {
        assert_eq!(connector_expiry(Some(at(86_400)), at(0)).unwrap(), at(86_400));
        for bad in [None, Some(at(0)), Some(at(CONNECTOR_SECONDS + 61))] {
            assert!(matches!(connector_expiry(bad, at(0)), Err(Error::TokenWithoutExpiration)), "{bad:?}");
        }
    }

    #[test]
    fn the_lower_of_two_accesses_wins() {
        assert_eq!(Access::Edit.min(Access::View), Access::View);
    }

    #[test]
    fn view_and_edit_of_one_key_are_two_accounts() {
        let namespace = NamespaceId::parse("019c1b2e-7f00-7abc-8def-0123456789ab").unwrap();
        let key = PublicId::from_trusted("a1b2c3d4".into());
        let name = |access| Identity::Key { key: key.clone(), generation: 1, access }.service_account(namespace);
        assert_eq!(name(Access::Edit), "key-a1b2c3d4-1-456789ab");
        assert_eq!(name(Access::View), "key-a1b2c3d4-1-456789ab-view");
    }
}
