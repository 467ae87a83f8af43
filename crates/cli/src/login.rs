//! `login`: the browser proves who it is, PKCE proves that the code comes back to this very program.
//!
//! Source: RULINGS 6 and 52, RFC 8252, RFC 7636.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::api_key::CreatedApiKey;
use domain::cli_session::CreatedCliSession;
use rand::TryRng as _;
use rand::rngs::SysRng;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::api::Console;
use crate::args::{Format, LoginArgs};
use crate::loopback::{Loopback, Outcome};
use crate::server::Server;
use crate::state::{Session, State};
use crate::{browser, output};

// Time to find the password, not to forget the terminal.
const PATIENCE: Duration = Duration::from_secs(600);
const LONGEST_NAME: usize = 100;

/// One sign-in's own secrets.
struct Proof {
    verifier: SecretString,
    challenge: String,
    state: String,
}

/// Signs in, keeps the session, and makes an API key if asked to.
///
/// # Errors
/// When it is refused, takes too long, or cannot be kept.
pub async fn run(args: &LoginArgs, server: &Server, state: &State, ca_file: Option<&Path>) -> Result<()> {
    let console = Console::anonymous(server, ca_file)?;
    let before = state.session(server).unwrap_or_default();
    let created = sign_in(args, &console).await?;
    let session =
        Session { id: created.id.clone(), token: created.token.clone(), expires_at: created.expires_at.clone() };
    state.keep(server, &session)?;
    let console = console.with_token(&created.token);
    if let Some(before) = before {
        // The machine's former session would live on unused; if it has ended already, so much the better.
        let _ended_or_not = console.delete(&format!("/v1/cli-sessions/{}", before.id)).await;
    }
    let key = match &args.create_key {
        Some(name) => Some(create_key(&console, state, name).await?),
        None => None,
    };
    told(args, server, &created, key.as_deref())
}

async fn sign_in(args: &LoginArgs, console: &Console) -> Result<CreatedCliSession> {
    let proof = Proof::fresh()?;
    let loopback = Loopback::open().await?;
    let name = machine_name(args.name.as_deref());
    let url = address(console.server(), &proof, loopback.port(), &name)?;
    eprintln!("Open this page to sign in:\n\n  {url}\n");
    if !args.no_browser && browser::open(&url) {
        eprintln!("Waiting for the browser …");
    }
    let waited = tokio::time::timeout(PATIENCE, loopback.wait(&proof.state)).await;
    let callback = waited.ok().context("Nobody signed in within ten minutes: run kubectl-remotegpu login again")??;
    let Outcome::Code(code) = &callback.outcome else {
        callback.answer("Sign-in cancelled. You can close this page.").await;
        bail!("Sign-in was cancelled in the browser");
    };
    let body = json!({"code": code, "code_verifier": proof.verifier.expose_secret()});
    let created: Result<CreatedCliSession> = console.post("/v1/cli/token", &body).await;
    let sentence = match &created {
        Ok(_) => "Signed in. You can close this page and return to the terminal.",
        Err(_) => "Sign-in did not work: the terminal says why.",
    };
    callback.answer(sentence).await;
    created
}

/// The page that asks the person in the browser.
fn address(server: &Server, proof: &Proof, port: u16, name: &str) -> Result<Url> {
    let mut url = server.join("/cli/authorize")?;
    url.query_pairs_mut()
        .append_pair("code_challenge", &proof.challenge)
        .append_pair("redirect_port", &port.to_string())
        .append_pair("state", &proof.state)
        .append_pair("name", name);
    Ok(url)
}

async fn create_key(console: &Console, state: &State, name: &str) -> Result<String> {
    let body = json!({"name": name, "scopes": {"kubernetes_exec": {"all_namespaces": true}}});
    let key: CreatedApiKey = console.post("/v1/api-keys", &body).await.context("Signed in, but no key was made")?;
    Ok(state.keep_key(console.server(), &key.key)?.display().to_string())
}

fn told(args: &LoginArgs, server: &Server, created: &CreatedCliSession, key_file: Option<&str>) -> Result<()> {
    let (email, account) = (&created.user.email, &created.account.name);
    if args.format.output == Format::Json {
        let facts = json!({"server": server.as_str(), "session_id": created.id, "expires_at": created.expires_at,
            "user": created.user, "account": created.account, "key_file": key_file.map_or(Value::Null, Value::from)});
        return output::json(&facts);
    }
    let key = key_file.map(|file| format!("The API key is in {file}\n")).unwrap_or_default();
    output::text(&format!("Signed in to {} as {email}, account {account}\n{key}", server.as_str()))
}

/// What the machine is called: as said, else its host name, else something.
fn machine_name(said: Option<&str>) -> String {
    let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = said.map(str::to_owned).or_else(host).or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let name: String = name.trim().chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    if name.is_empty() { "kubectl-remotegpu".to_owned() } else { name }
}

// === impl Proof ===

impl Proof {
    fn fresh() -> Result<Self> {
        let verifier = random_text()?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        Ok(Self { verifier: SecretString::from(verifier), challenge, state: random_text()? })
    }
}

/// 256 random bits in 43 letters that URLs take.
fn random_text() -> Result<String> {
    let mut bytes = [0_u8; 32];
    SysRng.try_fill_bytes(&mut bytes).context("The operating system gives no randomness")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use domain::cli_session::{LoginQuery, LoginRequest, is_verifier};

    use super::*;

    #[test]
    fn the_console_accepts_the_address_we_make() {
        let (proof, server) = (Proof::fresh().unwrap(), Server::parse("https://console.example.com").unwrap());
        let url = address(&server, &proof, 50123, "ada & bob's laptop").unwrap();
        let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        let query = LoginQuery {
            code_challenge: value("code_challenge"),
            redirect_port: value("redirect_port"),
            state: value("state"),
            name: value("name"),
        };
        assert_eq!(LoginRequest::check(&query).unwrap().name(), "ada & bob's laptop");
        assert!(is_verifier(proof.verifier.expose_secret()));
        assert!(!url.as_str().contains(proof.verifier.expose_secret()));
    }

    #[test]
    fn a_machine_always_has_a_name_on_one_line() {
        assert_eq!(machine_name(Some(" laptop\n")), "laptop");
        assert_eq!(machine_name(Some(" ")), "kubectl-remotegpu");
        assert_eq!(machine_name(Some(&"x".repeat(300))).len(), 100);
        assert!(!machine_name(None).is_empty());
    }
}
