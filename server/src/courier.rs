//! Carries webhooks by the rules for outbound connections: https to a checked address, no redirect, no proxy, bounded.
//!
//! Source: `security.md` §7.1. The name is resolved here, every answer is checked, and the connection goes to those very
//! addresses, anew for each request; the name stays for SNI and certificate.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use backend::ports::{Courier, Outgoing};
use domain::outbound::{AddressPolicy, Network};
use domain::webhook::{Problem, WebhookUrl};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;

use crate::own::Own;

const CONNECT: Duration = Duration::from_secs(5);
/// Resolving, connecting and the head of the answer together; Standard Webhooks asks for 15 to 30 s.
const WHOLE: Duration = Duration::from_secs(15);

/// What the flag `--outbound-allowed-networks` says; never this installation itself.
///
/// # Errors
/// For a range that is none.
pub fn policy(networks: &[String], own: &Own) -> anyhow::Result<AddressPolicy> {
    let networks = networks.iter().map(|text| Network::parse(text.trim())).collect::<domain::Result<_>>();
    let networks = networks.context("--outbound-allowed-networks")?;
    Ok(own.denied_by(AddressPolicy::allowing(networks)))
}

/// The carrier of this installation.
pub struct HttpsCourier {
    policy: AddressPolicy,
    authorities: Vec<reqwest::Certificate>,
}

impl HttpsCourier {
    /// By the flags of `serve`.
    ///
    /// # Errors
    /// For a file that cannot be read or is no PEM.
    pub fn open(policy: AddressPolicy, ca_file: Option<&Path>) -> anyhow::Result<Self> {
        let read =
            |file: &Path| std::fs::read_to_string(file).with_context(|| format!("Cannot read {}", file.display()));
        let pem = ca_file.map(read).transpose()?;
        Self::new(policy, pem.as_deref())
    }

    /// Trusts the public roots, and the authorities of `ca_pem` beside them.
    ///
    /// # Errors
    /// For authorities that are no PEM.
    pub fn new(policy: AddressPolicy, ca_pem: Option<&str>) -> anyhow::Result<Self> {
        let read = |pem: &str| reqwest::Certificate::from_pem_bundle(pem.as_bytes());
        let authorities = ca_pem.map(read).transpose().context("--outbound-ca-file must be certificates in PEM")?;
        Ok(Self { policy, authorities: authorities.unwrap_or_default() })
    }

    /// The addresses of the receiver, if every one of them is allowed.
    async fn checked(&self, url: &WebhookUrl) -> Result<Vec<SocketAddr>, Problem> {
        let addresses: Vec<SocketAddr> = match url.address() {
            Some(address) => vec![SocketAddr::new(address, url.port())],
            None => tokio::net::lookup_host((url.host(), url.port())).await.map_err(|_| Problem::Dns)?.collect(),
        };
        if addresses.is_empty() {
            return Err(Problem::Dns);
        }
        let bare: Vec<_> = addresses.iter().map(SocketAddr::ip).collect();
        if self.policy.allows_tls(&bare, url.port()) { Ok(addresses) } else { Err(Problem::DeniedAddress) }
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Result<u16, Problem> {
        let addresses = self.checked(outgoing.url).await?;
        // A client for each request: a kept connection would be one to an address that nobody checked again.
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .https_only(true)
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(0)
            .resolve_to_addrs(outgoing.url.host(), &addresses)
            .tls_certs_merge(self.authorities.clone())
            .user_agent(concat!("RemoteGPU/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| Problem::Tls)?;
        let mut request = client.post(outgoing.url.as_str()).header(CONTENT_TYPE, "application/json");
        for (name, value) in &outgoing.headers {
            request = request.header(*name, value);
        }
        let answer = request.body(outgoing.body).send().await.map_err(|error| class(&error))?;
        Ok(answer.status().as_u16())
    }
}

#[async_trait]
impl Courier for HttpsCourier {
    async fn post(&self, outgoing: Outgoing<'_>) -> Result<u16, Problem> {
        tokio::time::timeout(WHOLE, self.send(outgoing)).await.unwrap_or(Err(Problem::Timeout))
    }
}

/// One of the fixed words; the error itself may quote the receiver.
fn class(error: &reqwest::Error) -> Problem {
    if error.is_timeout() {
        return Problem::Timeout;
    }
    if is_tls(error) { Problem::Tls } else { Problem::Connection }
}

/// An I/O error carries the one it wraps inside, and passes it over when asked for its source.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || inside.is_some_and(|inner| is_tls(inner)) || error.source().is_some_and(is_tls)
}

#[cfg(test)]
mod tests;
