//! The keys outside the database that make digests of API keys useless to whoever reads the table. One is current; the
//! ones before it still recognise secrets until each was hashed anew at its next use.
//!
//! Source: `security.md` §3 (Matching, Storage, Pepper rotation).

use domain::api_key::{HASH_VERSION, KeySecret};
use domain::{Error, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// One pepper or several, the current one first.
pub struct Pepper {
    current: Grain,
    previous: Vec<Grain>,
}

/// At least 32 random bytes with a short id.
struct Grain {
    id: String,
    bytes: SecretSlice<u8>,
}

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
        Ok(Self { current: Grain::from_hex(text)?, previous: Vec::new() })
    }

    /// The same with one more pepper that still recognises the secrets it was used for.
    ///
    /// # Errors
    /// As [`Pepper::from_hex`].
    pub fn with_previous(mut self, text: &str) -> Result<Self> {
        self.previous.push(Grain::from_hex(text)?);
        Ok(self)
    }

    /// Names the current pepper in rows, so that others can live beside it.
    pub fn id(&self) -> &str {
        &self.current.id
    }

    /// Whether secrets made under this pepper can be recognised.
    pub fn knows(&self, id: &str) -> bool {
        self.find(id).is_some()
    }

    /// What is stored of a key text, under the current pepper.
    pub fn secret(&self, key_text: &str, generation: u32) -> KeySecret {
        let (digest, pepper_id) = (self.current.digest(key_text), self.current.id.clone());
        KeySecret { generation, digest, pepper_id, hash_version: HASH_VERSION }
    }

    /// Compares a key text with a stored secret, in constant time.
    pub fn compare(&self, key_text: &str, secret: &KeySecret) -> Match {
        let grain = self.find(&secret.pepper_id).filter(|_| secret.hash_version == HASH_VERSION);
        // The same work when there is nothing to compare with.
        let ours = grain.unwrap_or(&self.current).digest(key_text);
        let equal = !ours.is_empty() && bool::from(ours.as_bytes().ct_eq(secret.digest.as_bytes()));
        match grain {
            None => Match::Unknown,
            Some(grain) if equal => Match::Yes { stale: grain.id != self.current.id },
            Some(_) => Match::No,
        }
    }

    /// The work of a comparison without anything to compare with, so that timing does not tell an unknown key.
    pub fn compare_nothing(&self, key_text: &str) {
        std::hint::black_box(self.current.digest(key_text));
    }

    fn find(&self, id: &str) -> Option<&Grain> {
        std::iter::once(&self.current).chain(&self.previous).find(|grain| grain.id == id)
    }
}

// === impl Grain ===

impl Grain {
    fn from_hex(text: &str) -> Result<Self> {
        let bytes = decode_hex(text.trim()).filter(|bytes| bytes.len() >= 32);
        let bytes = bytes.ok_or_else(|| Error::internal("the pepper must be at least 32 bytes written as hex"))?;
        let id = hex(&Sha256::digest(&bytes)[..4]);
        Ok(Self { id, bytes: bytes.into() })
    }

    /// HMAC-SHA-256 of a key text, lower-case hex.
    fn digest(&self, key_text: &str) -> String {
        match Hmac::<Sha256>::new_from_slice(self.bytes.expose_secret()) {
            Ok(mut mac) => {
                mac.update(key_text.as_bytes());
                hex(&mac.finalize().into_bytes())
            }
            // HMAC takes keys of any length; an empty digest matches nothing.
            Err(_) => String::new(),
        }
    }
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

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
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
