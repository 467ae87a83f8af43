//! The peppers of this installation, from their files: the current one and those that are being left behind.
//!
//! Source: `security.md` §3 (Pepper rotation).

use anyhow::bail;
use backend::{Backend, Pepper};

use crate::args::PepperArgs;
use crate::secrets;

const RULE: &str = "at least 32 bytes in hex";

/// Reads them.
///
/// # Errors
/// One sentence on the first file that is no good pepper.
pub fn read(args: &PepperArgs) -> anyhow::Result<Pepper> {
    let current = secrets::read_keys(&args.pepper_file, Pepper::from_hex, RULE)?;
    let mut older = args.previous_pepper_file.iter();
    older.try_fold(current, |ring, file| secrets::read_keys(file, |text| ring.with_previous(text), RULE))
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
