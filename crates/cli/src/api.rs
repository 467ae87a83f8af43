//! The console over HTTP: no redirects, short limits, and one sentence for each refusal.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use domain::page::Page;
use reqwest::header::AUTHORIZATION;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::server::{Server, is_loopback};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(30);
// The largest list is 200 rows; a console that sends more is none.
const LARGEST: usize = 4 * 1024 * 1024;

/// A console, as somebody signed in or as nobody.
pub struct Console {
    http: Client,
    server: Server,
    token: Option<SecretString>,
}

/// A refusal in the console's own words.
#[derive(Debug)]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// One sentence.
    pub detail: String,
}

/// An HTTP client for `url`.
///
/// # Errors
/// When the file of certificates cannot be used.
pub fn client(url: &Url, ca_file: Option<&Path>, limit: Duration) -> Result<Client> {
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(limit)
        .https_only(url.scheme() == "https")
        .user_agent(concat!("kubectl-remotegpu/", env!("CARGO_PKG_VERSION")));
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    if let Some(file) = ca_file {
        let pem = std::fs::read(file).with_context(|| format!("Cannot read {}", file.display()))?;
        let certificates = Certificate::from_pem_bundle(&pem).ok().filter(|all| !all.is_empty());
        let certificates = certificates.with_context(|| format!("{} holds no certificates in PEM", file.display()))?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().context("TLS cannot be set up")
}

/// Reads an answer whole.
///
/// # Errors
/// [`Refused`] for anything but a success.
pub async fn read(mut response: Response) -> Result<String> {
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > LARGEST {
            bail!("The answer is too large to come from a console");
        }
        body.extend_from_slice(&chunk);
    }
    if status.is_success() {
        return String::from_utf8(body).context("The answer is not text");
    }
    Err(Refused { status: status.as_u16(), detail: sentence(&body, status.canonical_reason()) }.into())
}

/// A failure to get an answer, without the URL: the user knows it, and it may be long.
pub fn unreachable(error: reqwest::Error) -> anyhow::Error {
    let timed_out = error.is_timeout();
    let cause = anyhow::Error::new(error.without_url());
    let cause = cause.root_cause().to_string();
    match timed_out {
        true => anyhow::anyhow!("The console did not answer in time: try again"),
        false => anyhow::anyhow!("The console is not reachable: {cause}"),
    }
}

/// The `detail` of a problem document; other bodies are not repeated, they are none of ours.
fn sentence(body: &[u8], reason: Option<&str>) -> String {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let detail = document["detail"].as_str().filter(|_| document["code"].is_string());
    let text = detail.or(reason).unwrap_or("Unknown status");
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

// === impl Console ===

impl Console {
    /// A console as seen by nobody.
    ///
    /// # Errors
    /// As [`client`].
    pub fn anonymous(server: &Server, ca_file: Option<&Path>) -> Result<Self> {
        let http = client(&server.join("/")?, ca_file, LIMIT)?;
        Ok(Self { http, server: server.clone(), token: None })
    }

    /// The same, seen by whoever holds `token`.
    pub fn with_token(self, token: &str) -> Self {
        Self { token: Some(SecretString::from(token)), ..self }
    }

    /// Which one it is.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Reads something.
    ///
    /// # Errors
    /// [`Refused`], or that nobody answered.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.send(self.request(Method::GET, path)?).await
    }

    /// Reads every page of a list.
    ///
    /// # Errors
    /// As [`Console::get`].
    pub async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page: Page<T> = self.get(&format!("{path}?limit=200{cursor}")).await?;
            items.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// Makes something.
    ///
    /// # Errors
    /// As [`Console::get`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T> {
        self.send(self.request(Method::POST, path)?.json(body)).await
    }

    /// Ends something.
    ///
    /// # Errors
    /// As [`Console::get`].
    pub async fn delete(&self, path: &str) -> Result<()> {
        let response = self.request(Method::DELETE, path)?.send().await.map_err(unreachable)?;
        read(response).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        let request = self.http.request(method, self.server.join(path)?);
        Ok(match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {}", token.expose_secret())),
            None => request,
        })
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let text = read(request.send().await.map_err(unreachable)?).await?;
        serde_json::from_str(&text).context("The answer is not that of a console: is the address right?")
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HTTP {} {}", self.status, self.detail)
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_problem_document_is_repeated() {
        let ours = br#"{"code":"invalid_api_key","detail":"Invalid API key"}"#;
        assert_eq!(sentence(ours, Some("Unauthorized")), "Invalid API key");
        for foreign in [&b"<html>hi</html>"[..], br#"{"detail":"x"}"#, b"", b"\x1b[31m"] {
            assert_eq!(sentence(foreign, Some("Bad Gateway")), "Bad Gateway");
        }
        assert_eq!(sentence("{\"code\":\"x\",\"detail\":\"a\\u001b[31mb\"}".as_bytes(), None), "a[31mb");
    }
}
