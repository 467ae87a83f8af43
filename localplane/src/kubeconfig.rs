//! Kubeconfig files, written as JSON (which is YAML) so that nothing needs quoting.
//! Certificates and tokens are inside the file, mode 0600: it works wherever it is copied.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine as _;
use serde_json::{Value, json};

use crate::files;
use crate::pki::CertFiles;

/// Who the file signs in as.
#[derive(Debug)]
pub enum Identity<'a> {
    /// A client certificate and its key.
    Certificate(&'a CertFiles),
    /// A bearer token.
    Token(&'a str),
}

/// Writes a kubeconfig with one cluster, one user and one context, all called `name`.
///
/// `ca` is a PEM file; `None` leaves it to the client's own roots.
///
/// # Errors
/// When a certificate cannot be read or the file not written; names it.
pub fn write(path: &Path, name: &str, server: &str, ca: Option<&Path>, identity: &Identity) -> Result<()> {
    let mut cluster = json!({"server": server});
    if let Some(ca) = ca {
        cluster["certificate-authority-data"] = embed(ca)?;
    }
    let user = match identity {
        Identity::Token(token) => json!({"token": token}),
        Identity::Certificate(files) => {
            json!({"client-certificate-data": embed(&files.cert)?, "client-key-data": embed(&files.key)?})
        }
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    });
    files::write_private(path, format!("{config:#}\n").as_bytes())
}

fn embed(path: &Path) -> Result<Value> {
    let pem = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(encode(&pem).into())
}

/// The form of bytes in a `…-data` field.
pub fn encode(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The bytes behind a `…-data` field.
///
/// # Errors
/// When it is not base64.
pub fn decode(data: &str) -> Result<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(data).context("a certificate in the kubeconfig is not base64")
}
