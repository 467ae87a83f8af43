//! `remotegpu admin rotate-kek`.

use std::sync::Arc;

use crate::args::{DatabaseArgs, KekArgs};
use crate::compose::open_store;
use crate::keks;

use super::{backend_sealing, say};

/// Flags of `rotate-kek`.
#[derive(clap::Args)]
pub struct RotateKek {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    kek: KekArgs,
    /// Try everything and write nothing.
    #[arg(long, env = "REMOTEGPU_DRY_RUN")]
    dry_run: bool,
}

/// Puts every stored secret under the first key of the file; then the others may be removed from it.
///
/// # Errors
/// One sentence on a file, the database, or the first secret that cannot be read: those before it are done.
pub async fn rotate(args: RotateKek) -> anyhow::Result<()> {
    let envelope = keks::read(&args.kek)?;
    let current = envelope.current_id().to_owned();
    let backend = backend_sealing(Arc::new(open_store(&args.database).await?), "", envelope)?;
    let changed = backend.rotate_kek(args.dry_run).await.map_err(crate::compose::told)?;
    let would = if args.dry_run { "would be" } else { "are now" };
    say(&format!("{changed} secrets {would} under the key {current}"))
}
