//! People and their place in an account.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::id::UserId;
use crate::{Error, Result};

/// A normalised e-mail address: trimmed, compatibility characters and letter case folded. The unique index and the sign-in throttle use this form.
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
        let text = folded(text.trim());
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

/// NFKC and case folding: spellings that look like one address are one, for the unique index and the soft lock alike
/// (CVE-2025-6004). Letters that only share a capital stay apart: a dotless ı is no i, or a look-alike address would be
/// taken for another's.
fn folded(text: &str) -> String {
    let fold = |letter: char| match letter {
        'ß' | 'ẞ' => vec!['s', 's'],
        'ς' => vec!['σ'],
        letter => letter.to_lowercase().collect(),
    };
    text.nfkc().flat_map(fold).collect::<String>().nfkc().collect()
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

    /// Whether somebody with this role stands at least as high as somebody with `other`.
    pub fn covers(self, other: Role) -> bool {
        let place = |role| Self::ALL.iter().position(|r| *r == role);
        place(self) <= place(other)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_address_are_one_address() {
        let plain = Email::new("ada.weiss@example.com").unwrap();
        for variant in [
            " Ada.Weiss@Example.COM\n",
            "\u{ff41}da.weiss@example.com",
            "ada.wei\u{df}@example.com",
            "ADA.WEI\u{1e9e}@EXAMPLE.COM",
            "ada\u{ff0e}weiss\u{ff20}example.com",
        ] {
            assert_eq!(Email::new(variant).unwrap(), plain, "{variant}");
        }
    }

    #[test]
    fn a_letter_that_only_looks_alike_makes_another_address() {
        assert_ne!(Email::new("ad\u{131}@example.com").unwrap(), Email::new("adi@example.com").unwrap());
    }

    proptest! {
        #[test]
        fn variants_of_a_name_share_one_counter(name in "[\\p{L}\\p{N}.]{1,20}") {
            let Ok(email) = Email::new(&format!("{name}@example.com")) else { return Ok(()) };
            prop_assert_eq!(&Email::new(email.as_str()).unwrap(), &email, "folding twice changes nothing");
            let whole = format!("{name}@example.com");
            let mut variants = vec![whole.to_lowercase(), whole.nfkc().collect(), whole.nfd().collect()];
            // Capitals that two letters share are no spelling of either.
            variants.extend(Some(whole.to_uppercase()).filter(|upper| upper.to_lowercase() == whole.to_lowercase()));
            for variant in variants {
                prop_assert_eq!(&Email::new(&variant).unwrap(), &email, "{}", variant);
            }
        }
    }
}
