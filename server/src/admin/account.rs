//! `remotegpu admin create-account`.

use crate::args::DatabaseArgs;

use super::{backend, say};

/// Flags of `create-account`.
#[derive(clap::Args)]
pub struct CreateAccount {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Its name, unique in this installation.
    #[arg(long, env = "REMOTEGPU_NAME")]
    name: String,
}

/// Adds an account.
///
/// # Errors
/// One sentence on the name, or on the database.
pub async fn create(args: CreateAccount) -> anyhow::Result<()> {
    let account = backend(&args.database).await?.create_account(&args.name).await?;
    say(&format!("Account {} ({}) created", account.name.as_str(), account.customer.as_str()))
}
