//! Accounts as the platform's operators see and manage them.

use serde::{Deserialize, Serialize};

use crate::account::{Account, AccountStatus, Quota, QuotaChange};
use crate::invitation::InvitationLink;
use crate::{Error, Result};

/// An account with what it has of what it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountUse {
    /// The account.
    pub account: Account,
    /// Its namespaces.
    pub namespaces: u32,
    /// Its members.
    pub members: u32,
    /// Its API keys that are not revoked.
    pub api_keys: u32,
}

/// An account on the wire, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlatformAccountView {
    /// Account id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Customer id `skgu…`.
    pub customer: String,
    /// Whether it may change anything.
    pub status: AccountStatus,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Its namespaces.
    pub namespaces: u32,
    /// Its members.
    pub members: u32,
    /// Its API keys that are not revoked.
    pub api_keys: u32,
    /// What it may have at most.
    pub quota: Quota,
}

/// Body of `POST /v1/platform/accounts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Its name, unchecked.
    pub name: String,
    /// Who is invited as its first owner, unchecked.
    #[serde(default)]
    pub owner_email: Option<String>,
}

/// A new account; the one answer that holds the link for its first owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedAccount {
    /// The account.
    #[serde(flatten)]
    pub account: PlatformAccountView,
    /// The first owner's invitation, if one was asked for.
    pub invitation: Option<InvitationLink>,
}

/// Body of `PATCH /v1/platform/accounts/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangeAccount {
    /// Suspend or resume.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub suspended: Option<bool>,
    /// New limits; those that are not named stay.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub quota: Option<QuotaChange>,
}

/// Body of `POST /v1/platform/accounts/{id}/support`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SupportRequest {
    /// Why, for the account's audit log.
    pub reason: String,
}

impl AccountUse {
    /// The wire form.
    pub fn view(&self) -> PlatformAccountView {
        let Self { account, namespaces, members, api_keys } = self;
        PlatformAccountView {
            id: account.id.to_string(),
            name: account.name.as_str().to_owned(),
            customer: account.customer.as_str().to_owned(),
            status: account.status(),
            created_at: account.created_at.to_string(),
            namespaces: *namespaces,
            members: *members,
            api_keys: *api_keys,
            quota: account.quota.clone(),
        }
    }
}

impl SupportRequest {
    /// The reason as it goes into the audit log.
    ///
    /// # Errors
    /// [`Error::Invalid`] when empty, longer than 200 characters, or with control characters.
    pub fn check(&self) -> Result<&str> {
        let reason = self.reason.trim();
        if reason.is_empty() || reason.chars().count() > 200 || reason.chars().any(char::is_control) {
            return Err(Error::field("reason", "length", "Say why, in 1 to 200 characters on one line"));
        }
        Ok(reason)
    }
}
