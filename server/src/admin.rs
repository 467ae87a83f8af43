//! The operator's command line: accounts and users, straight in the database.

use std::io::Write as _;
use std::sync::Arc;

use backend::ports::Random as _;
use backend::{Backend, NewUser, Parts, Pepper};
use domain::kubeconfig::Endpoints;
use secrecy::SecretString;

use crate::args::AdminCommand;
use crate::compose::open_store;
use crate::no_cluster::NoCluster;
use crate::secrets;
use crate::system::{SystemClock, SystemRandom};

/// Does one admin command and says what it made.
///
/// # Errors
/// One sentence: what is wrong with the input, or why the database could not be used.
pub async fn run(command: AdminCommand) -> anyhow::Result<()> {
    match command {
        AdminCommand::CreateAccount { database, name } => {
            let account = backend(&database).await?.create_account(&name).await?;
            say(&format!("Account {} ({}) created", account.name.as_str(), account.customer.as_str()))
        }
        AdminCommand::CreateUser { database, email, account, role, password_file, operator } => {
            let password = secrets::read(&password_file)?;
            let new = NewUser { email, account: account.clone(), role: role.clone(), password, operator };
            let user = backend(&database).await?.create_user(new).await?;
            say(&format!("User {} created as {role} of {account}", user.email.as_str()))
        }
    }
}

/// The use cases over the database alone.
async fn backend(database: &SecretString) -> anyhow::Result<Backend> {
    let parts = Parts {
        store: Arc::new(open_store(database).await?),
        cluster: Arc::new(NoCluster),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        pepper: throwaway_pepper()?,
        endpoints: Endpoints {
            cluster_server: String::new(),
            cluster_ca_pem: String::new(),
            console_url: String::new(),
        },
    };
    Ok(Backend::new(parts))
}

/// Accounts and users have no API key digests, so the real pepper stays where it is.
fn throwaway_pepper() -> anyhow::Result<Pepper> {
    let mut bytes = [0u8; 32];
    SystemRandom.fill(&mut bytes);
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    Ok(Pepper::from_hex(&hex)?)
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
