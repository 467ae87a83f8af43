//! The keys that open instances: one for each, all made from the node's own, so that a restart of the node loses none.
//! Whoever reads an instance's key learns nothing of another's.
use std::{fmt, sync::Arc};

use hmac::{Hmac, KeyInit as _, Mac as _};
use russh::keys::{PrivateKey, ssh_key::private::Ed25519Keypair};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;

/// Says what the derived bytes are for.
const PURPOSE: &str = "remotegpu ssh instance\0";

/// The node's own key, an Ed25519 key as `ssh-keygen -t ed25519` writes it.
#[derive(Clone)]
pub struct SshKey(Arc<SecretSlice<u8>>);

/// Why a file holds no key for SSH. The text never has anything of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SshKeyError {
    /// Something else.
    #[error("it is no OpenSSH private key")]
    Unreadable,
    /// A key with a password: nobody is there to type it.
    #[error("the key has a password; make one without: ssh-keygen -t ed25519 -N ''")]
    Locked,
    /// RSA and others.
    #[error("the key must be of the kind ed25519: ssh-keygen -t ed25519 -N ''")]
    OtherKind,
}

// === impl SshKey ===

impl SshKey {
    /// Reads the text of a private key file.
    ///
    /// # Errors
    /// [`SshKeyError`]: what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, SshKeyError> {
        let key = PrivateKey::from_openssh(text.trim()).map_err(|_| SshKeyError::Unreadable)?;
        if key.is_encrypted() {
            return Err(SshKeyError::Locked);
        }
        let pair = key.key_data().ed25519().ok_or(SshKeyError::OtherKind)?;
        Ok(Self(Arc::new(SecretSlice::from(pair.private.to_bytes().to_vec()))))
    }

    /// A key of tests.
    #[cfg(test)]
    pub(in crate::runpod) fn of_tests() -> Self {
        Self(Arc::new(SecretSlice::from(vec![7; 32])))
    }

    /// The key of the instance of this name; `None` cannot happen, and opens nothing.
    pub(super) fn of(&self, name: &str) -> Option<PrivateKey> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).ok()?;
        mac.update(PURPOSE.as_bytes());
        mac.update(name.as_bytes());
        let mut seed = [0; 32];
        seed.copy_from_slice(&mac.finalize().into_bytes());
        Some(PrivateKey::from(Ed25519Keypair::from_seed(&seed)))
    }

    /// What the instance of this name must let in, as a line of `authorized_keys`; nothing if it cannot be written.
    pub(in crate::runpod) fn public(&self, name: &str) -> Option<String> {
        self.of(name)?.public_key().to_openssh().ok()
    }
}

impl fmt::Debug for SshKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SshKey")
    }
}

#[cfg(test)]
mod tests {
    use russh::keys::{
        Algorithm, EcdsaCurve,
        key::safe_rng,
        ssh_key::{LineEnding, private::KeypairData},
    };

    use super::*;

    fn text(key: &PrivateKey) -> String {
        key.to_openssh(LineEnding::LF).unwrap().to_string()
    }

    fn own() -> PrivateKey {
        PrivateKey::new(KeypairData::from(Ed25519Keypair::from_seed(&[7; 32])), "node").unwrap()
    }

    #[test]
    fn each_instance_has_a_key_of_its_own_and_the_same_one_after_a_restart() {
        let (first, again) = (text(&own()), format!("\n{}\n", text(&own())));
        let (first, again) = (SshKey::parse(&first).unwrap(), SshKey::parse(&again).unwrap());
        let a = first.public("rgpu-00000000-a").unwrap();
        assert!(a.starts_with("ssh-ed25519 "), "{a}");
        assert_eq!(again.public("rgpu-00000000-a").unwrap(), a);
        assert_ne!(first.public("rgpu-00000000-b").unwrap(), a);
        let own = own().public_key().to_openssh().unwrap();
        assert!(!own.contains(a.split(' ').nth(1).unwrap()), "the node's own key opens nothing");
    }

    #[test]
    fn a_key_that_cannot_be_used_is_refused_and_none_is_ever_shown() {
        assert_eq!(SshKey::parse("ssh-ed25519 AAAA").unwrap_err(), SshKeyError::Unreadable);
        let locked = own().encrypt(&mut safe_rng(), "x").unwrap();
        assert_eq!(SshKey::parse(&text(&locked)).unwrap_err(), SshKeyError::Locked);
        let other = PrivateKey::random(&mut safe_rng(), Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 }).unwrap();
        assert_eq!(SshKey::parse(&text(&other)).unwrap_err(), SshKeyError::OtherKind);
        assert_eq!(format!("{:?}", SshKey::parse(&text(&own())).unwrap()), "SshKey");
    }
}
