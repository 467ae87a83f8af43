//! The proof of a key: which of its secrets a text is, and whether the key lives at the time of the row. Pure: no I/O.

use domain::api_key::{KeySecret, KeyStatus, KeyText};
use domain::{Code, Error, Result};

use crate::Pepper;
use crate::pepper::Match;
use crate::ports::KeyAccess;

/// A text that was proved.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proof {
    /// Which of the key's secrets it is.
    pub generation: u32,
    /// The stored secret, if its digest should be made anew.
    pub stale: Option<KeySecret>,
}

/// The key behind `text`, if the secret is right and key and owner are alive.
///
/// # Errors
/// `invalid_api_key` for whoever has not proved the secret; the state of the key only for those who have.
pub(super) fn prove(pepper: &Pepper, text: &KeyText<'_>, found: Option<&KeyAccess>) -> Result<Proof> {
    let refuse = |code| Err(Error::Unauthenticated { code });
    let Some(found) = found else {
        pepper.compare_nothing(text.whole);
        return refuse(Code::InvalidApiKey);
    };
    let (mut proof, now) = (None, found.read_at);
    for secret in found.key.live_secrets(now) {
        match pepper.compare(text.whole, secret) {
            Match::Yes { stale } => {
                proof = Some(Proof { generation: secret.generation, stale: stale.then(|| secret.clone()) });
            }
            Match::No => {}
            Match::Unknown => tracing::error!(
                key.id = %found.key.id,
                pepper.id = secret.pepper_id,
                hash.version = secret.hash_version,
                "the digest of an API key was made by a pepper or a version that is not known here; it matches nothing"
            ),
        }
    }
    let Some(proof) = proof else { return refuse(Code::InvalidApiKey) };
    match found.key.status(now) {
        KeyStatus::Revoked => refuse(Code::ApiKeyRevoked),
        KeyStatus::Expired => refuse(Code::ApiKeyExpired),
        KeyStatus::Disabled => refuse(Code::ApiKeyDisabled),
        KeyStatus::Active if found.owner_role.is_none() => refuse(Code::ApiKeyDisabled),
        KeyStatus::Active => Ok(proof),
    }
}

#[cfg(test)]
mod tests {
    use domain::api_key::{ApiKey, OldSecret, PublicId};
    use domain::credential::Access;
    use domain::id::{AccountId, ApiKeyId, UserId};
    use domain::scope::Scope;
    use domain::user::Role;
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn pepper(byte: &str) -> Pepper {
        Pepper::from_hex(&byte.repeat(32)).unwrap()
    }

    /// Two secrets of one key: generation 1 ends at second 60, generation 2 is the newest. The key ends at second 100.
    fn texts() -> (String, String) {
        let id = PublicId::from_trusted("a1b2c3d4".into());
        (KeyText::assemble(&id, &"A".repeat(24)), KeyText::assemble(&id, &"B".repeat(24)))
    }

    fn stored(pepper: &Pepper) -> KeyAccess {
        let (old, new) = texts();
        let id = Uuid::from_u128(7);
        let key = ApiKey {
            id: ApiKeyId::new(id),
            account_id: AccountId::new(id),
            owner_id: UserId::new(id),
            name: "ci".into(),
            public_id: PublicId::from_trusted("a1b2c3d4".into()),
            secret: pepper.secret(&new, 2),
            old_secret: Some(OldSecret { secret: pepper.secret(&old, 1), ends_at: at(60) }),
            scope: Scope::All,
            access: Access::Edit,
            expires_at: Some(at(100)),
            disabled: false,
            revoked_at: None,
            created_at: at(0),
            last_used_at: None,
            last_used_ip: None,
            revision: 1,
            removal_pending: false,
        };
        KeyAccess { key, owner_role: Some(Role::Member), owner_email: None, namespace: None, read_at: at(0) }
    }

    fn generation(text: &str, found: &KeyAccess, now: i64) -> Result<u32, Code> {
        let text = KeyText::parse(text).unwrap();
        let found = KeyAccess { read_at: at(now), ..found.clone() };
        prove(&pepper("ab"), &text, Some(&found)).map(|proof| proof.generation).map_err(|e| e.code())
    }

    #[test]
    fn both_secrets_work_during_the_overlap_and_the_old_one_not_a_moment_longer() {
        let (old, new) = texts();
        let found = stored(&pepper("ab"));
        assert_eq!((generation(&old, &found, 59), generation(&new, &found, 59)), (Ok(1), Ok(2)));
        assert_eq!((generation(&old, &found, 60), generation(&new, &found, 60)), (Err(Code::InvalidApiKey), Ok(2)));
    }

    #[test]
    fn a_key_is_dead_from_the_very_second_it_expires() {
        let (_, new) = texts();
        let found = stored(&pepper("ab"));
        assert_eq!(generation(&new, &found, 99), Ok(2));
        assert_eq!(generation(&new, &found, 100), Err(Code::ApiKeyExpired));
    }

    #[test]
    fn only_who_has_the_secret_hears_what_became_of_the_key() {
        let (_, new) = texts();
        let wrong = KeyText::assemble(&PublicId::from_trusted("a1b2c3d4".into()), &"C".repeat(24));
        let mut found = stored(&pepper("ab"));
        found.key.revoked_at = Some(at(1));
        assert_eq!(generation(&new, &found, 2), Err(Code::ApiKeyRevoked));
        assert_eq!(generation(&wrong, &found, 2), Err(Code::InvalidApiKey));
        found.key.revoked_at = None;
        found.owner_role = None;
        assert_eq!(generation(&new, &found, 2), Err(Code::ApiKeyDisabled), "the owner left");
    }

    #[test]
    fn a_secret_of_an_earlier_pepper_is_to_be_hashed_anew_and_of_an_unknown_one_is_invalid() {
        let (old, _) = texts();
        let (found, text) = (stored(&pepper("ab")), KeyText::parse(&old).unwrap());
        let ring = pepper("cd").with_previous(&"ab".repeat(32)).unwrap();
        let proof = prove(&ring, &text, Some(&found)).unwrap();
        assert_eq!(proof.stale, found.key.old_secret.as_ref().map(|old| old.secret.clone()));
        let unknown = prove(&pepper("cd"), &text, Some(&found)).unwrap_err();
        assert_eq!(unknown.code(), Code::InvalidApiKey);
    }
}
