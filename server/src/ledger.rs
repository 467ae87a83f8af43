//! The revocation ledger as a file: one line a revocation or rotation, only ever added to.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use async_trait::async_trait;
use backend::ports::Ledger;
use domain::revocation::Revocation;
use domain::{Error, Result};

/// An open ledger.
pub struct LedgerFile(Arc<Mutex<File>>);

// === impl LedgerFile ===

impl LedgerFile {
    /// Opens or makes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        let file = file.with_context(|| format!("The revocation ledger {} cannot be written", path.display()))?;
        Ok(Self(Arc::new(Mutex::new(file))))
    }
}

#[async_trait]
impl Ledger for LedgerFile {
    async fn append(&self, revocations: &[Revocation]) -> Result<()> {
        // A line that a crash cut off must not spoil the next one: each begins on a line of its own.
        let text: String = revocations.iter().map(|revocation| format!("\n{revocation}")).collect();
        let file = self.0.clone();
        let write = move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(text.as_bytes())?;
            file.sync_data()
        };
        tokio::task::spawn_blocking(write).await.map_err(Error::internal)?.map_err(Error::internal)
    }
}

/// Every revocation of these files. Lines that a crash cut off are left out.
///
/// # Errors
/// When one cannot be read: without it revoked keys would live again.
pub fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<Revocation>> {
    let mut all = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("The revocation ledger {} cannot be read", path.display()))?;
        all.extend(text.lines().filter_map(Revocation::parse));
    }
    Ok(all)
}

/// Where the ledger is unless told otherwise: beside a database that is a file. A server has no "beside".
pub fn beside(database: &str) -> Option<PathBuf> {
    let mut name = store::file_of(database)?.into_os_string();
    name.push(".revocations");
    Some(name.into())
}

#[cfg(test)]
mod tests {
    use domain::api_key::PublicId;
    use jiff::Timestamp;

    use super::*;

    fn revocation(id: &str) -> Revocation {
        Revocation { public_id: PublicId::from_trusted(id.to_owned()), revoked_at: Timestamp::UNIX_EPOCH, before: None }
    }

    #[tokio::test]
    async fn lines_are_added_and_half_a_line_spoils_no_other() {
        let path = std::env::temp_dir().join(format!("remotegpu-{}", uuid::Uuid::now_v7()));
        let letters: String = domain::api_key::ID_ALPHABET[..domain::api_key::ID_LENGTH]
            .iter()
            .map(|letter| char::from(*letter))
            .collect();
        LedgerFile::open(&path).unwrap().append(&[revocation(&letters)]).await.unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"\nabc").unwrap();
        LedgerFile::open(&path).unwrap().append(&[revocation(&letters)]).await.unwrap();
        assert_eq!(read(std::slice::from_ref(&path)).unwrap(), [revocation(&letters), revocation(&letters)]);
        std::fs::remove_file(&path).unwrap();
        assert!(read(&[path]).is_err());
    }

    #[test]
    fn the_ledger_lies_beside_a_file_and_nowhere_for_a_server() {
        assert_eq!(beside("sqlite:///data/console.sqlite"), Some("/data/console.sqlite.revocations".into()));
        assert_eq!(beside("postgres://u@h/d"), None);
    }
}
