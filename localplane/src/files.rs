//! Writing files that must be whole and sometimes private.
//! Every file appears under its name only when complete, so that a start that was cut off leaves nothing half-written.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

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
    let part = path.with_extension(format!("part-{}", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&part)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(text)?;
        fs::rename(&part, path)
    })();
    written.with_context(|| format!("cannot write {}", path.display()))
}
