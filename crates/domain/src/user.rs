//! People and their place in an account.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::{Error, Result};

/// A normalised e-mail address: trimmed, lower case. The unique index and the sign-in throttle use this form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

/// A place in an account (RULINGS 3): owner ⊃ admin ⊃ member ⊃ viewer; `billing` stands aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything, ownership included.
    Owner,
    /// Everything but ownership.
    Admin,
    /// Daily work.
    Member,
    /// Looks, never changes.
    Viewer,
    /// Usage and budgets only.
    Billing,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// How they sign in.
    pub email: Email,
    /// Platform-wide rights (accounts, SKUs, engines).
    pub operator: bool,
    /// Set when they may no longer sign in.
    pub disabled: bool,
    /// When they were added.
    pub created_at: Timestamp,
}

// === impl Email ===

impl Email {
    /// Normalises and checks what somebody typed.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `email` when it cannot be an address (one `@`, no blanks, at most 254 bytes: RFC 5321).
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim().to_lowercase();
        let parts: Vec<&str> = text.split('@').collect();
        let whole = matches!(parts[..], [local, host] if !local.is_empty() && !host.is_empty());
        if !whole || text.len() > 254 || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Error::field("email", "format", "Write an e-mail address, for example ada@example.com"));
        }
        Ok(Self(text))
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl Role ===

impl Role {
    /// All roles, strongest first.
    pub const ALL: [Role; 5] = [Role::Owner, Role::Admin, Role::Member, Role::Viewer, Role::Billing];

    /// The wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
            Self::Billing => "billing",
        }
    }

    /// Reads the wire form.
    ///
    /// # Errors
    /// [`Error::Invalid`] listing the roles.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|r| r.as_str() == text)
            .ok_or_else(|| Error::field("role", "unknown", "Role must be owner, admin, member, viewer or billing"))
    }
}
