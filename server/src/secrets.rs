//! Reading secret files. A file that others may read is refused: it is no secret any more.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use secrecy::SecretString;

/// Bits of "others may read or write".
const OTHERS: u32 = 0o006;

/// Reads a secret file without its trailing line end.
///
/// # Errors
/// When it cannot be read, is empty, or is open to everybody on this machine.
pub fn read(path: &Path) -> anyhow::Result<SecretString> {
    check_private(path)?;
    let text = std::fs::read_to_string(path).with_context(|| format!("Cannot read {}", path.display()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        bail!("The secret file {} is empty", path.display());
    }
    Ok(SecretString::from(text))
}

/// Refuses a file that others may read or write.
///
/// # Errors
/// When it cannot be examined, or is open to everybody on this machine.
pub fn check_private(path: &Path) -> anyhow::Result<()> {
    let meta = std::fs::metadata(path).with_context(|| format!("Cannot read {}", path.display()))?;
    if meta.permissions().mode() & OTHERS != 0 {
        bail!("{0} can be read by everybody on this machine: run chmod 600 {0}", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    fn file(name: &str, mode: u32) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("remotegpu-{}-{name}", uuid::Uuid::now_v7()));
        std::fs::write(&path, "hunter2hunter2\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_private_file_is_read_without_its_line_end() {
        let path = file("private", 0o600);
        assert_eq!(read(&path).unwrap().expose_secret(), "hunter2hunter2");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_world_readable_file_is_refused_with_the_command_that_fixes_it() {
        let path = file("open", 0o644);
        assert!(read(&path).unwrap_err().to_string().contains("chmod 600"));
        std::fs::remove_file(path).unwrap();
    }
}
