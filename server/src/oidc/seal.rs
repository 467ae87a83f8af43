//! Encrypts what a browser keeps for us: AES-256-GCM under a key of this installation, bound to its purpose.

use anyhow::{Context as _, ensure};
use backend::ports::Random as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

use crate::system::SystemRandom;

/// Fewer different bytes than this among 32 come from no random source.
const LEAST_DIFFERENT: usize = 12;

/// The key.
pub struct Seal {
    key: LessSafeKey,
}

impl Seal {
    /// Reads the hex text of a secret file.
    ///
    /// # Errors
    /// Unless it is at least 32 bytes in hex that look random.
    pub fn from_hex(text: &str) -> anyhow::Result<Self> {
        let text = text.trim();
        ensure!(text.is_ascii() && text.len().is_multiple_of(2), "not hex");
        let pairs = (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16));
        let bytes = pairs.collect::<Result<Vec<u8>, _>>().context("not hex")?;
        let mut different = bytes.clone();
        different.sort_unstable();
        different.dedup();
        ensure!(bytes.len() >= 32 && different.len() >= LEAST_DIFFERENT, "too weak");
        let secret = Salt::new(HKDF_SHA256, b"remotegpu cookie key").extract(&bytes);
        let okm = secret.expand(&[b"aes-256-gcm"], &AES_256_GCM).ok().context("no key can be derived")?;
        Ok(Self { key: LessSafeKey::new(UnboundKey::from(okm)) })
    }

    /// Encrypts; only [`Self::open`] with the same `purpose` reads it.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Option<String> {
        let (mut nonce, mut bytes) = ([0_u8; NONCE_LEN], plain.to_vec());
        SystemRandom.fill(&mut nonce);
        let aad = Aad::from(purpose.as_bytes());
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut bytes).ok()?;
        Some(URL_SAFE_NO_PAD.encode([&nonce[..], &bytes].concat()))
    }

    /// Decrypts; none for anything that was not sealed here for this purpose.
    pub fn open(&self, purpose: &str, sealed: &str) -> Option<Vec<u8>> {
        let mut bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, rest) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        self.key.open_in_place(nonce, Aad::from(purpose.as_bytes()), rest).ok().map(|plain| plain.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn only_the_same_key_and_purpose_open_what_was_sealed() {
        let (ours, theirs) = (Seal::from_hex(KEY).unwrap(), Seal::from_hex(&KEY.replace('a', "b")).unwrap());
        let sealed = ours.seal("state", b"hello").unwrap();
        assert_ne!(sealed, ours.seal("state", b"hello").unwrap(), "a new nonce each time");
        assert_eq!(ours.open("state", &sealed).as_deref(), Some(&b"hello"[..]));
        assert_eq!(ours.open("logout", &sealed), None);
        assert_eq!(theirs.open("state", &sealed), None);
        for broken in ["", "AA", &sealed[1..], &format!("{sealed}A")] {
            assert_eq!(ours.open("state", broken), None, "{broken}");
        }
    }

    #[test]
    fn weak_keys_are_refused() {
        for weak in ["", "00", &KEY[2..], &"ab".repeat(32), &"zz".repeat(32), "é"] {
            assert!(Seal::from_hex(weak).is_err(), "{weak}");
        }
    }
}
