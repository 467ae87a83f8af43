//! Calls to one checked address: 5 s each, at most 1 MiB of answer, no redirects, no proxies, nothing of this machine.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use domain::engine::{ApiUrl, Credentials};
use jiff::SignedDuration;
use reqwest::header::{AUTHORIZATION, DATE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use rustls::CertificateError;
use serde_json::Value;

use super::connect::CALL;
use super::tls::{self, Client as ClientCertificate, Seen};
use super::{Look, shown};

const MOST: usize = 1024 * 1024;

/// The other side at its checked address.
pub(super) struct Api {
    client: reqwest::Client,
    base: String,
    authorization: Option<HeaderValue>,
    seen: Arc<Mutex<Seen>>,
    given_ca: bool,
}

/// What it said.
pub(super) struct Answer {
    pub status: u16,
    /// Null for anything but JSON.
    pub body: Value,
    /// Its clock, as a header says it.
    pub date: Option<String>,
    /// Seconds to wait after 429.
    pub retry_after: u64,
}

/// Why it said nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    Tls,
    Timeout,
    Cut,
    TooLong,
}

// === impl Api ===

impl Api {
    /// Over TLS to `addresses` and nowhere else; the name of the URL goes into SNI and is what the certificate must have.
    pub fn new(
        url: &ApiUrl,
        addresses: &[SocketAddr],
        ca_pem: Option<&str>,
        credentials: &Credentials,
    ) -> Result<Self, &'static str> {
        let client = match credentials {
            Credentials::ClientCertificate { certificate, key } => Some(ClientCertificate { certificate, key }),
            Credentials::BearerToken { .. }
            | Credentials::Basic { .. }
            | Credentials::ApiKey { .. }
            | Credentials::None => None,
        };
        let (config, seen) = tls::config(ca_pem, client.as_ref())?;
        let builder = reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().timeout(CALL);
        let builder = builder.redirect(reqwest::redirect::Policy::none()).connect_timeout(CALL).https_only(true);
        let builder = builder.user_agent(concat!("remotegpu/", env!("CARGO_PKG_VERSION")));
        let client = builder.resolve_to_addrs(&url.host, addresses).build().map_err(|_| "TLS cannot be set up")?;
        let authorization = authorization(credentials)?;
        Ok(Self { client, base: url.to_string(), authorization, seen, given_ca: ca_pem.is_some() })
    }

    /// GET without credentials.
    pub async fn get_as_nobody(&self, path: &str) -> Result<Answer, Silence> {
        self.send(Method::GET, path, None, false).await
    }

    /// GET with credentials.
    pub async fn get(&self, path: &str) -> Result<Answer, Silence> {
        self.send(Method::GET, path, None, true).await
    }

    /// POST with credentials.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, Silence> {
        self.send(Method::POST, path, Some(body), true).await
    }

    /// DELETE with credentials.
    pub async fn delete(&self, path: &str, body: &Value) -> Result<Answer, Silence> {
        self.send(Method::DELETE, path, Some(body), true).await
    }

    /// Rows about the certificate after the first call: what is wrong with it, or all that is right. True = trusted.
    pub fn tls_rows(&self, said: Result<&Answer, Silence>, look: &mut Look) -> bool {
        let seen = tls::last(&self.seen);
        match (&seen.refusal, said) {
            (Some(refusal), _) => {
                self.refused(refusal, &seen, look);
                false
            }
            (None, Err(Silence::Timeout)) => {
                look.fail("tcp", "No answer in 5 s (firewall?)");
                false
            }
            (None, Err(Silence::Tls)) if seen.leaf.is_none() => {
                look.fail("tls-version", "TLS 1.2 or 1.3 is not spoken there");
                false
            }
            (None, Err(Silence::Tls)) => {
                look.fail("tls", "The TLS handshake was broken off");
                false
            }
            (None, _) => {
                trusted(&seen, look);
                true
            }
        }
    }

    fn refused(&self, refusal: &CertificateError, seen: &Seen, look: &mut Look) {
        match refusal {
            CertificateError::NotValidForName => look.fail("tls-name", "Certificate is not valid for this host"),
            CertificateError::NotValidForNameContext { expected, presented } => {
                let names: Vec<String> = presented.iter().take(10).map(|name| plain_name(name)).collect();
                let (names, host) = (names.join(", "), expected.to_str().into_owned());
                look.fail("tls-name", format!("Certificate is valid for {}, not for {host}", or_none(&names)));
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                look.fail("tls-dates", "Certificate of the server has expired");
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                look.fail("tls-dates", "Certificate of the server is not valid yet");
            }
            _ => {
                let by = if self.given_ca { "the given CA" } else { "an authority that this system trusts" };
                let signer = or_none(&shown(&seen.signer)).to_owned();
                look.fail("tls-trust", format!("Certificate is not signed by {by}; it is signed by {signer}"));
            }
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>, known: bool) -> Result<Answer, Silence> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(authorization) = self.authorization.as_ref().filter(|_| known) {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(silence)?;
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let date = header(DATE).map(str::to_owned);
        let retry_after = header(RETRY_AFTER).and_then(|text| text.parse().ok()).unwrap_or(1);
        let status = response.status();
        let mut bytes: Vec<u8> = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(silence)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MOST {
                return Err(Silence::TooLong);
            }
        }
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status: status.as_u16(), body, date, retry_after })
    }
}

// === impl Answer ===

impl Answer {
    /// Whether it is what was asked for.
    pub fn ok(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success())
    }

    /// A text of the answer, as it may be shown.
    pub fn text(&self, pointer: &str) -> String {
        self.body.pointer(pointer).and_then(Value::as_str).map(shown).unwrap_or_default()
    }

    /// The items of a list.
    pub fn items(&self) -> &[Value] {
        self.body["items"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// How far its clock is from ours.
    pub fn clock_skew(&self, now: jiff::Timestamp) -> Option<SignedDuration> {
        let theirs = jiff::fmt::rfc2822::parse(self.date.as_deref()?).ok()?.timestamp();
        Some(theirs.duration_since(now).abs())
    }
}

fn trusted(seen: &Seen, look: &mut Look) {
    look.pass("tls-trust", "The certificate is trusted");
    look.pass("tls-name", "The certificate is valid for this host");
    let month = SignedDuration::from_hours(30 * 24);
    match &seen.leaf {
        Some(leaf) if leaf.not_after.duration_since(look.now) < month => {
            let day = domain::engine::certificate::date(leaf.not_after);
            look.warn("tls-dates", format!("Certificate of the server expires on {day}"));
        }
        _ => look.pass("tls-dates", "The certificate is valid now"),
    }
    look.pass("tls-version", "TLS 1.2 or newer");
}

fn authorization(credentials: &Credentials) -> Result<Option<HeaderValue>, &'static str> {
    use base64::Engine as _;
    let text = match credentials {
        Credentials::BearerToken { token } => format!("Bearer {token}"),
        Credentials::Basic { username, password } => {
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}")))
        }
        Credentials::ApiKey { .. } | Credentials::ClientCertificate { .. } | Credentials::None => return Ok(None),
    };
    let mut value = HeaderValue::try_from(text).map_err(|_| "The credentials cannot be sent")?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn silence(error: reqwest::Error) -> Silence {
    if error.is_timeout() {
        Silence::Timeout
    } else if error.is_connect() {
        Silence::Tls
    } else {
        Silence::Cut
    }
}

/// `DnsName("a")` as rustls writes it.
fn plain_name(text: &str) -> String {
    let inner = text.split_once('(').map_or(text, |(_, inner)| inner.trim_end_matches(')'));
    shown(inner.trim_matches('"'))
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "nobody" } else { text }
}
