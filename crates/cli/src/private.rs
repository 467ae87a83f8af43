//! Files that only their owner reads: written whole or not at all, refused when others could have read them.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

const OTHERS: u32 = 0o077;
/// Mode of everything this program keeps for itself.
pub const OWNER_ONLY: u32 = 0o600;
// Far above any key, session or credential.
const LARGEST: u64 = 256 * 1024;

/// Makes a directory that only its owner enters; closes one that is open to others.
///
/// # Errors
/// When it cannot be made.
pub fn dir(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("Cannot make the directory {}", path.display()))?;
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & OTHERS != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))
            .with_context(|| format!("Others can enter {0}: run chmod 700 {0}", path.display()))?;
    }
    Ok(())
}

/// Replaces a file in one step: readers see the old text or the new one, never a part.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let beside = sibling(path, &format!("{}.new", std::process::id()));
    // Left by a process of the same id that was killed.
    let _not_there = std::fs::remove_file(&beside);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    })();
    if written.is_err() {
        let _not_made = std::fs::remove_file(&beside);
    }
    written.with_context(|| format!("Cannot write {}", path.display()))
}

/// Reads a secret file.
///
/// # Errors
/// When it cannot be read, or others could read it too.
pub fn read(path: &Path) -> Result<String> {
    let file = File::open(path).with_context(|| format!("Cannot read {}", path.display()))?;
    // Of the open file, so that nobody can put another in between.
    if file.metadata()?.permissions().mode() & OTHERS != 0 {
        bail!("{0} can be read by others: run chmod 600 {0}", path.display());
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).with_context(|| format!("Cannot read {}", path.display()))?;
    Ok(text)
}

/// Removes a file; one that is not there is fine.
///
/// # Errors
/// When it stays.
pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("Cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// `path` with `.end` added to its whole name.
pub fn sibling(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(end);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_written_only_its_owner_reads() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("a/b");
        dir(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        let file = folder.join("key");
        write(&file, "one", OWNER_ONLY).unwrap();
        write(&file, "two", OWNER_ONLY).unwrap();
        assert_eq!((mode(&file), read(&file).unwrap().as_str()), (0o600, "two"));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn an_open_directory_of_ours_is_closed() {
        let home = tempfile::tempdir().unwrap();
        std::fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
        dir(home.path()).unwrap();
        assert_eq!(mode(home.path()), 0o700);
    }

    #[test]
    fn a_file_that_others_could_read_is_refused_with_the_command_that_fixes_it() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("key");
        for open in [0o640, 0o604, 0o620, 0o644] {
            write(&file, "secret", open).unwrap();
            let refusal = read(&file).unwrap_err().to_string();
            assert!(refusal.contains("chmod 600") && !refusal.contains("secret"), "{refusal}");
        }
    }

    #[test]
    fn removing_twice_is_fine() {
        let home = tempfile::tempdir().unwrap();
        remove(&home.path().join("nothing")).unwrap();
    }
}
