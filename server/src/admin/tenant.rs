//! `remotegpu admin number-tenants`.

use crate::args::DatabaseArgs;

use super::{backend, say};

/// Flags of `number-tenants`.
#[derive(clap::Args)]
pub struct NumberTenants {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The next tenant has this number at least. Numbers that were given stay as they are.
    #[arg(long, env = "REMOTEGPU_FROM", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=999_999))]
    from: u64,
}

/// Moves the numbers of tenants on: consoles that share a cluster must not give the same ones.
///
/// # Errors
/// One sentence on the database.
pub async fn number(args: NumberTenants) -> anyhow::Result<()> {
    let next = backend(&args.database).await?.continue_tenants_at(args.from).await?;
    say(&format!("The next tenant is {next}"))
}
