//! A tenant namespace: the console name may change, the Kubernetes name never does.
//!
//! Source: `console-api.md` §2, RULINGS 10.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::{Share, ShareChange};
use crate::id::{AccountId, NamespaceId, UserId};
use crate::name::check_dns_label;
use crate::sku::PriceView;
use crate::tenant::{TenantId, TenantLabel};
use crate::{Error, Result};

/// Name of the `LimitRange` in each tenant namespace. It carries [`crate::admission::ANNOTATION_SKUS`] as the Namespace
/// does, for identities inside, which may not read that.
pub const LIMIT_RANGE: &str = "remotegpu";

/// The console name: a DNS label that is not reserved.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NamespaceName(String);

/// The name in the cluster, fixed at creation: `<name cut to 54>-<last 8 hex of the id>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KubernetesName(String);

/// Where a namespace is in its life. The row is the queue: `Creating` and `Deleting` are orders to the reconciler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum NamespaceStatus {
    /// Objects are being made.
    Creating,
    /// Everything was read back.
    Active,
    /// Objects are being removed.
    Deleting,
    /// Something needs a person; `status_message` says what.
    Failed,
}

/// A tenant namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its id.
    pub id: NamespaceId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Console name, unique in the account.
    pub name: NamespaceName,
    /// Name in the cluster.
    pub kubernetes_name: KubernetesName,
    /// Where it is in its life.
    pub status: NamespaceStatus,
    /// Why it failed, in words.
    pub status_message: Option<String>,
    /// Who made it (may rename and delete it, RULINGS 43).
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// Its id in the tenant API; none for a row of an older binary, until the loop has numbered it.
    pub tenant: Option<TenantId>,
    /// What people call it there; none is the console name.
    pub label: Option<TenantLabel>,
    /// When it was ready for the first time.
    pub activated_at: Option<Timestamp>,
    /// Its own limits, below what every namespace of the account may use.
    pub share: Share,
}

/// Body of `POST /v1/kubernetes/namespaces`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewNamespace {
    /// The console name: a DNS label; `all`, `default` and `kube-…` are reserved.
    #[cfg_attr(
        feature = "openapi",
        schema(
            example = "team-ml",
            min_length = 1,
            max_length = 63,
            pattern = "^(?!(all|default)$)(?!kube-)[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
        )
    )]
    pub name: String,
}

/// Body of `PATCH /v1/kubernetes/namespaces/{id}`; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangeNamespace {
    /// The new console name, unchecked.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(
            nullable = false,
            min_length = 1,
            max_length = 63,
            pattern = "^(?!(all|default)$)(?!kube-)[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
        )
    )]
    pub name: Option<String>,
    /// Its own limits; an owner or admin sets them.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub share: Option<ShareChange>,
}

/// Optional body of a deletion.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeleteNamespace {
    /// If given, must equal the console name.
    pub confirm: Option<String>,
}

/// One limit with what is used of it, in Kubernetes quantities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuotaLine {
    /// Resource name, for example `requests.nvidia.com/gpu`.
    pub resource: String,
    /// Only GPUs of this class count, for example `h100`; absent where all of the resource do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_class: Option<String>,
    /// The limit.
    pub limit: String,
    /// What is used of it.
    pub used: String,
}

/// A namespace on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NamespaceView {
    /// Id.
    pub id: String,
    /// Console name.
    pub name: String,
    /// Name in the cluster.
    pub kubernetes_name: String,
    /// Its id in the tenant API, `skg…`; `null` for a moment after an upgrade.
    pub tenant: Option<String>,
    /// What people call it in the tenant API.
    pub label: String,
    /// Where it is in its life.
    pub status: NamespaceStatus,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Deployments in it.
    pub deployments: u32,
    /// Limits and use.
    pub quota: Vec<QuotaLine>,
    /// Limits of its own, below what every namespace of the account may use.
    #[serde(default, skip_serializing_if = "Share::is_empty")]
    pub share: Share,
    /// What its pods cost an hour now, one sum for each currency; only where it is read, for who may see usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_per_hour: Option<Vec<PriceView>>,
}

// === impl NamespaceName ===

impl NamespaceName {
    /// Checks a name somebody typed.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `name` with the sentence of `console-api.md` §2.
    pub fn new(name: &str) -> Result<Self> {
        check_dns_label("name", name)?;
        let reserved = name == "all" || name == "default" || name.starts_with("kube-");
        if reserved {
            return Err(Error::field("name", "reserved", format!("\"{name}\" is a reserved name")));
        }
        Ok(Self(name.to_owned()))
    }

    /// A name read back from the store.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl KubernetesName ===

impl KubernetesName {
    /// The fixed cluster name of a namespace. A `-` left at the cut is dropped so that two never meet.
    pub fn derive(name: &NamespaceName, id: NamespaceId) -> Self {
        let cut: String = name.0.chars().take(54).collect();
        Self(format!("{}-{}", cut.trim_end_matches('-'), id.short()))
    }

    /// A name read back from the store.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl NamespaceStatus ===

impl NamespaceStatus {
    /// The wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Active => "active",
            Self::Deleting => "deleting",
            Self::Failed => "failed",
        }
    }

    /// Reads the stored form; unknown text is `Failed` (never a state with rights).
    pub fn from_stored(text: &str) -> Self {
        match text {
            "creating" => Self::Creating,
            "active" => Self::Active,
            "deleting" => Self::Deleting,
            _ => Self::Failed,
        }
    }
}

// === impl Namespace ===

impl Namespace {
    /// The wire form, with what only the cluster knows, and without what it costs.
    pub fn view(&self, deployments: u32, quota: Vec<QuotaLine>) -> NamespaceView {
        NamespaceView {
            id: self.id.to_string(),
            name: self.name.as_str().to_owned(),
            kubernetes_name: self.kubernetes_name.as_str().to_owned(),
            tenant: self.tenant.map(|id| id.to_string()),
            label: self.label().to_owned(),
            status: self.status,
            status_message: self.status_message.clone(),
            created_at: self.created_at.to_string(),
            deployments,
            quota,
            share: self.share.clone(),
            price_per_hour: None,
        }
    }

    /// Whether workloads and kubeconfigs make sense now.
    ///
    /// # Errors
    /// [`Error::Conflict`] `not_ready` with the reason.
    pub fn ready(&self) -> Result<()> {
        let detail = match self.status {
            NamespaceStatus::Active => return Ok(()),
            NamespaceStatus::Creating => "Namespace is still being created",
            NamespaceStatus::Deleting => "Namespace is being deleted",
            NamespaceStatus::Failed => "Namespace could not be set up; see its status message",
        };
        Err(Error::conflict(crate::Code::NotReady, detail))
    }
}

// === impl NamespaceView ===

impl NamespaceView {
    /// What people call it in the tenant API, where that says more than its name does.
    pub fn own_label(&self) -> Option<&str> {
        Some(self.label.as_str()).filter(|label| *label != self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_published_rules() {
        for good in ["a", "team-ml", "0", "n", &"x".repeat(63)] {
            assert!(NamespaceName::new(good).is_ok(), "{good}");
        }
        for (bad, message) in [
            ("", "Name must be 1 to 63 characters"),
            (&*"x".repeat(64), "Name must be 1 to 63 characters"),
            ("Team", "Use lowercase letters, digits and hyphens; start and end with a letter or digit"),
            ("-a", "Use lowercase letters, digits and hyphens; start and end with a letter or digit"),
            ("a-", "Use lowercase letters, digits and hyphens; start and end with a letter or digit"),
            ("é", "Use lowercase letters, digits and hyphens; start and end with a letter or digit"),
            ("all", "\"all\" is a reserved name"),
            ("default", "\"default\" is a reserved name"),
            ("kube-system", "\"kube-system\" is a reserved name"),
        ] {
            assert_eq!(NamespaceName::new(bad).unwrap_err().to_string(), message, "{bad}");
        }
    }

    #[test]
    fn the_kubernetes_name_fits_whatever_the_console_name() {
        let id = NamespaceId::parse("019c1b2e-7f00-7abc-8def-0123456789ab").unwrap();
        let long = NamespaceName::new(&format!("{}-{}", "x".repeat(53), "y".repeat(9))).unwrap();
        let name = KubernetesName::derive(&long, id);
        assert_eq!(name.as_str(), format!("{}-456789ab", "x".repeat(53)));
        assert!(check_dns_label("name", name.as_str()).is_ok());
    }
}
