//! `remotegpu admin backup` and `restore`.
//!
//! Source: `security.md` §9 (Backups).

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use secrecy::{ExposeSecret as _, SecretString};

use crate::args::DatabaseArgs;
use crate::compose::open_store;
use crate::{ledger, sealed, secrets};

use super::say;

/// Flags of `backup`.
#[derive(clap::Args)]
pub struct Backup {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The encrypted file to be made.
    #[arg(long, env = "REMOTEGPU_OUTPUT", value_name = "FILE")]
    output: PathBuf,
    /// File with the passphrase, at least 16 characters. Keep it apart from the backups.
    #[arg(long, env = "REMOTEGPU_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: PathBuf,
}

/// Flags of `restore`.
#[derive(clap::Args)]
pub struct Restore {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The backup, for a database that is a file. PostgreSQL: load the dump with pg_restore first, and leave this out.
    #[arg(long, env = "REMOTEGPU_INPUT", value_name = "FILE", requires = "passphrase_file")]
    input: Option<PathBuf>,
    /// File with its passphrase.
    #[arg(long, env = "REMOTEGPU_PASSPHRASE_FILE", value_name = "FILE", requires = "input")]
    passphrase_file: Option<PathBuf>,
    /// Revocation ledger, one for each replica that had its own [default: beside a database that is a file]
    #[arg(long, env = "REMOTEGPU_REVOCATIONS_FILE", value_name = "FILE", value_delimiter = ',')]
    revocations_file: Vec<PathBuf>,
    /// The ledger is lost: keys that were revoked since the backup live again.
    #[arg(long, env = "REMOTEGPU_WITHOUT_REVOCATIONS", conflicts_with = "revocations_file")]
    without_revocations: bool,
}

/// A file that goes unless it was kept.
struct Temporary(PathBuf);

/// Copies the database while it is in use, encrypted.
///
/// # Errors
/// One sentence on the passphrase, a file or the database.
pub async fn backup(args: Backup) -> anyhow::Result<()> {
    let passphrase = secrets::read_password(&args.passphrase_file)?;
    let url = &args.database.database;
    let Some(file) = store::file_of(url.expose_secret()) else {
        bail!("A PostgreSQL database is saved with pg_dump: see docs/OPERATIONS.md");
    };
    ensure!(file.exists(), "There is no database {}", file.display());
    // Beside the database, where its secrets lie already; never beside the backup.
    let copy = Temporary(with_ending(&file, "copy"));
    private(&copy.0)?;
    let store = open_store(&args.database).await?;
    store.copy_to(&copy.0).await.map_err(crate::compose::told).context("The database cannot be copied")?;
    store.close().await;
    let output = Temporary(with_ending(&args.output, "part"));
    let written = private(&output.0)?;
    sealed::seal(BufReader::new(File::open(&copy.0)?), BufWriter::new(&written), &passphrase)?;
    written.sync_all()?;
    ensure!(!args.output.exists(), "{} exists already", args.output.display());
    output.keep_as(&args.output)?;
    say(&format!(
        "Saved in {}. The pepper and the passphrase are not in it: keep them elsewhere",
        args.output.display()
    ))
}

/// Puts a backup in the place of a database that is gone, and ends what must not come back with it.
///
/// # Errors
/// One sentence on the passphrase, the backup, the ledger, or a database that is still there.
pub async fn restore(args: Restore) -> anyhow::Result<()> {
    let url = &args.database.database;
    let revoked = ledger::read(&ledgers(&args)?)?;
    let Some(file) = store::file_of(url.expose_secret()) else {
        ensure!(args.input.is_none(), "Load a PostgreSQL dump with pg_restore first, then come again without --input");
        return finish(&args.database, &revoked).await;
    };
    let (Some(input), Some(passphrase)) = (&args.input, &args.passphrase_file) else {
        bail!("--input and --passphrase-file name the backup and its passphrase");
    };
    for taken in [file.clone(), with_ending(&file, "wal"), with_ending(&file, "shm")] {
        ensure!(!taken.exists(), "{} exists: stop the console and move it away first", taken.display());
    }
    let passphrase = secrets::read(passphrase)?;
    let restored = Temporary(with_ending(&file, "restored"));
    let written = private(&restored.0)?;
    let from = File::open(input).with_context(|| format!("Cannot read {}", input.display()))?;
    sealed::open(BufReader::new(from), BufWriter::new(&written), &passphrase)?;
    written.sync_all()?;
    // Only a database that is safe gets the name under which a console would find it.
    let there = SecretString::from(format!("sqlite://{}", restored.0.display()));
    finish(&DatabaseArgs { database: there, ..args.database }, &revoked).await?;
    restored.keep_as(&file)
}

async fn finish(database: &DatabaseArgs, revoked: &[domain::revocation::Revocation]) -> anyhow::Result<()> {
    let store = open_store(database).await?;
    let ended = super::backend_over(store.clone(), "")?.end_after_restore(revoked).await?;
    store.close().await;
    say(&format!(
        "Ended {} sessions, {} invitations and reset links, and {} keys that were revoked or rotated since",
        ended.sessions, ended.links, ended.keys
    ))
}

fn ledgers(args: &Restore) -> anyhow::Result<Vec<PathBuf>> {
    if args.without_revocations || !args.revocations_file.is_empty() {
        return Ok(args.revocations_file.clone());
    }
    let beside = ledger::beside(args.database.database.expose_secret());
    Ok(vec![beside.context("--revocations-file names the ledger; --without-revocations goes on without one")?])
}

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!("-{ending}"));
    name.into()
}

fn private(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.with_context(|| format!("Cannot make {}", path.display()))
}

// === impl Temporary ===

impl Temporary {
    fn keep_as(self, name: &Path) -> anyhow::Result<()> {
        fs::rename(&self.0, name).with_context(|| format!("Cannot make {}", name.display()))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _kept_under_another_name = fs::remove_file(&self.0);
    }
}
