//! Argon2id on a bounded blocking pool, so that parallel sign-ins cannot eat the memory.
//!
//! Source: `security.md` §4.4.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params, PasswordHasher as _, PasswordVerifier as _};
use domain::{Dependency, Error, Result};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

// 19 MiB each: four at once keep sign-in under 80 MiB.
const AT_ONCE: usize = 4;
// About two seconds of queue at 34 ms each; more waiting than that is refused with 503.
const QUEUE: usize = 64;
const SHORTEST: usize = 12;
const LONGEST: usize = 1024;

/// Hashes and verifies passwords.
pub struct PasswordHasher {
    running: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    dummy: tokio::sync::OnceCell<String>,
}

impl Default for PasswordHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl PasswordHasher {
    /// A hasher with its own limits.
    pub fn new() -> Self {
        Self {
            running: Arc::new(Semaphore::new(AT_ONCE)),
            queue: Arc::new(Semaphore::new(QUEUE)),
            dummy: tokio::sync::OnceCell::new(),
        }
    }

    /// Checks the length and hashes; a PHC string with its own salt.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `password` outside 12 to 1024 characters; `busy` when the queue is full.
    pub async fn hash(&self, password: &SecretString) -> Result<String> {
        self.hash_field("password", password).await
    }

    /// The same for a form that calls the password `field`.
    ///
    /// # Errors
    /// As [`Self::hash`].
    pub async fn hash_field(&self, field: &str, password: &SecretString) -> Result<String> {
        let length = password.expose_secret().chars().count();
        if !(SHORTEST..=LONGEST).contains(&length) {
            return Err(Error::field(field, "length", "Password must be 12 to 1024 characters"));
        }
        let password = password.clone();
        self.blocking(move || hash_now(&password)).await?
    }

    /// Whether `password` fits `hash`. Without a hash it does the same work and says no, so that unknown users cost the
    /// same time.
    ///
    /// # Errors
    /// `busy` when the queue is full.
    pub async fn verify(&self, password: &SecretString, hash: Option<&str>) -> Result<bool> {
        if password.expose_secret().len() > 4 * LONGEST {
            return Ok(false);
        }
        let known = hash.is_some();
        let hash = match hash {
            Some(hash) => hash.to_owned(),
            None => self.dummy().await?.to_owned(),
        };
        let password = password.clone();
        let fits = self.blocking(move || verify_now(&password, &hash)).await?;
        Ok(fits && known)
    }

    /// Whether `hash` was made with weaker parameters than new ones are.
    pub fn is_outdated(hash: &str) -> bool {
        let Ok(hash) = PasswordHash::new(hash) else { return false };
        let strong =
            |params: Params| params.m_cost() >= Params::DEFAULT_M_COST && params.t_cost() >= Params::DEFAULT_T_COST;
        hash.algorithm.as_str() != "argon2id" || !Params::try_from(&hash).is_ok_and(strong)
    }

    async fn dummy(&self) -> Result<&str> {
        let make = || async { self.blocking(|| hash_now(&SecretString::from("nobody has this one"))).await? };
        self.dummy.get_or_try_init(make).await.map(String::as_str)
    }

    /// How many passwords wait and how many are being hashed.
    pub fn load(&self) -> (usize, usize) {
        let running = AT_ONCE - self.running.available_permits().min(AT_ONCE);
        let all = QUEUE - self.queue.available_permits().min(QUEUE);
        (all.saturating_sub(running), running)
    }

    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let busy = || Error::Unavailable { what: Dependency::PasswordHasher, source: "queue is full".into() };
        let _place = self.queue.clone().try_acquire_owned().map_err(|_| busy())?;
        let _turn = self.running.clone().acquire_owned().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

fn hash_now(password: &SecretString) -> Result<String> {
    let hash = Argon2::default().hash_password(password.expose_secret().as_bytes());
    hash.map(|h| h.to_string()).map_err(|e| Error::internal(e.to_string()))
}

fn verify_now(password: &SecretString, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_right_password_fits_and_others_do_not() {
        let hasher = PasswordHasher::new();
        let hash = hasher.hash(&SecretString::from("correct horse battery")).await.unwrap();
        assert!(hasher.verify(&SecretString::from("correct horse battery"), Some(&hash)).await.unwrap());
        assert!(!hasher.verify(&SecretString::from("correct horse batterz"), Some(&hash)).await.unwrap());
        assert!(!hasher.verify(&SecretString::from("nobody has this one"), None).await.unwrap());
        assert!(!hasher.verify(&SecretString::from("x"), Some("not a hash")).await.unwrap());
    }

    #[test]
    fn hashes_with_weaker_parameters_are_outdated() {
        let salt_and_hash = "c29tZXNhbHRzb21lc2FsdA$PT2dMEkIvkOMvQBvC0xZ4VR2vZbuMy5ZSzVlqG3WWwY";
        for (parameters, outdated) in [
            ("argon2id$v=19$m=19456,t=2,p=1", false),
            ("argon2id$v=19$m=65536,t=3,p=4", false),
            ("argon2id$v=19$m=8192,t=2,p=1", true),
            ("argon2id$v=19$m=19456,t=1,p=1", true),
            ("argon2i$v=19$m=19456,t=2,p=1", true),
        ] {
            let hash = format!("${parameters}${salt_and_hash}");
            assert_eq!(PasswordHasher::is_outdated(&hash), outdated, "{parameters}");
        }
    }

    #[tokio::test]
    async fn what_is_hashed_today_is_not_outdated() {
        let hash = PasswordHasher::new().hash(&SecretString::from("correct horse battery")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(!PasswordHasher::is_outdated(&hash));
    }

    #[tokio::test]
    async fn short_and_endless_passwords_are_refused_before_hashing() {
        let hasher = PasswordHasher::new();
        for wrong in ["short", &"x".repeat(11), &"x".repeat(1025)] {
            let error = hasher.hash(&SecretString::from(wrong)).await.unwrap_err();
            assert_eq!(error.to_string(), "Password must be 12 to 1024 characters");
        }
        hasher.hash(&SecretString::from("é".repeat(1024))).await.unwrap();
    }

    #[tokio::test]
    async fn four_are_hashed_at_once_a_short_queue_waits_and_the_rest_is_told_to_come_again() {
        let (hasher, door) = (PasswordHasher::new(), Arc::new(tokio::sync::RwLock::new(())));
        let closed = door.write().await;
        let mut waiting: Vec<_> = (0..QUEUE)
            .map(|_| {
                let door = door.clone();
                Box::pin(hasher.blocking(move || drop(door.blocking_read())))
            })
            .collect();
        for one in &mut waiting {
            assert!(futures::poll!(one).is_pending());
        }
        assert_eq!(hasher.load(), (QUEUE - AT_ONCE, AT_ONCE));
        let refused = hasher.verify(&SecretString::from("correct horse battery"), Some("x")).await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable { what: Dependency::PasswordHasher, .. }), "{refused:?}");
        drop(closed);
        for done in futures::future::join_all(waiting).await {
            done.unwrap();
        }
        assert_eq!(hasher.load(), (0, 0));
        assert!(!hasher.verify(&SecretString::from("correct horse battery"), Some("x")).await.unwrap());
    }
}
