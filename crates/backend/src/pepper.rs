//! The key outside the database that makes digests of API keys useless to whoever reads the table.
//!
//! Source: `security.md` §3 (Matching, Storage).

use domain::{Error, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// At least 32 random bytes with a short id.
pub struct Pepper {
    id: String,
    bytes: SecretSlice<u8>,
}

impl Pepper {
    /// Reads the hex text of a secret file.
    ///
    /// # Errors
    /// [`Error::Internal`] unless it is at least 32 bytes in hex.
    pub fn from_hex(text: &str) -> Result<Self> {
        let bytes = decode_hex(text.trim()).filter(|bytes| bytes.len() >= 32);
        let bytes = bytes.ok_or_else(|| Error::internal("the pepper must be at least 32 bytes written as hex"))?;
        let id = hex(&Sha256::digest(&bytes)[..4]);
        Ok(Self { id, bytes: bytes.into() })
    }

    /// Names this pepper in rows, so that a later one can live beside it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// HMAC-SHA-256 of a key text, lower-case hex.
    pub fn digest(&self, key_text: &str) -> String {
        match Hmac::<Sha256>::new_from_slice(self.bytes.expose_secret()) {
            Ok(mut mac) => {
                mac.update(key_text.as_bytes());
                hex(&mac.finalize().into_bytes())
            }
            // HMAC takes keys of any length; an empty digest matches nothing.
            Err(_) => String::new(),
        }
    }

    /// Whether `key_text` has this digest, in constant time.
    pub fn matches(&self, key_text: &str, digest: &str) -> bool {
        let ours = self.digest(key_text);
        !ours.is_empty() && bool::from(ours.as_bytes().ct_eq(digest.as_bytes()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
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

    #[test]
    fn a_digest_depends_on_key_and_pepper() {
        let (one, two) = (Pepper::from_hex(&"ab".repeat(32)).unwrap(), Pepper::from_hex(&"cd".repeat(32)).unwrap());
        let digest = one.digest("rgpu_x");
        assert!(one.matches("rgpu_x", &digest) && !one.matches("rgpu_y", &digest) && !two.matches("rgpu_x", &digest));
        assert_ne!(one.id(), two.id());
    }

    #[test]
    fn weak_peppers_are_refused() {
        for weak in ["", "ab", &"zz".repeat(32), &"ab".repeat(31)] {
            assert!(Pepper::from_hex(weak).is_err(), "{weak}");
        }
    }
}
