//! Keys of a secret file, the newest first: that one does new work, the others are known until nothing needs them.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::{Digest as _, Sha256};

use crate::pepper::hex;

const SHORTEST: usize = 32;

/// One key or several.
pub(crate) struct KeyRing {
    current: Key,
    older: Vec<Key>,
}

/// At least 32 random bytes with a short id.
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) bytes: SecretSlice<u8>,
}

// === impl KeyRing ===

impl KeyRing {
    /// One key alone.
    pub(crate) fn of(current: Key) -> Self {
        Self { current, older: Vec::new() }
    }

    /// Reads the text of a key file, one key a line: none for an empty file or a line that is no key.
    pub(crate) fn from_hex_lines(text: &str, purpose: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let current = Key::from_hex(lines.next()?, purpose)?;
        let older: Vec<Key> = lines.map(|line| Key::from_hex(line, purpose)).collect::<Option<_>>()?;
        Some(Self { current, older })
    }

    /// The same with one more key that is known still.
    pub(crate) fn with_older(mut self, key: Key) -> Self {
        self.older.push(key);
        self
    }

    /// The key that does new work.
    pub(crate) fn current(&self) -> &Key {
        &self.current
    }

    /// Every key, the newest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.older)
    }

    /// The key of this id.
    pub(crate) fn find(&self, id: &str) -> Option<&Key> {
        self.all().find(|key| key.id == id)
    }
}

// === impl Key ===

impl Key {
    /// Reads at least 32 bytes in hex. `purpose` keeps ids apart where one secret stands in two files.
    pub(crate) fn from_hex(text: &str, purpose: &str) -> Option<Self> {
        let bytes = decode_hex(text).filter(|bytes| bytes.len() >= SHORTEST)?;
        let id = hex(&Sha256::digest([purpose.as_bytes(), &bytes].concat())[..4]);
        Some(Self { id, bytes: bytes.into() })
    }

    /// HMAC-SHA-256 of a text. It takes keys of any length, so there always is one.
    pub(crate) fn mac(&self, text: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.bytes.expose_secret()).ok()?;
        mac.update(text.as_bytes());
        Some(mac)
    }
}

/// The bytes behind hex of either case.
fn decode_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}
