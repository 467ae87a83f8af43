//! The secrets of a data directory: the pepper of the key hashes, the key of the audit log, the key of the cookies of
//! sign-ins with a provider, the key that seals credentials of engines, the key of the tenant API's tokens, and the first
//! user's password.
//! Made once, mode 0600, and kept: a second start must find every key and sign-in as it was.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use localplane::files;

/// Without letters and digits that look alike; 31 of them, so 20 carry 99 bits.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Where the secrets lie.
#[derive(Debug)]
pub struct Secrets {
    pub pepper: PathBuf,
    pub audit_key: PathBuf,
    pub cookie_key: PathBuf,
    pub kek: PathBuf,
    pub jwt_key: PathBuf,
    pub password: PathBuf,
}

impl Secrets {
    /// Opens or makes the secrets in `DIR/secrets`.
    ///
    /// # Errors
    /// When they cannot be written, or the machine gives no random bytes.
    pub fn open(dir: &Path) -> Result<Self> {
        let folder = dir.join("secrets");
        files::private_dir(&folder)?;
        let (pepper, password) = (folder.join("pepper"), folder.join("admin-password"));
        let (audit_key, cookie_key) = (folder.join("audit-key"), folder.join("cookie-key"));
        let (kek, jwt_key) = (folder.join("kek"), folder.join("jwt-key"));
        for key in [&pepper, &audit_key, &cookie_key, &kek, &jwt_key].into_iter().filter(|key| !key.exists()) {
            let text: String = random::<32>()?.iter().map(|byte| format!("{byte:02x}")).collect();
            files::write_private(key, text.as_bytes())?;
        }
        if !password.exists() {
            files::write_private(&password, make_password()?.as_bytes())?;
        }
        Ok(Self { pepper, audit_key, cookie_key, kek, jwt_key, password })
    }

    /// The password's text.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn password_text(&self) -> Result<String> {
        let text = fs::read_to_string(&self.password);
        Ok(text.with_context(|| format!("cannot read {}", self.password.display()))?.trim().to_owned())
    }
}

/// Four groups of five letters and digits, such as `k3vtm-…`.
fn make_password() -> Result<String> {
    let mut letters = Vec::new();
    while letters.len() < 20 {
        // Bytes from 248 on would make the first letters likelier than the others: 248 = 8 × 31.
        letters
            .extend(random::<32>()?.iter().filter(|byte| **byte < 248).map(|byte| ALPHABET[usize::from(*byte) % 31]));
    }
    let groups: Vec<String> =
        letters[..20].chunks(5).map(|group| group.iter().copied().map(char::from).collect()).collect();
    Ok(groups.join("-"))
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let source = File::open("/dev/urandom").context("cannot open /dev/urandom");
    source?.read_exact(&mut bytes).context("cannot read /dev/urandom")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_readable_and_long_enough() {
        let password = make_password().unwrap();
        assert_eq!(password.len(), 23);
        assert!(
            password.split('-').all(|group| group.len() == 5 && group.bytes().all(|byte| ALPHABET.contains(&byte)))
        );
    }

    #[test]
    fn a_second_start_finds_the_same_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let first = Secrets::open(dir.path()).unwrap();
        let again = Secrets::open(dir.path()).unwrap();
        assert_eq!(first.password_text().unwrap(), again.password_text().unwrap());
        let keys = [&first.pepper, &first.audit_key].map(|file| fs::read_to_string(file).unwrap());
        assert!(keys.iter().all(|key| key.len() == 64) && keys[0] != keys[1]);
    }
}
