//! Credentials kept between commands, one file for each (console, namespace, rights, key). Processes that start together
//! wait for the first: one asks the console, the others read.
//!
//! Source: `security.md` §1.6: client-go keeps nothing on disk, so 20 commands would be 20 calls.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::api::Refused;
use crate::private;

// The Python client takes a token for expired 5 minutes early; a minute more lets its request begin.
const LEAST_LEFT: SignedDuration = SignedDuration::from_mins(6);
// No credential of ours lives longer than a day: a later end is a damaged file or a clock that jumped.
const MOST_LEFT: SignedDuration = SignedDuration::from_hours(25);
// Longer than one call may take: whoever waits for more than that asks for itself.
const LOCK_LIMIT: Duration = Duration::from_secs(15);
const LOCK_PACE: Duration = Duration::from_millis(20);
const DEAD_AFTER: Duration = Duration::from_secs(24 * 3600);
// Commands that were given one credential; it lives an hour at most.
const MOST_PARENTS: usize = 256;

/// A credential for one namespace.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The bearer token.
    pub token: SecretString,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// The directory.
pub struct Cache {
    dir: PathBuf,
}

/// The place of one credential.
pub struct Entry {
    file: PathBuf,
    lock: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    token: String,
    expires_at: Timestamp,
    /// Process ids of the commands it was given to.
    given_to: Vec<u32>,
}

// === impl Cache ===

impl Cache {
    /// Opens the directory, making it if need be.
    ///
    /// # Errors
    /// When it cannot be made private.
    pub fn open(dir: &Path) -> Result<Self> {
        private::dir(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// The place for `url` (console, namespace, rights) and `key`. The name tells neither: a key's 142 random bits cannot
    /// be found from a hash. With the whole key in it, a rotated key or another account never meets an old token.
    pub fn entry(&self, url: &str, key: &str) -> Entry {
        let hash = Sha256::new().chain_update(url).chain_update([0]).chain_update(key).finalize();
        let name: String = hash.iter().take(16).map(|b| format!("{b:02x}")).collect();
        Entry { file: self.dir.join(format!("{name}.json")), lock: self.dir.join(format!("{name}.lock")) }
    }
}

// === impl Entry ===

impl Entry {
    /// The kept credential, else a fresh one. `parent` is the process that asks through us.
    ///
    /// # Errors
    /// What `fetch` says; a refusal is never kept, and what was kept goes.
    pub async fn credential(
        &self,
        parent: u32,
        now: impl Fn() -> Timestamp,
        fetch: impl AsyncFn() -> Result<Credential>,
    ) -> Result<Credential> {
        let lock = self.locked().await;
        if lock.is_some()
            && let Some(credential) = self.load(parent, now())
        {
            return Ok(credential);
        }
        let fetched = fetch().await;
        match &fetched {
            Ok(credential) if lock.is_some() => self.store(credential, &[parent]),
            Err(error) if error.is::<Refused>() => self.forget(),
            _ => {}
        }
        fetched
    }

    /// The kept credential if it is good for this command. One that this very process was given before was refused by
    /// the cluster (client-go asks again after a 401 only, `security.md` §1.2): then a fresh one is due.
    fn load(&self, parent: u32, now: Timestamp) -> Option<Credential> {
        let mut kept: Kept = serde_json::from_str(&private::read(&self.file).ok()?).ok()?;
        let left = kept.expires_at.duration_since(now);
        if left < LEAST_LEFT || left > MOST_LEFT || kept.given_to.contains(&parent) {
            self.forget();
            return None;
        }
        let credential = Credential { token: SecretString::from(kept.token), expires_at: kept.expires_at };
        kept.given_to.push(parent);
        let newest = kept.given_to.len().saturating_sub(MOST_PARENTS);
        self.store(&credential, &kept.given_to[newest..]);
        Some(credential)
    }

    /// Keeps it if that is possible; a full disk must not stop a command that has its credential.
    fn store(&self, credential: &Credential, given_to: &[u32]) {
        let token = credential.token.expose_secret().to_owned();
        let kept = Kept { token, expires_at: credential.expires_at, given_to: given_to.to_vec() };
        if let Ok(text) = serde_json::to_string(&kept) {
            let _kept_or_not = private::write(&self.file, &text, private::OWNER_ONLY);
        }
        self.sweep();
    }

    fn forget(&self) {
        let _there_or_not = std::fs::remove_file(&self.file);
    }

    /// Removes what other keys left behind long ago.
    fn sweep(&self) {
        let entries = self.file.parent().and_then(|dir| std::fs::read_dir(dir).ok()).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "json")) {
            let modified = std::fs::metadata(&path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            if modified.elapsed().is_ok_and(|age| age > DEAD_AFTER) {
                let _there_or_not = std::fs::remove_file(path);
            }
        }
    }

    /// The lock, held until the file is dropped or the process dies; nothing after a while, or where files cannot be
    /// locked: then everybody asks for themselves.
    async fn locked(&self) -> Option<File> {
        let file = OpenOptions::new().create(true).append(true).mode(private::OWNER_ONLY).open(&self.lock).ok()?;
        let since = tokio::time::Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Some(file),
                Err(TryLockError::WouldBlock) if since.elapsed() < LOCK_LIMIT => tokio::time::sleep(LOCK_PACE).await,
                Err(_) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests;
