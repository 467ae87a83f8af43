//! An encrypted file: a key from a passphrase, and pieces that can be neither changed, left out, swapped nor cut off.
//!
//! Format: `RGPUBAK1`, 16 bytes of salt, then pieces of a length (4 bytes, little endian) and ChaCha20-Poly1305 text.
//! The nonce is the piece's number; the header, that number and "last" are authenticated with each piece.

use std::io::{Read, Write};

use anyhow::{Context as _, bail, ensure};
use argon2::{Algorithm, Argon2, Params, Version};
use backend::ports::Random as _;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::{ExposeSecret as _, SecretString};

use crate::system::SystemRandom;

const MAGIC: &[u8; 8] = b"RGPUBAK1";
const SALT: usize = 16;
const PIECE: usize = 1 << 20;
// 64 MiB and three passes: a backup may be tried offline for years, and is opened once.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const SHORTEST: usize = 16;

/// Encrypts all of `from` into `to`.
///
/// # Errors
/// A short passphrase, or trouble of either file.
pub fn seal(mut from: impl Read, mut to: impl Write, passphrase: &SecretString) -> anyhow::Result<()> {
    let mut salt = [0; SALT];
    SystemRandom.fill(&mut salt);
    let key = key(passphrase, &salt)?;
    to.write_all(MAGIC)?;
    to.write_all(&salt)?;
    let mut piece = read_piece(&mut from)?;
    for number in 0.. {
        let next = read_piece(&mut from)?;
        let last = next.is_empty();
        key.seal_in_place_append_tag(nonce(number), aad(&salt, number, last), &mut piece)
            .ok()
            .context("A piece cannot be encrypted")?;
        to.write_all(&u32::try_from(piece.len())?.to_le_bytes())?;
        to.write_all(&piece)?;
        if last {
            break;
        }
        piece = next;
    }
    Ok(to.flush()?)
}

/// Decrypts all of `from` into `to`. What was written before an error is not to be trusted.
///
/// # Errors
/// Another passphrase, a changed or shortened file, or trouble of either file.
pub fn open(mut from: impl Read, mut to: impl Write, passphrase: &SecretString) -> anyhow::Result<()> {
    let (mut magic, mut salt) = ([0; 8], [0; SALT]);
    from.read_exact(&mut magic).context("This is no backup of RemoteGPU")?;
    ensure!(&magic == MAGIC, "This is no backup of RemoteGPU");
    from.read_exact(&mut salt).context("The backup is cut off")?;
    let key = key(passphrase, &salt)?;
    let mut piece = read_sealed(&mut from)?;
    ensure!(!piece.is_empty(), "The backup is cut off");
    for number in 0.. {
        let next = read_sealed(&mut from)?;
        let last = next.is_empty();
        let Ok(plain) = key.open_in_place(nonce(number), aad(&salt, number, last), &mut piece) else {
            bail!("The passphrase is another one, or the backup was changed or cut off");
        };
        to.write_all(plain)?;
        if last {
            break;
        }
        piece = next;
    }
    Ok(to.flush()?)
}

fn key(passphrase: &SecretString, salt: &[u8]) -> anyhow::Result<LessSafeKey> {
    let text = passphrase.expose_secret();
    ensure!(text.chars().count() >= SHORTEST, "The passphrase must be at least {SHORTEST} characters");
    let mut bytes = [0; 32];
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(bytes.len())).ok().context("Argon2 refuses its parameters")?;
    let derived = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    derived.hash_password_into(text.as_bytes(), salt, &mut bytes).ok().context("No key can be derived")?;
    Ok(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &bytes).ok().context("No key can be made")?))
}

/// Unique for the key, which is made anew from a fresh salt for each file.
fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn aad(salt: &[u8], number: u64, last: bool) -> Aad<Vec<u8>> {
    Aad::from([MAGIC.as_slice(), salt, &number.to_le_bytes(), &[u8::from(last)]].concat())
}

fn read_piece(from: &mut impl Read) -> anyhow::Result<Vec<u8>> {
    let mut piece = Vec::new();
    from.take(PIECE as u64).read_to_end(&mut piece)?;
    Ok(piece)
}

/// Empty at the end of the file.
fn read_sealed(from: &mut impl Read) -> anyhow::Result<Vec<u8>> {
    let mut length = Vec::new();
    from.take(4).read_to_end(&mut length)?;
    if length.is_empty() {
        return Ok(length);
    }
    let length = u32::from_le_bytes(length.try_into().ok().context("The backup is cut off")?) as usize;
    ensure!(length <= PIECE + CHACHA20_POLY1305.tag_len(), "The backup was changed");
    let mut piece = Vec::new();
    from.take(length as u64).read_to_end(&mut piece)?;
    ensure!(piece.len() == length && length > 0, "The backup is cut off");
    Ok(piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase() -> SecretString {
        SecretString::from("correct horse battery staple")
    }

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        seal(plain, &mut file, &passphrase()).unwrap();
        file
    }

    fn opened(file: &[u8], passphrase: &SecretString) -> anyhow::Result<Vec<u8>> {
        let mut plain = Vec::new();
        open(file, &mut plain, passphrase).map(|()| plain)
    }

    #[test]
    fn what_was_sealed_is_opened_again_and_not_seen_before() {
        for plain in [Vec::new(), b"SQLite format 3".to_vec(), vec![7; PIECE], vec![7; PIECE * 2 + 5]] {
            let file = sealed(&plain);
            assert!(!file.windows(15).any(|part| part == b"SQLite format 3"));
            assert_eq!(opened(&file, &passphrase()).unwrap(), plain);
        }
    }

    #[test]
    fn a_changed_shortened_or_reordered_file_is_refused() {
        let file = sealed(&[7; PIECE + 5]);
        let first = 24 + 4 + PIECE + 16;
        let mut changed = file.clone();
        changed[100] ^= 1;
        let swapped = [&file[..24], &file[first..], &file[24..first]].concat();
        for bad in [&changed[..], &swapped, &file[..first], &file[..24], &file[..file.len() - 1], b"SQLite format 3"] {
            assert!(opened(bad, &passphrase()).is_err());
        }
        assert!(opened(&file, &SecretString::from("another passphrase of length")).is_err());
    }

    #[test]
    fn a_short_passphrase_is_refused() {
        assert!(seal(&b"x"[..], Vec::new(), &SecretString::from("fifteen letters")).is_err());
    }
}
