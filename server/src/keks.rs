//! The key-encryption keys of this installation, from their file.
//!
//! Source: `security.md` §7.4.

use anyhow::{Context as _, bail};
use backend::{Backend, Envelope};
use secrecy::ExposeSecret as _;

use crate::args::KekArgs;
use crate::secrets;

/// Reads them.
///
/// # Errors
/// One sentence on a file that holds no good keys.
pub fn read(args: &KekArgs) -> anyhow::Result<Envelope> {
    let file = args.kek_file.display();
    let text = secrets::read_key(&args.kek_file)?;
    Envelope::from_hex_lines(text.expose_secret()).ok().with_context(|| {
        format!("Each line of the KEK file {file} must be at least 32 bytes in hex: openssl rand -hex 32 > {file}")
    })
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
