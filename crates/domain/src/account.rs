//! A customer: owns namespaces, keys, members and usage; may be suspended; has limits.

mod meters;
mod quota;
mod share;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::AccountId;
use crate::sku::SkuGrants;
use crate::user::Role;
use crate::{Error, Result};

pub use meters::meters;
pub use quota::{Limit, Quota, QuotaChange};
pub use share::{Share, ShareChange};

/// The customer id of the tenant API, `skgu00001` and up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomerId(String);

/// The display name of an account: 1 to 100 characters on one line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountName(String);

/// Whether an account may change anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// As usual.
    #[default]
    Active,
    /// People may sign in and look; every change is refused and no key opens anything.
    Suspended,
}

/// A customer account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name, unique over the installation.
    pub name: AccountName,
    /// Its customer id in the tenant API.
    pub customer: CustomerId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Suspended since then.
    pub suspended_at: Option<Timestamp>,
    /// What it may have at most.
    pub quota: Quota,
    /// Which SKUs it may use.
    pub skus: SkuGrants,
    /// Its engines must be imported with an ecosystem (RULINGS 31).
    pub ecosystem_required: bool,
}

/// One of a person's accounts, with their place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The account.
    pub account: Account,
    /// Their role in it.
    pub role: Role,
}

/// An account as its members see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountView {
    /// Account id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Customer id `skgu…`.
    pub customer: String,
    /// Whether it may change anything.
    pub status: AccountStatus,
    /// The caller's role in it.
    pub role: Role,
    /// The session acts in it.
    pub acting: bool,
    /// Its engines must be imported with an ecosystem.
    pub ecosystem_required: bool,
    /// RFC 3339, UTC.
    pub created_at: String,
}

/// Body of a switch to another account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SwitchAccount {
    /// One of the caller's accounts.
    pub account_id: String,
}

/// Body of `PATCH /v1/accounts/{id}`; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// The new name, unchecked.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, min_length = 1, max_length = 100))]
    pub name: Option<String>,
    /// Whether its engines must be imported with an ecosystem; those that are there stay.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub ecosystem_required: Option<bool>,
}

/// Body of a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeleteAccount {
    /// The account's name, typed by hand.
    pub confirm: String,
}

/// Body of a hand-over of ownership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TransferAccount {
    /// The member who becomes owner.
    pub user_id: String,
    /// The account's name, typed by hand.
    pub confirm: String,
}

// === impl CustomerId ===

impl CustomerId {
    /// The id of the `number`-th customer, at least five digits.
    pub fn from_number(number: u64) -> Self {
        Self(format!("skgu{number:05}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl AccountName ===

impl AccountName {
    /// Checks a name somebody typed.
    ///
    /// # Errors
    /// [`Error::Invalid`] when empty, longer than 100 characters, or with control characters.
    pub fn new(name: &str) -> Result<Self> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err(Error::field("name", "length", "Name must be 1 to 100 characters on one line"));
        }
        Ok(Self(name.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl Account ===

impl Account {
    /// Whether it may change anything.
    pub fn status(&self) -> AccountStatus {
        if self.suspended_at.is_some() { AccountStatus::Suspended } else { AccountStatus::Active }
    }

    /// The account as somebody with `role` in it sees it.
    pub fn view(&self, role: Role, acting: bool) -> AccountView {
        AccountView {
            id: self.id.to_string(),
            name: self.name.as_str().to_owned(),
            customer: self.customer.as_str().to_owned(),
            status: self.status(),
            role,
            acting,
            ecosystem_required: self.ecosystem_required,
            created_at: self.created_at.to_string(),
        }
    }

    /// Whether the name was typed as it is: a guard before what cannot be undone.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `confirm`.
    pub fn confirm(&self, typed: &str) -> Result<()> {
        if typed.trim() == self.name.as_str() {
            return Ok(());
        }
        Err(Error::field("confirm", "mismatch", format!("Type the name of the account: {}", self.name.as_str())))
    }
}
