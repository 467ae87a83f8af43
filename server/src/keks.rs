//! The key-encryption keys of this installation, from their file.
//!
//! Source: `security.md` §7.4.

use anyhow::bail;
use backend::{Backend, Envelope};

use crate::args::KekArgs;
use crate::secrets;

/// Reads them.
///
/// # Errors
/// One sentence on a file that holds no good keys.
pub fn read(args: &KekArgs) -> anyhow::Result<Envelope> {
    secrets::read_keys(&args.kek_file, Envelope::from_hex_lines, "at least 32 bytes in hex on each line")
}

/// Refuses to start without a key that a stored secret still needs.
///
/// # Errors
/// Names the key and how many secrets need it.
pub async fn check(backend: &Backend) -> anyhow::Result<()> {
    match backend.kek_in_use().await?.into_iter().find(|one| !one.known) {
        Some(missing) => bail!(
            "{} stored secrets need the key {}, which is not in the KEK file: add it on a line below the newest",
            missing.secrets,
            missing.id
        ),
        None => Ok(()),
    }
}
