//! The identity provider of the browser tests: the npm package `oidc-provider`, beside the platform and known to it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use localplane::files;
use serde_json::json;

/// Its id in the console's addresses.
const ID: &str = "test";
const SECRET: &str = "a-client-secret-for-tests";

/// A provider that runs until it is dropped.
pub struct Provider {
    child: Child,
}

impl Provider {
    /// Starts it for the console at `console`, and writes the settings that the console in `dir` will read.
    ///
    /// # Errors
    /// When node or the packages of `end2end` are missing.
    pub fn start(root: &Path, dir: &Path, console: &str) -> Result<Self> {
        let client = json!({"client_id": "remotegpu", "client_secret": SECRET,
            "redirect_uris": [format!("{console}/auth/oidc/{ID}/callback")],
            "post_logout_redirect_uris": [format!("{console}/login")]});
        let mut node = Command::new("node");
        node.arg(root.join("end2end/oidc/provider.mjs")).arg(json!({"clients": [client]}).to_string());
        node.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = node.spawn().context("cannot start node")?;
        let output = child.stdout.take().context("node has no output")?;
        let provider = Self { child };
        let mut issuer = String::new();
        BufReader::new(output).read_line(&mut issuer).context("cannot read what the identity provider says")?;
        anyhow::ensure!(issuer.starts_with("http"), "the identity provider of the tests did not start");
        let secret = dir.join("oidc-client-secret");
        files::write_private(&secret, SECRET.as_bytes())?;
        let settings = json!({"providers": [{"id": ID, "title": "Test provider", "issuer": issuer.trim(),
            "client_id": "remotegpu", "client_secret_file": secret, "account": "default", "auto_create": "member"}]});
        files::write_private(&dir.join("oidc.json"), settings.to_string().as_bytes())?;
        Ok(provider)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
