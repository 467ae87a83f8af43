//! The keys that seal the audit log: whoever can write to the database still cannot forge a row.
//!
//! Source: `security.md` §9 (Audit integrity). The file holds one key a line: the first seals, the others still verify.

use domain::{Error, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::{Digest as _, Sha256};

use crate::pepper::hex;
use crate::ports::Sealer;

/// The keys of the audit log, newest first; never empty.
pub struct AuditKeys {
    current: AuditKey,
    older: Vec<AuditKey>,
}

struct AuditKey {
    id: String,
    bytes: SecretSlice<u8>,
}

impl AuditKeys {
    /// Reads the text of a key file: each line at least 32 bytes in hex.
    ///
    /// # Errors
    /// [`Error::Internal`] for an empty file or a line that is no such key.
    pub fn from_hex_lines(text: &str) -> Result<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut keys: Vec<AuditKey> = lines.map(AuditKey::from_hex).collect::<Result<_>>()?;
        if keys.is_empty() {
            return Err(unusable());
        }
        let current = keys.remove(0);
        Ok(Self { current, older: keys })
    }

    fn find(&self, id: &str) -> Option<&AuditKey> {
        std::iter::once(&self.current).chain(&self.older).find(|key| key.id == id)
    }
}

impl AuditKey {
    fn from_hex(line: &str) -> Result<Self> {
        let bytes = decode_hex(line).filter(|bytes| bytes.len() >= 32).ok_or_else(unusable)?;
        let id = hex(&Sha256::digest([b"remotegpu audit ".as_slice(), &bytes].concat())[..4]);
        Ok(Self { id, bytes: bytes.into() })
    }

    fn seal(&self, text: &str) -> Option<String> {
        // HMAC takes keys of any length, so there always is a hash.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.bytes.expose_secret()).ok()?;
        mac.update(text.as_bytes());
        Some(hex(&mac.finalize().into_bytes()))
    }
}

impl Sealer for AuditKeys {
    fn key_id(&self) -> &str {
        &self.current.id
    }

    fn seal(&self, key_id: &str, text: &str) -> Option<String> {
        self.find(key_id)?.seal(text)
    }
}

fn unusable() -> Error {
    Error::internal("an audit key must be at least 32 bytes written as hex, one key a line")
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
    fn an_older_key_still_verifies_and_no_longer_seals() {
        let (old, new) = ("ab".repeat(32), "cd".repeat(32));
        let before = AuditKeys::from_hex_lines(&old).unwrap();
        let after = AuditKeys::from_hex_lines(&format!("{new}\n{old}\n")).unwrap();
        let (id, seal) = (before.key_id().to_owned(), before.seal(before.key_id(), "row"));
        assert!(seal.is_some());
        assert_eq!(after.seal(&id, "row"), seal);
        assert_ne!(after.seal(&id, "another row"), seal);
        assert_ne!(after.key_id(), id);
        assert_ne!(after.seal(after.key_id(), "row"), seal);
        assert_eq!(AuditKeys::from_hex_lines(&new).unwrap().seal(&id, "row"), None, "the key was dropped");
    }

    #[test]
    fn weak_and_missing_keys_are_refused() {
        for weak in ["", "\n\n", "ab", &"zz".repeat(32), &"ab".repeat(31), &format!("{}\nab", "ab".repeat(32))] {
            assert!(AuditKeys::from_hex_lines(weak).is_err(), "{weak}");
        }
    }
}
