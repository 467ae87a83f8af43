//! The peppers of this installation, from their files: the current one and those that are being left behind.
//!
//! Source: `security.md` §3 (Pepper rotation).

use anyhow::{Context as _, bail};
use backend::{Backend, Pepper};
use secrecy::ExposeSecret as _;

use crate::args::PepperArgs;
use crate::secrets;

/// Reads them.
///
/// # Errors
/// One sentence on the first file that is no good pepper.
pub fn read(args: &PepperArgs) -> anyhow::Result<Pepper> {
    let unusable = |file: &std::path::Path| {
        format!("The pepper in {0} must be at least 32 bytes in hex: openssl rand -hex 32 > {0}", file.display())
    };
    let current = secrets::read_key(&args.pepper_file)?;
    let current = Pepper::from_hex(current.expose_secret()).ok().with_context(|| unusable(&args.pepper_file))?;
    args.previous_pepper_file.iter().try_fold(current, |ring, file| {
        let text = secrets::read_key(file)?;
        ring.with_previous(text.expose_secret()).ok().with_context(|| unusable(file))
    })
}

/// Refuses to start without a pepper that keys still need: they would all be refused.
///
/// # Errors
/// Names the pepper and how many secrets need it.
pub async fn check(backend: &Backend) -> anyhow::Result<()> {
    match backend.missing_peppers().await?.first() {
        Some((id, count)) => bail!(
            "{count} secrets of API keys need the pepper {id}, which is not given: name its file with --previous-pepper-file"
        ),
        None => Ok(()),
    }
}
