//! The text of an API key: prefix, public id, secret, checksum. Wrong forms are refused before any I/O.

use crate::{Code, Error, Result};

/// Letters of the public id: lower case, because it becomes part of a ServiceAccount's name.
pub const ID_ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Letters of the secret.
pub const SECRET_ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Letters of the public id.
pub const ID_LENGTH: usize = 8;
/// Letters of the secret: 24 × log2(62) = 142 bits, over the 128 that `security.md` §3 asks for.
pub const SECRET_LENGTH: usize = 24;
const PREFIX: &str = "rgpu_";
const CHECK_LENGTH: usize = 6;
const TOTAL_LENGTH: usize = PREFIX.len() + ID_LENGTH + 1 + SECRET_LENGTH + CHECK_LENGTH;

/// The 8 characters that find a key's row: public, unique.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicId(String);

/// A key text whose form and checksum are right. Nothing is known of its owner yet; never print it.
pub struct KeyText<'a> {
    /// Finds the row.
    pub public_id: PublicId,
    /// The whole text; its digest is compared with the row's.
    pub whole: &'a str,
}

// === impl PublicId ===

impl PublicId {
    /// A fresh id from the Random port, or one read back from the store.
    pub fn from_trusted(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What lists show of a key: `rgpu_` and the public id.
    pub fn prefix(&self) -> String {
        format!("{PREFIX}{}", self.0)
    }
}

// === impl KeyText ===

impl<'a> KeyText<'a> {
    /// Checks length, alphabet, prefix and checksum: no I/O happens for a text that fails here.
    ///
    /// # Errors
    /// `missing_api_key` for blank text, `invalid_api_key` for any other wrong form.
    pub fn parse(text: &'a str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::Unauthenticated { code: Code::MissingApiKey });
        }
        Self::well_formed(text).ok_or(Error::Unauthenticated { code: Code::InvalidApiKey })
    }

    fn well_formed(text: &'a str) -> Option<Self> {
        if text.len() != TOTAL_LENGTH || !text.is_ascii() {
            return None;
        }
        let (body, check) = text.split_at(TOTAL_LENGTH - CHECK_LENGTH);
        let (id, secret) = body.strip_prefix(PREFIX)?.split_once('_')?;
        let id_ok = id.len() == ID_LENGTH && id.bytes().all(|b| ID_ALPHABET.contains(&b));
        let secret_ok = secret.bytes().all(|b| SECRET_ALPHABET.contains(&b));
        let good = id_ok && secret_ok && check == checksum(body);
        good.then(|| Self { public_id: PublicId(id.to_owned()), whole: text })
    }

    /// Puts a fresh key together from random letters of the two alphabets.
    pub fn assemble(id: &PublicId, secret: &str) -> String {
        let body = format!("{PREFIX}{}_{secret}", id.0);
        let check = checksum(&body);
        format!("{body}{check}")
    }
}

/// CRC-32 (IEEE 802.3, reflected) of `body` in base 62, six letters: lets scanners and servers drop typing errors
/// without a look-up. Not a secret.
pub(crate) fn checksum(body: &str) -> String {
    let mut crc = u32::MAX;
    for byte in body.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let mut rest = u64::from(!crc);
    let mut letters = [b'0'; CHECK_LENGTH];
    for slot in letters.iter_mut().rev() {
        *slot = SECRET_ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    letters.iter().map(|&b| char::from(b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> String {
        KeyText::assemble(&PublicId("a1b2c3d4".into()), "ABCDEFGHIJKLMNOPQRSTUVWX")
    }

    #[test]
    fn a_fresh_key_is_well_formed() {
        let text = sample();
        assert_eq!(KeyText::parse(&text).unwrap().public_id.as_str(), "a1b2c3d4");
        assert_eq!(text.len(), TOTAL_LENGTH);
    }

    #[test]
    fn one_changed_letter_is_noticed_before_any_look_up() {
        let text = sample();
        for at in PREFIX.len()..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'z' { b'y' } else { b'z' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(KeyText::parse(&changed).is_err(), "letter {at}");
        }
    }

    #[test]
    fn blank_text_is_missing_and_other_text_is_invalid() {
        let code = |text: &str| KeyText::parse(text).err().map(|e| e.code());
        assert_eq!(code(" "), Some(Code::MissingApiKey));
        assert_eq!(code("rgpu_é"), Some(Code::InvalidApiKey));
        assert_eq!(code(&"x".repeat(TOTAL_LENGTH)), Some(Code::InvalidApiKey));
    }

    #[test]
    fn the_checksum_is_crc_32() {
        // The standard check value: CRC-32("123456789") = 0xCBF43926 = 3421780262.
        let mut value = 0u64;
        for letter in checksum("123456789").bytes() {
            value = value * 62 + SECRET_ALPHABET.iter().position(|&b| b == letter).unwrap() as u64;
        }
        assert_eq!(value, 0xCBF4_3926);
    }
}
