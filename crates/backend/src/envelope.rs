//! Envelope encryption of secrets that we must be able to read again: credentials of engines, keys of webhooks.
//!
//! Each secret is encrypted with a data key of its own, and that key with a key-encryption key (KEK) from a file. Both
//! ciphertexts are bound to their place (table, row, field), so that nobody can move one to another row. The file holds
//! one KEK a line: the first encrypts, the others still decrypt until `remotegpu admin rotate-kek` was run.
//!
//! Source: `security.md` §7.4.

mod rotate;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Error, Result};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::{Digest as _, Sha256};

use crate::key_ring::{Key, KeyRing};
use crate::ports::Random;

pub use rotate::KekUse;

/// The version of the text below; another one is refused, not guessed.
const VERSION: &str = "v1";
const KEY_BYTES: usize = 32;

/// The key-encryption keys, newest first; never empty.
pub struct Envelope(KeyRing);

/// Where a secret is kept; it can be opened there only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// The id of the row.
    pub row: &'a str,
    /// The column.
    pub field: &'a str,
}

// === impl Envelope ===

impl Envelope {
    /// Reads the text of a key file: each line at least 32 bytes in hex.
    ///
    /// # Errors
    /// [`Error::Internal`] for an empty file or a line that is no such key.
    pub fn from_hex_lines(text: &str) -> Result<Self> {
        KeyRing::from_hex_lines(text, "remotegpu kek ").map(Self).ok_or_else(unusable)
    }

    /// Names the key that encrypts now.
    pub fn current_id(&self) -> &str {
        &self.0.current().id
    }

    /// Whether secrets under this key can be read.
    pub fn knows(&self, id: &str) -> bool {
        self.0.find(id).is_some()
    }

    /// Encrypts `secret` for its place: `v1.<KEK>.<wrapped data key>.<ciphertext>`.
    ///
    /// # Errors
    /// [`Error::Internal`] when the cipher refuses, which it has no reason to.
    pub fn seal(&self, random: &dyn Random, place: Place<'_>, secret: &SecretString) -> Result<String> {
        let mut data_key = [0u8; KEY_BYTES];
        random.fill(&mut data_key);
        let data_key: SecretSlice<u8> = data_key.to_vec().into();
        let ciphertext = encrypt(random, &data_key, &place.about("data"), secret.expose_secret().as_bytes())?;
        self.wrap(random, place, &data_key, &ciphertext)
    }

    /// Decrypts what [`Envelope::seal`] made for the same place.
    ///
    /// # Errors
    /// [`Error::Internal`] for a text that was changed or moved, and for one under a key that is not in the file.
    pub fn open(&self, place: Place<'_>, sealed: &str) -> Result<SecretString> {
        let (data_key, ciphertext) = self.unwrap_key(place, sealed)?;
        let plain = decrypt(&data_key, &place.about("data"), &decode(ciphertext)?)?;
        let text = String::from_utf8(plain).map_err(|_| broken())?;
        Ok(SecretString::from(text))
    }

    /// The same secret with its data key under the current KEK; none when it is that already. The secret itself stays
    /// encrypted.
    ///
    /// # Errors
    /// As [`Envelope::open`].
    pub fn rewrap(&self, random: &dyn Random, place: Place<'_>, sealed: &str) -> Result<Option<String>> {
        if kek_id(sealed) == Some(self.current_id()) {
            return Ok(None);
        }
        let (data_key, ciphertext) = self.unwrap_key(place, sealed)?;
        self.wrap(random, place, &data_key, &decode(ciphertext)?).map(Some)
    }

    fn wrap(
        &self,
        random: &dyn Random,
        place: Place<'_>,
        data_key: &SecretSlice<u8>,
        ciphertext: &[u8],
    ) -> Result<String> {
        let kek = self.0.current();
        let wrapped = encrypt(random, &cipher_key(kek), &place.about(&kek.id), data_key.expose_secret())?;
        let (wrapped, ciphertext) = (URL_SAFE_NO_PAD.encode(wrapped), URL_SAFE_NO_PAD.encode(ciphertext));
        Ok(format!("{VERSION}.{}.{wrapped}.{ciphertext}", kek.id))
    }

    fn unwrap_key<'s>(&self, place: Place<'_>, sealed: &'s str) -> Result<(SecretSlice<u8>, &'s str)> {
        let parts: Vec<&str> = sealed.split('.').collect();
        let [VERSION, id, wrapped, ciphertext] = parts[..] else { return Err(broken()) };
        let missing = || Error::internal(format!("a stored secret needs the key {id}, which is not in the KEK file"));
        let kek = self.0.find(id).ok_or_else(missing)?;
        let data_key = decrypt(&cipher_key(kek), &place.about(&kek.id), &decode(wrapped)?)?;
        Ok((data_key.into(), ciphertext))
    }
}

/// Which KEK a stored secret needs.
pub fn kek_id(sealed: &str) -> Option<&str> {
    sealed.split('.').nth(1)
}

// === impl Place ===

impl Place<'_> {
    /// What a ciphertext is bound to. No part holds a `|`: names of ours and ids.
    fn about(&self, key: &str) -> Vec<u8> {
        format!("{VERSION}|{}|{}|{}|{key}", self.table, self.row, self.field).into_bytes()
    }
}

/// Nonce and ciphertext. Random nonces are safe here: no key encrypts anything near 2^32 times.
fn encrypt(random: &dyn Random, key: &SecretSlice<u8>, about: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let mut nonce = [0u8; NONCE_LEN];
    random.fill(&mut nonce);
    let mut sealed = plain.to_vec();
    let sealing =
        cipher(key)?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut sealed);
    sealing.map_err(|_| broken())?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn decrypt(key: &SecretSlice<u8>, about: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(broken)?;
    let mut text = sealed.to_vec();
    let plain = cipher(key)?.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(about), &mut text);
    Ok(plain.map_err(|_| broken())?.to_vec())
}

/// The cipher takes 32 bytes; a longer key counts as a whole.
fn cipher_key(kek: &Key) -> SecretSlice<u8> {
    let bytes = kek.bytes.expose_secret();
    let key = if bytes.len() == KEY_BYTES { bytes.to_vec() } else { Sha256::digest(bytes).to_vec() };
    key.into()
}

fn cipher(key: &SecretSlice<u8>) -> Result<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, key.expose_secret()).map_err(|_| broken())?;
    Ok(LessSafeKey::new(key))
}

fn decode(text: &str) -> Result<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| broken())
}

fn broken() -> Error {
    Error::internal("a stored secret cannot be decrypted: it was changed or moved")
}

fn unusable() -> Error {
    Error::internal("a key-encryption key must be at least 32 bytes written as hex, one key a line")
}

#[cfg(test)]
mod tests;
