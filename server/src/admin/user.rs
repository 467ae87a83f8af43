//! `remotegpu admin create-user`.

use std::path::PathBuf;

use backend::NewUser;

use crate::args::DatabaseArgs;
use crate::secrets;

use super::{backend, say};

/// Flags of `create-user`.
#[derive(clap::Args)]
pub struct CreateUser {
    #[command(flatten)]
    database: DatabaseArgs,
    /// How they sign in.
    #[arg(long, env = "REMOTEGPU_EMAIL")]
    email: String,
    /// Name of the account.
    #[arg(long, env = "REMOTEGPU_ACCOUNT", value_name = "NAME")]
    account: String,
    /// owner, admin, member, viewer or billing.
    #[arg(long, env = "REMOTEGPU_ROLE")]
    role: String,
    /// File with their first password, 12 to 1024 characters.
    #[arg(long, env = "REMOTEGPU_PASSWORD_FILE", value_name = "FILE")]
    password_file: PathBuf,
    /// Also a platform operator.
    #[arg(long, env = "REMOTEGPU_OPERATOR")]
    operator: bool,
}

/// Adds a user to an account.
///
/// # Errors
/// One sentence on a field, the password file or the database.
pub async fn create(args: CreateUser) -> anyhow::Result<()> {
    let CreateUser { database, email, account, role, password_file, operator } = args;
    let password = secrets::read_password(&password_file)?;
    let new = NewUser { email, account: account.clone(), role: role.clone(), password, operator };
    let user = backend(&database).await?.create_user(new).await?;
    say(&format!("User {} created as {role} of {account}", user.email.as_str()))
}
