//! A real identity provider (the npm package `oidc-provider`) as a process, and somebody who signs in there.

use std::collections::BTreeMap;
use std::process::Stdio;

use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::in_time;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../end2end/oidc/provider.mjs");
/// Secret of every client.
pub const CLIENT_SECRET: &str = "a-client-secret-for-tests";

/// A provider on a free loopback port.
pub struct IdentityProvider {
    /// Its issuer URL.
    pub issuer: String,
    child: Child,
}

impl IdentityProvider {
    /// Starts one that knows the console at `console` as its client, under the console's provider id `id`.
    pub async fn start(console: &str, id: &str) -> Self {
        let client = json!({"client_id": "remotegpu", "client_secret": CLIENT_SECRET,
            "redirect_uris": [format!("{console}/auth/oidc/{id}/callback")],
            "post_logout_redirect_uris": [format!("{console}/login")]});
        let mut command = Command::new("node");
        command.arg(SCRIPT).arg(json!({"clients": [client]}).to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("node can be started");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = in_time("the provider says where it listens", lines.next_line()).await;
        let first = first.expect("its output can be read");
        let issuer =
            first.expect("the provider did not start: its packages come with `npm install --no-save --prefix end2end`");
        Self { issuer, child }
    }

    /// Its entry in the console's file of providers.
    pub fn settings(&self, id: &str, secret_file: &str) -> Value {
        json!({"id": id, "title": format!("Provider {id}"), "issuer": self.issuer, "client_id": "remotegpu",
            "client_secret_file": secret_file, "scopes": ["email", "groups"]})
    }

    /// What a browser does at the provider: follows `url`, signs in as `email`, comes back. Gives the address it is
    /// sent to, with the provider's answer.
    pub async fn answer(&self, url: &str, email: &str) -> String {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        let (mut cookies, mut at) = (BTreeMap::new(), url.to_owned());
        for _ in 0..10 {
            if !at.starts_with(&self.issuer) {
                return at;
            }
            let request = if at.contains("/interaction/") {
                let form = format!("prompt=login&login={email}&password=x");
                let typed = http.post(&at).header("content-type", "application/x-www-form-urlencoded");
                typed.body(form.replace('@', "%40"))
            } else {
                http.get(&at)
            };
            let sent: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let reply = request.header(COOKIE, sent.join("; ")).send().await.expect("the provider answers");
            keep(&mut cookies, reply.headers());
            let status = reply.status();
            let Some(next) = reply.headers().get(LOCATION).map(|next| next.to_str().unwrap().to_owned()) else {
                panic!("{at}: {status} {}", reply.text().await.unwrap_or_default());
            };
            at = if next.starts_with('/') { format!("{}{next}", self.issuer) } else { next };
        }
        panic!("the provider redirects without end");
    }

    /// From now on it signs with other keys than those it published so far.
    pub async fn rotate(&self) {
        self.test("rotate").await;
    }

    /// How often it was asked for its keys.
    pub async fn asked_for_keys(&self) -> u32 {
        self.test("asked-for-keys").await.parse().expect("a number")
    }

    async fn test(&self, what: &str) -> String {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let reply = http.get(format!("{}/test/{what}", self.issuer)).send().await.expect("the provider answers");
        reply.text().await.expect("a whole body")
    }

    /// Ends it.
    pub async fn stop(&mut self) {
        self.child.kill().await.expect("the provider can be stopped");
    }
}

fn keep(cookies: &mut BTreeMap<String, String>, headers: &HeaderMap) {
    for cookie in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
        if let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}
