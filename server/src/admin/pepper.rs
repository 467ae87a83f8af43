//! `remotegpu admin pepper-status`.

use crate::args::{DatabaseArgs, PepperArgs};
use crate::peppers;

use super::{backend, say};

/// Flags of `pepper-status`.
#[derive(clap::Args)]
pub struct PepperStatus {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    peppers: PepperArgs,
}

/// Says how many secrets of keys need which pepper: one that is still needed must not be dropped.
///
/// # Errors
/// One sentence on a file or the database.
pub async fn status(args: PepperStatus) -> anyhow::Result<()> {
    let ring = peppers::read(&args.peppers)?;
    let in_use = backend(&args.database).await?.pepper_in_use().await?;
    let needed = |id: &str| in_use.iter().find(|(other, _)| other == id).map_or(0, |(_, count)| *count);
    say(&format!("{}  current   {} secrets", ring.id(), needed(ring.id())))?;
    for (id, count) in in_use.iter().filter(|(id, _)| id != ring.id()) {
        let place = if ring.knows(id) { "previous" } else { "MISSING " };
        say(&format!("{id}  {place}  {count} secrets"))?;
    }
    Ok(())
}
