//! `remotegpu admin create-operator`.

use std::path::PathBuf;

use backend::NewUser;

use crate::args::DatabaseArgs;
use crate::secrets;

use super::{backend, say};

/// Flags of `create-operator`.
#[derive(clap::Args)]
pub struct CreateOperator {
    #[command(flatten)]
    database: DatabaseArgs,
    /// How they sign in.
    #[arg(long, env = "REMOTEGPU_EMAIL")]
    email: String,
    /// File with their first password, 12 to 1024 characters.
    #[arg(long, env = "REMOTEGPU_PASSWORD_FILE", value_name = "FILE")]
    password_file: PathBuf,
}

/// Adds a platform operator: the owner of the account `default` if nobody is there yet, else a viewer in it.
///
/// # Errors
/// One sentence on the e-mail, the password file or the database.
pub async fn create(args: CreateOperator) -> anyhow::Result<()> {
    let CreateOperator { database, email, password_file } = args;
    let password = secrets::read_password(&password_file)?;
    let backend = backend(&database).await?;
    if !backend.bootstrap(&email, &password).await? {
        let (account, role) = ("default".to_owned(), "viewer".to_owned());
        backend.create_user(NewUser { email: email.clone(), account, role, password, operator: true }).await?;
    }
    say(&format!("Operator {email} created"))
}
