//! Which command does what; the short ones are here.

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use domain::namespace::NamespaceView;
use domain::session::SessionView;
use serde_json::json;

use crate::api::{Console, Refused};
use crate::args::{Args, Command, Format, FormatArgs};
use crate::server::Server;
use crate::state::State;
use crate::{exec_credential, kubeconfig, login, output};

const NAMESPACES: &str = "/v1/kubernetes/namespaces";

/// Does what the command line says.
///
/// # Errors
/// One sentence: what is wrong, then what to do.
pub async fn run(args: Args) -> Result<()> {
    let (ca_file, said) = (args.ca_file.as_deref(), args.server.as_deref());
    match &args.command {
        Command::Login(login) => {
            let state = State::of_user()?;
            login::run(login, &server(said, &state)?, &state, ca_file).await
        }
        Command::Logout(format) => logout(*format, said, ca_file).await,
        Command::Whoami(format) => whoami(*format, &signed_in(said, ca_file)?).await,
        Command::Namespaces(format) => namespaces(*format, &signed_in(said, ca_file)?).await,
        Command::Kubeconfig(wanted) => {
            let console = signed_in(said, ca_file)?;
            kubeconfig::run(wanted, &console).await.map_err(explained)
        }
        Command::ExecCredential(wanted) => exec_credential::run(wanted, ca_file).await,
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Args::command(), "kubectl-remotegpu", &mut script);
            output::text(&String::from_utf8(script)?)
        }
    }
}

/// Every namespace of the account.
///
/// # Errors
/// As the console says.
pub async fn all_namespaces(console: &Console) -> Result<Vec<NamespaceView>> {
    console.list(NAMESPACES).await
}

async fn logout(format: FormatArgs, said: Option<&str>, ca_file: Option<&Path>) -> Result<()> {
    let state = State::of_user()?;
    let server = server(said, &state)?;
    let Some(session) = state.session(&server)? else {
        return done(format, "signed_out", &format!("Nobody is signed in to {}", server.as_str()));
    };
    let console = Console::anonymous(&server, ca_file)?.with_token(&session.token);
    let ended = console.delete(&format!("/v1/cli-sessions/{}", session.id)).await;
    // 401: it had ended before. Anything else leaves it alive, so it must not be forgotten here.
    match ended {
        Err(error) if status(&error) != Some(401) => {
            return Err(error.context("The session was not ended: try again, or end it in the console"));
        }
        _ => state.forget(&server)?,
    }
    done(format, "signed_out", &format!("Signed out of {}", server.as_str()))
}

fn done(format: FormatArgs, fact: &str, sentence: &str) -> Result<()> {
    match format.output {
        Format::Json => output::json(&json!({fact: true})),
        Format::Table => output::text(&format!("{sentence}\n")),
    }
}

async fn whoami(format: FormatArgs, console: &Console) -> Result<()> {
    let session: SessionView = console.get("/v1/auth/session").await.map_err(explained)?;
    if format.output == Format::Json {
        return output::json(
            &json!({"server": console.server().as_str(), "user": session.user, "account": session.account}),
        );
    }
    let operator = if session.user.operator { ", operator" } else { "" };
    output::text(&format!(
        "Console   {}\nUser      {}\nAccount   {} ({})\nRole      {}{operator}\n",
        console.server().as_str(),
        session.user.email,
        session.account.name,
        session.account.customer,
        session.user.role,
    ))
}

async fn namespaces(format: FormatArgs, console: &Console) -> Result<()> {
    let all = all_namespaces(console).await.map_err(explained)?;
    if format.output == Format::Json {
        return output::json(&json!({ "items": all }));
    }
    let status = |n: &NamespaceView| serde_json::to_value(n.status).ok().and_then(|s| s.as_str().map(str::to_owned));
    let row = |n: &NamespaceView| {
        vec![n.name.clone(), n.kubernetes_name.clone(), status(n).unwrap_or_default(), n.id.clone()]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    if rows.is_empty() {
        return output::text("No namespace yet: create one in the console\n");
    }
    output::text(&output::table(&["NAME", "KUBERNETES NAME", "STATUS", "ID"], &rows))
}

/// The console that is meant: named, else that of the last login.
fn server(said: Option<&str>, state: &State) -> Result<Server> {
    match said {
        Some(text) => Server::parse(text),
        None => state.current().context("Which console? Pass --server https://console.example.com"),
    }
}

fn signed_in(said: Option<&str>, ca_file: Option<&Path>) -> Result<Console> {
    let state = State::of_user()?;
    let server = server(said, &state)?;
    let session = state.session(&server)?;
    let session =
        session.with_context(|| format!("Nobody is signed in to {}: run kubectl-remotegpu login", server.as_str()))?;
    Ok(Console::anonymous(&server, ca_file)?.with_token(&session.token))
}

/// A session that is refused needs a login, not a status code.
fn explained(error: anyhow::Error) -> anyhow::Error {
    match status(&error) {
        Some(401) => anyhow::anyhow!("The sign-in has ended: run kubectl-remotegpu login"),
        _ => error,
    }
}

fn status(error: &anyhow::Error) -> Option<u16> {
    error.downcast_ref::<Refused>().map(|refused| refused.status)
}
