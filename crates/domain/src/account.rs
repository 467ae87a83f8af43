//! A customer: owns namespaces, keys, members and usage.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::AccountId;
use crate::{Error, Result};

/// The customer id of the tenant API, `skgu00001` and up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomerId(String);

/// The display name of an account: 1 to 100 characters on one line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountName(String);

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
}

impl CustomerId {
    /// The id of the `number`-th customer, at least five digits.
    pub fn from_number(number: u64) -> Self {
        Self(format!("skgu{number:05}"))
    }

    /// An id read back from the store.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

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
