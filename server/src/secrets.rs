//! Reading secret files. A file that others may read is refused, and so is a key that somebody could guess: there are no
//! fallback values.
//!
//! Source: `security.md` §9 (Start-up).

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use nix::unistd::geteuid;
use secrecy::{ExposeSecret as _, SecretString};

/// Bits of "others may read or write".
const OTHERS: u32 = 0o006;
/// Bits of "the group may read or write".
const GROUP: u32 = 0o060;
const SHORTEST: usize = 32;
// 32 random bytes have fewer than 20 different values once in ten million times.
const FEWEST: usize = 16;
/// What examples and images of other programs are delivered with.
const DEFAULTS: [&str; 7] = ["changeme", "change-me", "change_me", "password", "secret", "default", "example"];

/// Reads a secret file without its trailing line end.
///
/// # Errors
/// When it cannot be read, is empty, or others may read it.
pub fn read(path: &Path) -> anyhow::Result<SecretString> {
    check_private(path)?;
    let text = std::fs::read_to_string(path).with_context(|| format!("Cannot read {}", path.display()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        bail!("The secret file {} is empty", path.display());
    }
    Ok(SecretString::from(text))
}

/// Reads the password that an operator chose for somebody: anything but one that everybody knows.
///
/// # Errors
/// As [`read`], and for a well-known default.
pub fn read_password(path: &Path) -> anyhow::Result<SecretString> {
    let password = read(path)?;
    if is_default(password.expose_secret()) {
        bail!("The password in {} is a default that everybody knows: choose another", path.display());
    }
    Ok(password)
}

/// Reads a key: hex of random bytes, never something that a person thought of.
///
/// # Errors
/// As [`read`], and for a default, a short or a monotonous one; says how to make a good one.
pub fn read_key(path: &Path) -> anyhow::Result<SecretString> {
    let key = read(path)?;
    if let Some(weakness) = weakness(key.expose_secret()) {
        bail!("The secret in {0} {weakness}: openssl rand -hex 32 > {0}", path.display());
    }
    Ok(key)
}

/// Reads a file of keys. `make` takes its text; `rule` says what it must be.
///
/// # Errors
/// As [`read_key`], and for a text that `make` refuses.
pub fn read_keys<T>(path: &Path, make: impl FnOnce(&str) -> domain::Result<T>, rule: &str) -> anyhow::Result<T> {
    let text = read_key(path)?;
    make(text.expose_secret())
        .ok()
        .with_context(|| format!("The key file {0} must hold {rule}: openssl rand -hex 32 > {0}", path.display()))
}

/// Refuses a file that others may read or write. The group may read only what somebody else gave us, as Kubernetes does
/// with mounted Secrets: a file of our own needs no group.
///
/// # Errors
/// When it cannot be examined, or others may read it.
pub fn check_private(path: &Path) -> anyhow::Result<()> {
    let meta = std::fs::metadata(path).with_context(|| format!("Cannot read {}", path.display()))?;
    let ours = meta.uid() == geteuid().as_raw();
    let open = if ours { OTHERS | GROUP } else { OTHERS | (GROUP & 0o020) };
    if meta.mode() & open != 0 {
        bail!("{0} can be read by others on this machine: run chmod 600 {0}", path.display());
    }
    Ok(())
}

/// Refuses one secret in two places: whoever learns it would hold both.
///
/// # Errors
/// Names the two flags.
pub fn check_distinct(files: &[(&str, &Path)]) -> anyhow::Result<()> {
    let mut seen: Vec<(&str, Vec<u8>)> = Vec::new();
    for (flag, path) in files {
        let content = std::fs::read(path).with_context(|| format!("Cannot read {}", path.display()))?;
        let content = content.trim_ascii().to_vec();
        if let Some((other, _)) = seen.iter().find(|(_, known)| *known == content) {
            bail!("{other} and {flag} hold the same secret ({}): each needs one of its own", path.display());
        }
        seen.push((flag, content));
    }
    Ok(())
}

fn weakness(text: &str) -> Option<&'static str> {
    let bytes = bytes(text);
    let variety = bytes.iter().collect::<BTreeSet<_>>().len();
    match () {
        () if is_default(text) => Some("is a default that everybody knows"),
        () if bytes.len() < SHORTEST => Some("is shorter than 32 bytes"),
        () if variety == 1 => Some("is one byte over and over"),
        () if variety < FEWEST => Some("has too little variety to be random"),
        () => None,
    }
}

fn is_default(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    DEFAULTS.iter().any(|known| !text.is_empty() && text.replace(known, "").is_empty()) || text.contains("changeme")
}

/// What the hex stands for; text that is no hex stands for itself.
fn bytes(text: &str) -> Vec<u8> {
    let text = text.trim();
    let pair = |i: usize| u8::from_str_radix(text.get(i..i + 2)?, 16).ok();
    let decoded: Option<Vec<u8>> = (0..text.len()).step_by(2).map(pair).collect();
    decoded.unwrap_or_else(|| text.as_bytes().to_vec())
}

/// Opens a file to append to, made for its owner and group only.
///
/// # Errors
/// When it cannot be opened.
pub fn open_append(path: &Path) -> anyhow::Result<std::fs::File> {
    let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o640).open(path);
    file.with_context(|| format!("Cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const GOOD: &str = "8f1c64d0a2b97e35c4d8016bfa52e7931d0c7ab4f86e2593ca17d45b09e8f236";

    fn file(text: &str, mode: u32) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("remotegpu-{}", uuid::Uuid::now_v7()));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_private_file_is_read_without_its_line_end() {
        let path = file("hunter2hunter2\n", 0o600);
        assert_eq!(read(&path).unwrap().expose_secret(), "hunter2hunter2");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_the_group_or_everybody_reads_is_refused_with_the_command_that_fixes_it() {
        for mode in [0o640, 0o604, 0o644, 0o620] {
            let path = file("hunter2hunter2\n", mode);
            assert!(read(&path).unwrap_err().to_string().contains("chmod 600"), "{mode:o}");
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn a_key_is_long_random_and_nobodys_default() {
        assert_eq!(weakness(GOOD), None);
        for (weak, why) in [
            ("changeme", "default"),
            ("ChangeMe-ChangeMe-ChangeMe-ChangeMe", "default"),
            ("8f1c64d0", "shorter"),
            (&GOOD[..62], "shorter"),
            (&"5a".repeat(32), "over and over"),
            (&"0123".repeat(20), "too little variety"),
        ] {
            assert!(weakness(weak).is_some_and(|found| found.contains(why)), "{weak}: {:?}", weakness(weak));
        }
    }

    #[test]
    fn two_files_may_not_hold_one_secret() {
        let (one, copy, other) = (file(GOOD, 0o600), file(&format!("{GOOD}\n"), 0o600), file("another", 0o600));
        check_distinct(&[("--a", &one), ("--b", &other)]).unwrap();
        for same in [&one, &copy] {
            let error = check_distinct(&[("--a", &one), ("--b", same)]).unwrap_err().to_string();
            assert!(error.starts_with("--a and --b hold the same secret"), "{error}");
        }
        for path in [one, copy, other] {
            std::fs::remove_file(path).unwrap();
        }
    }
}
