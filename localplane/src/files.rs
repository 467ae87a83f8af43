//! Writing files that must be whole and sometimes private.
//! Every file appears under its name only when complete, so that a start that was cut off leaves nothing half-written.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};

/// Writes `text` readable by its owner only (mode 0600).
///
/// # Errors
/// When the folder cannot be written; names the path.
pub fn write_private(path: &Path, text: &[u8]) -> Result<()> {
    write_mode(path, text, 0o600)
}

/// Writes `text` readable by everybody (mode 0644).
///
/// # Errors
/// When the folder cannot be written; names the path.
pub fn write_public(path: &Path, text: &[u8]) -> Result<()> {
    write_mode(path, text, 0o644)
}

/// Makes a folder, with its parents, that only its owner may enter (mode 0700). Says nothing if it is there.
///
/// # Errors
/// When it cannot be made; names the path.
pub fn private_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make the folder {}", path.display()))
}

fn write_mode(path: &Path, text: &[u8], mode: u32) -> Result<()> {
    // One of its own for each writing: a key and its certificate share all but the extension, and are made side by side.
    static WRITINGS: AtomicU64 = AtomicU64::new(0);
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".part-{}-{}", std::process::id(), WRITINGS.fetch_add(1, Ordering::Relaxed)));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&part)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(text)?;
        fs::rename(&part, path)
    })();
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_differ_by_extension_are_written_side_by_side() {
        let dir = std::env::temp_dir().join(format!("localplane-files-{}", std::process::id()));
        private_dir(&dir).unwrap();
        let writer = |name: &str, text: &'static [u8]| {
            let path = dir.join(name);
            std::thread::spawn(move || {
                for _ in 0..200 {
                    write_private(&path, text).unwrap();
                    assert_eq!(fs::read(&path).unwrap(), text);
                }
            })
        };
        for thread in [writer("pair.key", b"secret"), writer("pair.pub", b"public"), writer("pair.pub", b"public")] {
            thread.join().unwrap();
        }
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2, "nothing half-written is left");
    }
}
