//! People's accounts at identity providers (OpenID Connect). The key is (issuer, subject), never an e-mail address.
//!
//! Source: `security.md` §4.5.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::AccountName;
use crate::id::{IdentityId, UserId};
use crate::user::Role;

/// A person's account at a provider, linked to their user here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id here.
    pub id: IdentityId,
    /// Whose it is.
    pub user_id: UserId,
    /// The provider's issuer URL.
    pub issuer: String,
    /// What the issuer calls the person, for ever.
    pub subject: String,
    /// Our id of the provider.
    pub provider: String,
    /// What the provider called the person when it was linked; for people only.
    pub label: String,
    /// When it was linked.
    pub created_at: Timestamp,
    /// Last sign-in with it.
    pub last_used_at: Timestamp,
}

/// What a provider vouched for in one sign-in, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Our id of the provider.
    pub provider: String,
    /// Its issuer URL.
    pub issuer: String,
    /// Whom it vouches for.
    pub subject: String,
    /// Their e-mail address, if the provider says that it verified it.
    pub email: Option<String>,
    /// The provider's name for its session.
    pub sid: Option<String>,
    /// What the provider's settings say about people it vouches for.
    pub admission: ProviderAdmission,
}

/// Whom a provider lets in, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderAdmission {
    /// Only people who linked it to a user that exists.
    Linked,
    /// People of an account: `role` is what the claims say at this very sign-in.
    Members {
        /// The account.
        account: AccountName,
        /// Their role in it, read anew at each sign-in; none = leave it as it is.
        role: Option<Role>,
        /// Makes a user with this role for somebody unknown.
        create_as: Option<Role>,
    },
}

/// A linked identity as REST and pages show it.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityView {
    /// Its id.
    pub id: String,
    /// Our id of the provider.
    pub provider: String,
    /// What the provider called the person when it was linked.
    pub label: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub last_used_at: String,
}

/// An identity provider of this installation, as the sign-in page shows it.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderView {
    /// Its id, part of its URLs.
    #[cfg_attr(feature = "openapi", schema(format = "provider-id"))]
    pub id: String,
    /// What people call it.
    pub title: String,
}

// === impl Identity ===

impl Identity {
    /// The wire form.
    pub fn view(&self) -> IdentityView {
        IdentityView {
            id: self.id.to_string(),
            provider: self.provider.clone(),
            label: self.label.clone(),
            created_at: self.created_at.to_string(),
            last_used_at: self.last_used_at.to_string(),
        }
    }
}
