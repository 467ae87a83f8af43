//! The user's own kubeconfig: found as kubectl finds it, changed under kubectl's own lock, never left half written.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::{private, state};

// kubectl holds the lock for milliseconds; one that stays was left by a process that died.
const LOCK_LIMIT: Duration = Duration::from_secs(5);
const LOCK_PACE: Duration = Duration::from_millis(50);

/// The file that kubectl would write: the first of `$KUBECONFIG`, else `~/.kube/config`.
///
/// # Errors
/// When there is no home directory.
pub fn of_user() -> Result<PathBuf> {
    let listed = std::env::var_os("KUBECONFIG");
    let first = listed.iter().flat_map(std::env::split_paths).find(|path| !path.as_os_str().is_empty());
    match first {
        Some(path) => Ok(path),
        None => Ok(state::home()?.join(".kube/config")),
    }
}

/// Changes a file by its text; empty if it is not there. A backup of the old text stays beside it.
///
/// # Errors
/// When `change` refuses, or the file cannot be read, locked or written; it stays as it was then.
pub fn change<T: AsRef<str>>(path: &Path, change: impl FnOnce(&str) -> Result<T>) -> Result<T> {
    // A link must stay a link: what it points to is replaced.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        private::dir(folder)?;
    }
    let _lock = Lock::take(&path)?;
    let old = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("Cannot read {}", path.display())),
    };
    let new =
        change(old.as_deref().unwrap_or_default()).with_context(|| format!("{} is left as it was", path.display()))?;
    let mut mode = private::OWNER_ONLY;
    if let Some(old) = old {
        mode = std::fs::metadata(&path)?.permissions().mode() & 0o7777;
        private::write(&private::sibling(&path, "remotegpu-backup"), &old, private::OWNER_ONLY)?;
    }
    private::write(&path, new.as_ref(), mode)?;
    Ok(new)
}

/// client-go's lock: a file `<name>.lock` that only one process can make.
struct Lock(PathBuf);

impl Lock {
    fn take(path: &Path) -> Result<Self> {
        let (lock, since) = (private::sibling(path, "lock"), Instant::now());
        loop {
            match OpenOptions::new().write(true).create_new(true).open(&lock) {
                Ok(_) => return Ok(Self(lock)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists && since.elapsed() < LOCK_LIMIT => {
                    std::thread::sleep(LOCK_PACE);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    bail!("Another program is changing {0}: try again, or remove {1}", path.display(), lock.display())
                }
                Err(error) => return Err(error).with_context(|| format!("Cannot write beside {}", path.display())),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_is_private_and_has_no_backup() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".kube/config");
        change(&path, |old| Ok(format!("{old}new"))).unwrap();
        assert_eq!(private::read(&path).unwrap(), "new");
        assert_eq!(files(path.parent().unwrap()), ["config"]);
    }

    #[test]
    fn mode_and_backup_are_kept_and_a_link_stays_a_link() {
        let home = tempfile::tempdir().unwrap();
        let (path, link) = (home.path().join("config"), home.path().join("link"));
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        change(&link, |old| Ok(format!("{old}+new"))).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old+new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        let backup = home.path().join("config.remotegpu-backup");
        assert_eq!(private::read(&backup).unwrap(), "old");
        assert_eq!(files(home.path()), ["config", "config.remotegpu-backup", "link"]);
    }

    #[test]
    fn a_refusal_leaves_everything_as_it_was() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config");
        std::fs::write(&path, "old").unwrap();
        let refused = change(&path, |_| -> Result<String> { bail!("no") });
        assert!(format!("{:#}", refused.unwrap_err()).contains("is left as it was: no"));
        assert_eq!((files(home.path()).len(), std::fs::read_to_string(&path).unwrap().as_str()), (1, "old"));
    }
}
