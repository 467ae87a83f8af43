//! A whole kubeconfig pasted into the import form: server, CA and token are taken out of it in the browser; what names
//! programs, files or another way to the server is refused. It is never sent anywhere whole, and nothing in it is run.
//!
//! Source: RULINGS 28, `engine-import.md` §6.

mod yaml;

use serde_json::Value;

use crate::{Error, Result};

/// More than any kubeconfig that people paste.
const LONGEST: usize = 256 * 1024;

/// What a kubeconfig says about one cluster and how to sign in there.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PastedKubeconfig {
    /// `https://host:port`.
    pub api_url: String,
    /// The CA as the kubeconfig holds it: base64 of PEM; empty without one.
    pub ca_base64: String,
    /// A token; empty without one.
    pub bearer_token: String,
    /// A name for basic authentication; empty without one.
    pub basic_username: String,
    /// Its password.
    pub basic_password: String,
}

/// Keys of a cluster or a user that are refused, with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("exec", "It signs in by running a program (exec), which is never done here. Generate a token instead"),
    ("auth-provider", "It signs in with an auth-provider, which is never done here. Generate a token instead"),
    ("tokenFile", "Its token is in a file of your machine (tokenFile). Paste the token itself"),
    (
        "certificate-authority",
        "Its CA is in a file of your machine. Print it whole: kubectl config view --minify --flatten --raw",
    ),
    ("client-certificate", "It signs in with a client certificate and a private key. Use a token instead"),
    ("client-certificate-data", "It signs in with a client certificate and a private key. Use a token instead"),
    ("client-key", "It signs in with a client certificate and a private key. Use a token instead"),
    ("client-key-data", "It signs in with a client certificate and a private key. Use a token instead"),
    ("proxy-url", "It reaches the cluster through a proxy (proxy-url), which engines do not use"),
    ("tls-server-name", "It checks the certificate for another name (tls-server-name), which engines do not do"),
    ("as", "It acts as somebody else (as), which engines do not do"),
];

/// Reads the current context of a kubeconfig in YAML or JSON.
///
/// # Errors
/// [`Error::Invalid`] on field `kubeconfig` with the sentence to show.
pub fn parse(text: &str) -> Result<PastedKubeconfig> {
    if text.len() > LONGEST {
        return Err(wrong("length", "At most 256 KiB"));
    }
    let whole = yaml::read(text).ok_or_else(|| wrong("format", "This is not a kubeconfig that can be read here"))?;
    let (cluster, user) = current(&whole)?;
    for part in [cluster, user] {
        if let Some((_, sentence)) = REFUSED.iter().find(|(key, _)| is_set(&part[*key])) {
            return Err(wrong("refused", sentence));
        }
    }
    if matches!(cluster["insecure-skip-tls-verify"].as_str(), Some("true")) {
        let sentence = "It does not check the server's certificate (insecure-skip-tls-verify). Paste the CA instead";
        return Err(wrong("refused", sentence));
    }
    let text = |part: &Value, key: &str| part[key].as_str().unwrap_or_default().trim().to_owned();
    let pasted = PastedKubeconfig {
        api_url: text(cluster, "server"),
        ca_base64: text(cluster, "certificate-authority-data"),
        bearer_token: text(user, "token"),
        basic_username: text(user, "username"),
        basic_password: text(user, "password"),
    };
    if pasted.api_url.is_empty() {
        return Err(wrong("format", "It names no server"));
    }
    Ok(pasted)
}

/// Cluster and user of the current context; without one, the only ones there are.
fn current(whole: &Value) -> Result<(&Value, &Value)> {
    let name = whole["current-context"].as_str().unwrap_or_default();
    let context = named(&whole["contexts"], name).map(|context| &context["context"]);
    let part = |list: &'static str, inner: &'static str| {
        let wanted = context.and_then(|context| context[inner].as_str()).unwrap_or_default();
        named(&whole[list], wanted).map(|found| &found[inner])
    };
    let cluster = part("clusters", "cluster");
    let cluster = cluster.ok_or_else(|| wrong("format", "It has no current context, or one without a cluster"))?;
    Ok((cluster, part("users", "user").unwrap_or(&Value::Null)))
}

fn named<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    let list = list.as_array()?;
    match list.as_slice() {
        [only] if name.is_empty() => Some(only),
        all => all.iter().find(|one| one["name"].as_str() == Some(name)),
    }
}

fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Null) && value.as_str() != Some("")
}

fn wrong(code: &str, sentence: &str) -> Error {
    Error::field("kubeconfig", code, sentence)
}

#[cfg(test)]
mod tests;
