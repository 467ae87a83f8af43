//! `exec-credential`: what kubectl calls for each command. Prints an ExecCredential, or one sentence and exit code 1.
//!
//! Source: `security.md` §1.1, §1.2 and §1.6.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::args::ExecCredentialArgs;
use crate::cache::{Cache, Credential};
use crate::server::{self, Server};
use crate::{api, key, output, state};

const API_VERSION: &str = "client.authentication.k8s.io/v1";

/// Prints a credential.
///
/// # Errors
/// What the console refused, or why it could not be asked.
pub async fn run(args: &ExecCredentialArgs, ca_file: Option<&Path>) -> Result<()> {
    let url = Url::parse(&args.url).ok().context("--url is no address: download the kubeconfig again")?;
    server::check(&url)?;
    asked_version(std::env::var("KUBERNETES_EXEC_INFO").ok().as_deref())?;
    let key = key::find(&Server::of(&url)?, args.key_file.as_deref())?;
    let limit = Duration::from_secs(args.max_time);
    let fetch = async || fetch(&url, &key, ca_file, limit).await;
    let cache = if args.no_cache { None } else { state::cache_dir().ok().and_then(|dir| Cache::open(&dir).ok()) };
    let credential = match cache {
        Some(cache) => {
            let entry = cache.entry(url.as_str(), key.expose_secret());
            entry.credential(std::os::unix::process::parent_id(), Timestamp::now, fetch).await?
        }
        None => fetch().await?,
    };
    output::text(&document(&credential))
}

/// kubectl drops an answer of another version with a riddle; say it plainly. Without the variable a person asks.
fn asked_version(info: Option<&str>) -> Result<()> {
    let Some(info) = info else { return Ok(()) };
    let asked: Value = serde_json::from_str(info).unwrap_or_default();
    let asked = asked["apiVersion"].as_str().unwrap_or(API_VERSION);
    ensure!(asked == API_VERSION, "This kubeconfig asks for {asked}: download it again");
    Ok(())
}

async fn fetch(url: &Url, key: &SecretString, ca_file: Option<&Path>, limit: Duration) -> Result<Credential> {
    let http = api::client(url, ca_file, limit)?;
    let request = http.post(url.clone()).header("x-api-key", key.expose_secret());
    let answer = api::read(request.send().await.map_err(api::unreachable)?).await?;
    parse(&answer)
}

fn parse(answer: &str) -> Result<Credential> {
    let document: Value = serde_json::from_str(answer).unwrap_or_default();
    let status = &document["status"];
    let is_ours = document["apiVersion"] == API_VERSION && document["kind"] == "ExecCredential";
    match (status["token"].as_str(), status["expirationTimestamp"].as_str().map(str::parse)) {
        (Some(token), Some(Ok(expires_at))) if is_ours && !token.is_empty() => {
            Ok(Credential { token: SecretString::from(token), expires_at })
        }
        _ => bail!("The answer is no credential: is the address in the kubeconfig right?"),
    }
}

fn document(credential: &Credential) -> String {
    let status =
        json!({"token": credential.token.expose_secret(), "expirationTimestamp": credential.expires_at.to_string()});
    let document = json!({"apiVersion": API_VERSION, "kind": "ExecCredential", "status": status});
    format!("{document}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t","expirationTimestamp":"2026-11-21T10:14:00Z"}}"#;

    #[test]
    fn an_answer_is_passed_on_as_kubectl_reads_it() {
        let again: Value = serde_json::from_str(&document(&parse(ANSWER).unwrap())).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(ANSWER).unwrap());
    }

    #[test]
    fn anything_else_is_no_credential() {
        for bad in [
            "",
            "<html>",
            "{}",
            &ANSWER.replace("ExecCredential", "Status"),
            &ANSWER.replace("io/v1", "io/v1beta1"),
            &ANSWER.replace("\"t\"", "\"\""),
            &ANSWER.replace("2026-11-21T10:14:00Z", "soon"),
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn another_version_of_the_contract_is_named() {
        assert!(asked_version(None).is_ok());
        assert!(asked_version(Some(r#"{"apiVersion":"client.authentication.k8s.io/v1"}"#)).is_ok());
        let old = asked_version(Some(r#"{"apiVersion":"client.authentication.k8s.io/v1beta1"}"#));
        assert!(old.unwrap_err().to_string().contains("v1beta1"));
    }
}
