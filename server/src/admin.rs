//! The operator's command line: straight in the database, also while the cluster is down or does not exist yet.
//! One file per noun, each with its flags and its `run`.

pub mod account;
pub mod audit;
pub mod backup;
pub mod kek;
pub mod operator;
pub mod password;
pub mod pepper;
pub mod tenant;
pub mod user;

use std::io::Write as _;
use std::sync::Arc;

use backend::ports::Random as _;
use backend::{Backend, Envelope, Parts, Pepper};
use clap::Subcommand;
use domain::kubeconfig::Endpoints;
use store::SqlStore;

use crate::args::DatabaseArgs;
use crate::compose::open_store;
use crate::no_cluster::NoCluster;
use crate::system::{SystemClock, SystemRandom};

/// Subcommands of `remotegpu admin`.
#[derive(Subcommand)]
pub enum AdminCommand {
    /// Add an account.
    CreateAccount(account::CreateAccount),
    /// Add a platform operator.
    CreateOperator(operator::CreateOperator),
    /// Print a link with which somebody chooses a new password, or set it.
    ResetPassword(password::ResetPassword),
    /// Say how many keys still need which pepper.
    PepperStatus(pepper::PepperStatus),
    /// Put every stored secret under the newest key-encryption key.
    RotateKek(kek::RotateKek),
    /// Save the database, encrypted, while the console runs.
    Backup(backup::Backup),
    /// Put a saved database in place, and end what must not come back with it.
    Restore(backup::Restore),
    /// Add a user to an account.
    CreateUser(user::CreateUser),
    /// Go on numbering the tenants of the tenant API (skg…) at a higher number.
    NumberTenants(tenant::NumberTenants),
    /// Check that no row of the audit log was edited, removed, moved or cut off.
    VerifyAudit(audit::VerifyAudit),
    /// Remove old rows of the audit log, whole segments at a time; the rest still verifies.
    PruneAudit(audit::PruneAudit),
}

/// Does one admin command and says what it made.
///
/// # Errors
/// One sentence: what is wrong with the input, or why the database could not be used.
pub async fn run(command: AdminCommand) -> anyhow::Result<()> {
    match command {
        AdminCommand::CreateAccount(args) => account::create(args).await,
        AdminCommand::CreateOperator(args) => operator::create(args).await,
        AdminCommand::ResetPassword(args) => password::reset(args).await,
        AdminCommand::PepperStatus(args) => pepper::status(args).await,
        AdminCommand::RotateKek(args) => kek::rotate(args).await,
        AdminCommand::Backup(args) => backup::backup(args).await,
        AdminCommand::Restore(args) => backup::restore(args).await,
        AdminCommand::CreateUser(args) => user::create(args).await,
        AdminCommand::NumberTenants(args) => tenant::number(args).await,
        AdminCommand::VerifyAudit(args) => audit::verify(args).await,
        AdminCommand::PruneAudit(args) => audit::prune(args).await,
    }
}

/// The use cases over the database alone.
async fn backend(database: &DatabaseArgs) -> anyhow::Result<Backend> {
    backend_at(database, "").await
}

/// The same, knowing how people reach the console.
async fn backend_at(database: &DatabaseArgs, console_url: &str) -> anyhow::Result<Backend> {
    backend_over(open_store(database).await?, console_url)
}

fn backend_over(store: SqlStore, console_url: &str) -> anyhow::Result<Backend> {
    // Nothing of what these commands do is sealed, so the real key stays where it is.
    let envelope = Envelope::from_hex_lines(&throwaway_hex()).map_err(crate::compose::told)?;
    backend_sealing(Arc::new(store), console_url, envelope)
}

/// The same with the key-encryption keys.
fn backend_sealing(store: Arc<SqlStore>, console_url: &str, envelope: Envelope) -> anyhow::Result<Backend> {
    let parts = Parts {
        store,
        cluster: Arc::new(NoCluster),
        leadership: Arc::new(NoCluster),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        pepper: throwaway_pepper()?,
        envelope,
        probe: Arc::new(NoCluster),
        endpoints: Endpoints {
            cluster_server: String::new(),
            cluster_ca_pem: String::new(),
            console_url: console_url.to_owned(),
        },
        jwt: None,
    };
    Ok(Backend::new(parts))
}

/// Accounts and users have no API key digests, so the real pepper stays where it is.
fn throwaway_pepper() -> anyhow::Result<Pepper> {
    Ok(Pepper::from_hex(&throwaway_hex())?)
}

fn throwaway_hex() -> String {
    let mut bytes = [0u8; 32];
    SystemRandom.fill(&mut bytes);
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
