//! The keys outside the database that make digests of API keys useless to whoever reads the table. One is current; the
//! ones before it still recognise secrets until each was hashed anew at its next use.
//!
//! Source: `security.md` §3 (Matching, Storage, Pepper rotation).

use domain::api_key::{HASH_VERSION, KeySecret};
use domain::{Error, Result};
use hmac::Mac as _;
use subtle::ConstantTimeEq as _;

use crate::key_ring::{Key, KeyRing};

/// One pepper or several, the current one first.
pub struct Pepper(KeyRing);

/// What a key text is to a stored secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// It is this secret. `stale`: its digest should be made anew under the current pepper.
    Yes {
        /// Made under an earlier pepper.
        stale: bool,
    },
    /// It is another one.
    No,
    /// The digest was made by a pepper or in a way that is not known here: it matches nothing, and somebody should look.
    Unknown,
}

// === impl Pepper ===

impl Pepper {
    /// Reads the hex text of a secret file.
    ///
    /// # Errors
    /// [`Error::Internal`] unless it is at least 32 bytes in hex.
    pub fn from_hex(text: &str) -> Result<Self> {
        grain(text).map(KeyRing::of).map(Self)
    }

    /// The same with one more pepper that still recognises the secrets it was used for.
    ///
    /// # Errors
    /// As [`Pepper::from_hex`].
    pub fn with_previous(self, text: &str) -> Result<Self> {
        Ok(Self(self.0.with_older(grain(text)?)))
    }

    /// Names the current pepper in rows, so that others can live beside it.
    pub fn id(&self) -> &str {
        &self.0.current().id
    }

    /// Whether secrets made under this pepper can be recognised.
    pub fn knows(&self, id: &str) -> bool {
        self.0.find(id).is_some()
    }

    /// What is stored of a key text, under the current pepper.
    pub fn secret(&self, key_text: &str, generation: u32) -> KeySecret {
        let (digest, pepper_id) = (digest(self.0.current(), key_text), self.id().to_owned());
        KeySecret { generation, digest, pepper_id, hash_version: HASH_VERSION }
    }

    /// Compares a key text with a stored secret, in constant time.
    pub fn compare(&self, key_text: &str, secret: &KeySecret) -> Match {
        let grain = self.0.find(&secret.pepper_id).filter(|_| secret.hash_version == HASH_VERSION);
        // The same work when there is nothing to compare with.
        let ours = digest(grain.unwrap_or(self.0.current()), key_text);
        let equal = !ours.is_empty() && bool::from(ours.as_bytes().ct_eq(secret.digest.as_bytes()));
        match grain {
            None => Match::Unknown,
            Some(grain) if equal => Match::Yes { stale: grain.id != self.id() },
            Some(_) => Match::No,
        }
    }

    /// The work of a comparison without anything to compare with, so that timing does not tell an unknown key.
    pub fn compare_nothing(&self, key_text: &str) {
        std::hint::black_box(digest(self.0.current(), key_text));
    }
}

/// Without a purpose in its id: peppers came first, and rows name them.
fn grain(text: &str) -> Result<Key> {
    let key = Key::from_hex(text.trim(), "");
    key.ok_or_else(|| Error::internal("the pepper must be at least 32 bytes written as hex"))
}

/// HMAC-SHA-256 of a key text, lower-case hex; an empty digest, which none is, would match nothing.
fn digest(grain: &Key, key_text: &str) -> String {
    grain.mac(key_text).map(|mac| hex(&mac.finalize().into_bytes())).unwrap_or_default()
}

/// Lower case. Each use of a key and each audit row comes here, so not by the formatter.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 });
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pepper(byte: &str) -> Pepper {
        Pepper::from_hex(&byte.repeat(32)).unwrap()
    }

    #[test]
    fn bytes_are_written_as_two_small_digits_each() {
        assert_eq!(hex(&[0x00, 0x09, 0x0a, 0x9f, 0xff]), "00090a9fff");
    }

    #[test]
    fn a_digest_depends_on_key_and_pepper() {
        let (one, two) = (pepper("ab"), pepper("cd"));
        let secret = one.secret("rgpu_x", 1);
        assert_eq!(one.compare("rgpu_x", &secret), Match::Yes { stale: false });
        assert_eq!(one.compare("rgpu_y", &secret), Match::No);
        assert_eq!(two.compare("rgpu_x", &secret), Match::Unknown);
        assert_ne!(one.id(), two.id());
    }

    #[test]
    fn an_earlier_pepper_still_recognises_its_secrets_until_they_are_hashed_anew() {
        let secret = pepper("ab").secret("rgpu_x", 1);
        let ring = pepper("cd").with_previous(&"ab".repeat(32)).unwrap();
        assert_eq!(ring.compare("rgpu_x", &secret), Match::Yes { stale: true });
        assert_eq!(ring.compare("rgpu_y", &secret), Match::No);
        let anew = ring.secret("rgpu_x", 1);
        assert_eq!(pepper("cd").compare("rgpu_x", &anew), Match::Yes { stale: false });
        assert!(ring.knows(&secret.pepper_id) && !pepper("cd").knows(&secret.pepper_id));
    }

    #[test]
    fn a_digest_of_an_unknown_version_matches_nothing() {
        let secret = KeySecret { hash_version: HASH_VERSION + 1, ..pepper("ab").secret("rgpu_x", 1) };
        assert_eq!(pepper("ab").compare("rgpu_x", &secret), Match::Unknown);
    }

    #[test]
    fn weak_peppers_are_refused() {
        for weak in ["", "ab", &"zz".repeat(32), &"ab".repeat(31)] {
            assert!(Pepper::from_hex(weak).is_err(), "{weak}");
            assert!(pepper("ab").with_previous(weak).is_err(), "{weak}");
        }
    }
}
