//! `remotegpu admin reset-password`.

use std::path::PathBuf;

use anyhow::Context as _;
use backend::Origin;

use crate::args::DatabaseArgs;
use crate::secrets;

use super::{backend_at, say};

/// Flags of `reset-password`.
#[derive(clap::Args)]
pub struct ResetPassword {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Whose password.
    #[arg(long, env = "REMOTEGPU_EMAIL")]
    email: String,
    /// File with the new password; without it a link is printed with which the person chooses one.
    #[arg(long, env = "REMOTEGPU_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// How people reach the console, for a link that is whole.
    #[arg(long, env = "REMOTEGPU_PUBLIC_URL", value_name = "URL", default_value = "", hide_default_value = true)]
    public_url: String,
}

/// Prints a one-time link, or sets the password and ends the person's sessions.
///
/// # Errors
/// One sentence on the e-mail, the password or the database.
pub async fn reset(args: ResetPassword) -> anyhow::Result<()> {
    let password = args.password_file.as_deref().map(secrets::read_password).transpose()?;
    let backend = backend_at(&args.database, args.public_url.trim_end_matches('/')).await?;
    let link = backend.create_password_reset(&args.email).await?;
    let Some(password) = password else {
        return say(&format!("{}\nWorks once, until {}", link.url, link.expires_at));
    };
    let (_, token) = link.url.rsplit_once('/').context("The link cannot be used")?;
    backend.reset_password(&Origin::system(), token, &password).await?;
    say(&format!("Password of {} set; their sessions have ended", args.email))
}
