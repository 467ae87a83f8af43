//! The keys that seal the audit log: whoever can write to the database still cannot forge a row.
//!
//! Source: `security.md` §9 (Audit integrity). The file holds one key a line: the first seals, the others still verify.

use domain::{Error, Result};
use hmac::Mac as _;

use crate::key_ring::KeyRing;
use crate::pepper::hex;
use crate::ports::Sealer;

/// The keys of the audit log, newest first; never empty.
pub struct AuditKeys(KeyRing);

impl AuditKeys {
    /// Reads the text of a key file: each line at least 32 bytes in hex.
    ///
    /// # Errors
    /// [`Error::Internal`] for an empty file or a line that is no such key.
    pub fn from_hex_lines(text: &str) -> Result<Self> {
        KeyRing::from_hex_lines(text, "remotegpu audit ").map(Self).ok_or_else(unusable)
    }
}

impl Sealer for AuditKeys {
    fn key_id(&self) -> &str {
        &self.0.current().id
    }

    fn seal(&self, key_id: &str, text: &str) -> Option<String> {
        Some(hex(&self.0.find(key_id)?.mac(text)?.finalize().into_bytes()))
    }
}

fn unusable() -> Error {
    Error::internal("an audit key must be at least 32 bytes written as hex, one key a line")
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
