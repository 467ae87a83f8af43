//! How probes reach a container from outside: HTTP ports through the provider's proxy, TCP ports at their public address,
//! others through SSH where there is a way in. What need not be the container's fault is never called one.
//! The addresses are what RunPod's API says, so none inside of our own network is dialled (`security.md` §7.1).
use std::{
    io::{Error, ErrorKind},
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use domain::outbound::{AddressPolicy, Network};
use kubelet::{HttpProxy, HttpWay, PortStream, ProviderError};
use reqwest::Url;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::{clock::span, engine::Engine, rental::Rental, ssh};
use crate::probe::tls::trusting_the_system;

/// Where the provider serves HTTP ports.
pub(super) const PROXY: &str = "https://{pod}-{port}.proxy.runpod.net";
/// The way to a container may take so long, SSH included, on top of what a pod gives its probes.
pub(super) const ALLOWANCE: Duration = Duration::from_secs(16);
/// For connecting, and for TLS.
const CONNECT: Duration = Duration::from_secs(10);
/// The proxy answers 502 for the first 30 to 60 s of an instance.
const FRESH: Duration = Duration::from_secs(90);

/// A simulator on this machine serves HTTP ports itself; everything else is the provider.
pub(super) fn proxy_of_simulator(base: &str) -> Option<String> {
    let url = Url::parse(base).ok()?;
    let here = matches!(url.host_str()?, "127.0.0.1" | "localhost" | "[::1]");
    here.then(|| format!("{}/proxy/{{pod}}/{{port}}", base.trim_end_matches('/')))
}

/// For a simulator on this machine, whose instances are on it too; elsewhere only public addresses are reached.
pub(super) fn and_this_machine(policy: AddressPolicy) -> AddressPolicy {
    let loopback = ["127.0.0.0/8", "::1"];
    policy.and_allowing(loopback.iter().filter_map(|text| Network::parse(text).ok()))
}

/// Nobody knows, and it need not be the container's fault.
pub(super) fn unsure(message: impl Into<String>) -> ProviderError {
    ProviderError::Waiting { reason: "ProbeInconclusive", message: message.into() }
}

// === impl Engine ===

impl Engine {
    pub(super) async fn dial(&self, uid: &str, port: u16) -> Result<PortStream, ProviderError> {
        let rental = self.running(uid)?;
        if let Some((_, public, ip)) = rental.mapped.iter().find(|(private, _, _)| *private == port) {
            let stream = match connect(&self.config.addresses, ip, *public).await {
                Err(error) if is_refusal(&error) => Err(ProviderError::Unavailable(missed(ip, *public, &error))),
                connected => connected.map_err(|error| unsure(missed(ip, *public, &error))),
            };
            return stream.map(|stream| Box::new(stream) as PortStream);
        }
        if self.config.ssh.is_some() && rental.wants(ssh::NUMBER) {
            return self.probe_inside(uid, port).await;
        }
        Err(unsure(format!("RunPod has no public address for port {port}")))
    }

    pub(super) async fn dial_http(&self, uid: &str, port: u16) -> Result<HttpWay, ProviderError> {
        let rental = self.running(uid)?;
        if !rental.is_proxied(port) {
            return Ok(HttpWay { wire: self.dial(uid, port).await?, proxy: None });
        }
        let url = self.config.proxy.replace("{pod}", &rental.id).replace("{port}", &port.to_string());
        let fresh = rental.started.is_none_or(|started| span(started, self.clock.now()) < FRESH);
        to_proxy(&self.config.addresses, &url, fresh).await
    }

    fn running(&self, uid: &str) -> Result<Rental, ProviderError> {
        let rental = self.fleet().rentals.get(uid).cloned();
        let rental = rental.filter(|rental| rental.up && rental.ended().is_none());
        rental.ok_or_else(|| unsure("The pod is not running"))
    }
}

async fn to_proxy(policy: &AddressPolicy, url: &str, fresh: bool) -> Result<HttpWay, ProviderError> {
    let odd = || unsure(format!("{url} is no address of a proxy"));
    let url = Url::parse(url).map_err(|_| odd())?;
    let name = url.host_str().ok_or_else(odd)?.to_owned();
    let host = url.port().map_or_else(|| name.clone(), |port| format!("{name}:{port}"));
    let port = url.port_or_known_default().ok_or_else(odd)?;
    let stream = connect(policy, &name, port).await.map_err(|error| unsure(missed(&name, port, &error)))?;
    let wire: PortStream = match url.scheme() {
        "https" => {
            let server = ServerName::try_from(name.clone()).map_err(|_| odd())?;
            let secured = tokio::time::timeout(CONNECT, connector()?.connect(server, stream)).await;
            let secured = secured.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
            Box::new(secured.map_err(|error| unsure(missed(&name, port, &error)))?)
        }
        _ => Box::new(stream),
    };
    let prefix = url.path().trim_end_matches('/').to_owned();
    Ok(HttpWay { wire, proxy: Some(HttpProxy { host, prefix, fresh }) })
}

/// The roots are read once: a probe comes every few seconds.
fn connector() -> Result<TlsConnector, ProviderError> {
    static TRUSTED: OnceLock<Result<Arc<ClientConfig>, &str>> = OnceLock::new();
    let trusted = TRUSTED.get_or_init(|| trusting_the_system().map(Arc::new));
    trusted.clone().map(TlsConnector::from).map_err(unsure)
}

/// Connects to a host that the provider names, and to the very addresses that were checked.
pub(super) async fn connect(policy: &AddressPolicy, host: &str, port: u16) -> std::io::Result<TcpStream> {
    let host = host.trim_matches(['[', ']']);
    let connected = tokio::time::timeout(CONNECT, async {
        let addresses: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
        let found: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
        if !policy.allows_all(&found, port) {
            return Err(Error::new(ErrorKind::PermissionDenied, "this address is not allowed"));
        }
        TcpStream::connect(addresses.as_slice()).await
    });
    connected.await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

/// The machine is there and says no; all else may be the network between.
fn is_refusal(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset)
}

fn missed(host: &str, port: u16, error: &std::io::Error) -> String {
    format!("dial tcp {host}:{port}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_simulator_on_this_machine_is_its_own_proxy() {
        let own = proxy_of_simulator("http://127.0.0.1:8181/");
        assert_eq!(own.as_deref(), Some("http://127.0.0.1:8181/proxy/{pod}/{port}"));
        assert_eq!(proxy_of_simulator(crate::runpod::PUBLIC_URL), None);
        assert_eq!(proxy_of_simulator("https://gateway.example"), None);
    }

    #[tokio::test]
    async fn nothing_inside_of_our_own_network_is_dialled() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let denied = async |policy: AddressPolicy, host: &str| {
            let error = connect(&policy, host, port).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{host}: {error}");
        };
        for inside in ["127.0.0.1", "localhost", "::ffff:127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1"] {
            denied(AddressPolicy::default(), inside).await;
        }
        let here = and_this_machine(AddressPolicy::default());
        for other in ["169.254.169.254", "192.168.0.1", "0.0.0.0"] {
            denied(here.clone(), other).await;
        }
        assert!(connect(&here, "127.0.0.1", port).await.is_ok());
        let own = AddressPolicy::default().denying_endpoints([SocketAddr::from(([127, 0, 0, 1], port))]);
        denied(and_this_machine(own), "127.0.0.1").await;
    }
}
