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
    /// What an address looks like: the HTML standard's "valid e-mail address", which is also what a browser's own field
    /// takes, without dots at the ends or in a row (RFC 5321, dot-string).
    pub const PATTERN: &str = r"^(?=.{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$";

    /// Normalises and checks what somebody typed.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `email` when it cannot be an address ([`Email::PATTERN`]; at most 254 bytes, 64 before
    /// the `@`: RFC 5321).
    pub fn new(text: &str) -> Result<Self> {
        let text = folded(text.trim());
        let whole = text.split_once('@').is_some_and(|(local, host)| is_local(local) && is_host(host));
        if !whole || text.len() > 254 {
            return Err(Error::field("email", "format", "Write an e-mail address, for example ada@example.com"));
        }
        Ok(Self(text))
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_local(local: &str) -> bool {
    let letter = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&c);
    local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.bytes().all(letter))
}

fn is_host(host: &str) -> bool {
    let letter = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    let label = |part: &str| {
        !part.starts_with('-') && !part.ends_with('-') && (1..=63).contains(&part.len()) && part.bytes().all(letter)
    };
    host.split('.').all(label)
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
    fn a_letter_that_only_looks_alike_is_no_spelling_of_another() {
        assert!(Email::new("ad\u{131}@example.com").is_err());
        assert!(Email::new("\u{430}da@example.com").is_err());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        let wide = format!("a@{}.com", "b".repeat(64));
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a@b@c",
            "a b@c",
            ".a@b",
            "a.@b",
            "a..b@c",
            "a@b..c",
            "a@-b",
            "a@b-",
            "0@0.com*",
            "a@b\u{0}",
            &long,
            &wide,
        ] {
            assert!(Email::new(text).is_err(), "{text:?}");
        }
        for text in ["a@b", "o'brien+x@mail.example.com", "_{|}~@1.2"] {
            assert_eq!(Email::new(text).unwrap().as_str(), text);
        }
    }

    proptest! {
        #[test]
        fn variants_of_a_name_share_one_counter(name in "[a-zA-Z0-9.\u{df}\u{fb01}\u{ff10}-\u{ff19}\u{ff21}-\u{ff3a}\u{ff41}-\u{ff5a}]{1,20}") {
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
