//! The settings of the providers: a JSON file. Whatever would be unsafe is refused at start.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use axum::http::Uri;
use domain::account::AccountName;
use domain::user::Role;
use openidconnect::core::CoreJwsSigningAlgorithm;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::public_url::{PublicUrl, is_loopback};
use crate::secrets;

// Asymmetric only: with HMAC the client's secret would sign, and `none` signs nothing.
const ALGORITHMS: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// The settings of one provider, checked.
pub struct Settings {
    pub id: String,
    pub title: String,
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<SecretString>,
    pub ca_pem: Option<String>,
    pub scopes: Vec<String>,
    pub algorithms: Vec<CoreJwsSigningAlgorithm>,
    pub members: Option<Members>,
    /// Whether it may speak http, on loopback.
    pub development: bool,
}

/// Whose members the people of a provider are.
pub struct Members {
    pub account: AccountName,
    pub create_as: Option<Role>,
    pub role_claim: Option<String>,
    pub roles: BTreeMap<String, Role>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    providers: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    title: String,
    issuer: String,
    client_id: String,
    client_secret_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    algorithms: Vec<String>,
    account: Option<String>,
    auto_create: Option<String>,
    role_claim: Option<String>,
    #[serde(default)]
    roles: BTreeMap<String, String>,
}

/// Reads and checks the file.
///
/// # Errors
/// One sentence on the first thing that is wrong, with the provider's id.
pub fn read(file: &Path, url: &PublicUrl) -> anyhow::Result<Vec<Settings>> {
    let text = secrets::read(file)?;
    let file: File =
        serde_json::from_str(text.expose_secret()).context("It is not the JSON of docs/IDENTITY-PROVIDERS.md")?;
    let mut seen = BTreeSet::new();
    let mut all = Vec::with_capacity(file.providers.len());
    for entry in file.providers {
        let id = entry.id.clone();
        ensure!(seen.insert(id.clone()), "The provider {id} is there twice");
        all.push(check(entry, !url.is_https()).with_context(|| format!("Provider {id}"))?);
    }
    Ok(all)
}

fn check(entry: Entry, development: bool) -> anyhow::Result<Settings> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!((1..=32).contains(&entry.id.len()) && entry.id.chars().all(legal), "its id must be like corp-sso");
    ensure!(!entry.title.trim().is_empty() && !entry.client_id.is_empty(), "title and client_id must not be empty");
    check_issuer(&entry.issuer, development)?;
    let client_secret = entry.client_secret_file.as_deref().map(secrets::read).transpose()?;
    let read =
        |path: &PathBuf| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let ca_pem = entry.ca_file.as_ref().map(read).transpose()?;
    let scopes = if entry.scopes.is_empty() { vec!["email".to_owned()] } else { entry.scopes.clone() };
    let algorithms = algorithms(&entry.algorithms)?;
    let members = members(&entry)?;
    let Entry { id, title, issuer, client_id, .. } = entry;
    Ok(Settings { id, title, issuer, client_id, client_secret, ca_pem, scopes, algorithms, members, development })
}

fn check_issuer(issuer: &str, development: bool) -> anyhow::Result<()> {
    let uri: Uri = issuer.parse().context("its issuer is not a URL")?;
    let host = uri.host().unwrap_or_default();
    ensure!(
        !host.is_empty() && uri.query().is_none() && !issuer.contains(['#', '@']),
        "its issuer must be a plain URL"
    );
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if development && is_loopback(host) => Ok(()),
        _ => bail!("its issuer must be https (http is for a loopback issuer of a loopback console only)"),
    }
}

fn algorithms(names: &[String]) -> anyhow::Result<Vec<CoreJwsSigningAlgorithm>> {
    let names = if names.is_empty() { vec!["RS256".to_owned()] } else { names.to_vec() };
    let read = |name: String| {
        let known = ALGORITHMS.contains(&name.as_str());
        ensure!(known, "its algorithm {name} is not one of {}", ALGORITHMS.join(", "));
        serde_json::from_value(Value::String(name)).context("an algorithm cannot be read")
    };
    names.into_iter().map(read).collect()
}

fn members(entry: &Entry) -> anyhow::Result<Option<Members>> {
    let Some(account) = &entry.account else {
        let alone = entry.auto_create.is_none() && entry.role_claim.is_none() && entry.roles.is_empty();
        ensure!(alone, "auto_create and roles need an account");
        return Ok(None);
    };
    ensure!(entry.role_claim.is_some() || entry.roles.is_empty(), "roles need a role_claim");
    let roles = entry.roles.iter().map(|(value, name)| Ok((value.clone(), role(name)?)));
    Ok(Some(Members {
        account: AccountName::new(account)?,
        create_as: entry.auto_create.as_deref().map(role).transpose()?,
        role_claim: entry.role_claim.clone(),
        roles: roles.collect::<anyhow::Result<_>>()?,
    }))
}

/// Ownership is handed over by an owner, never by a claim.
fn role(name: &str) -> anyhow::Result<Role> {
    match Role::parse(name)? {
        Role::Owner => bail!("a provider cannot make owners"),
        role => Ok(role),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn checked(change: Value, development: bool) -> anyhow::Result<Settings> {
        let mut entry =
            json!({"id": "corp", "title": "Corp", "issuer": "https://id.example.com", "client_id": "remotegpu"});
        entry.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        check(serde_json::from_value(entry)?, development)
    }

    #[test]
    fn a_plain_provider_has_safe_defaults() {
        let settings = checked(json!({}), false).unwrap();
        assert_eq!(settings.algorithms, [CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256]);
        assert!(settings.members.is_none() && settings.scopes == ["email"]);
    }

    #[test]
    fn what_would_be_unsafe_is_refused() {
        for wrong in [
            json!({"issuer": "http://id.example.com"}),
            json!({"issuer": "http://127.0.0.1:9"}),
            json!({"issuer": "https://me@id.example.com"}),
            json!({"issuer": "https://id.example.com/?x"}),
            json!({"algorithms": ["HS256"]}),
            json!({"algorithms": ["none"]}),
            json!({"id": "Corp/SSO"}),
            json!({"auto_create": "member"}),
            json!({"account": "default", "auto_create": "owner"}),
            json!({"account": "default", "role_claim": "groups", "roles": {"all": "owner"}}),
            json!({"account": "default", "roles": {"all": "admin"}}),
            json!({"client_secret": "in the file"}),
        ] {
            assert!(checked(wrong.clone(), false).is_err(), "{wrong}");
        }
    }

    #[test]
    fn http_is_for_loopback_in_development() {
        assert!(checked(json!({"issuer": "http://127.0.0.1:9"}), true).is_ok());
        assert!(checked(json!({"issuer": "http://id.example.com"}), true).is_err());
    }
}
