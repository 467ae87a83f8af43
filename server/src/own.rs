//! What connections to addresses that somebody typed never lead to: this installation itself. Its API server, its
//! database and its console stay out of reach even where the operator allows the network that they are in.
//!
//! Source: `security.md` §7.1. Names are resolved once, at start.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use axum::http::Uri;
use domain::outbound::AddressPolicy;
use secrecy::{ExposeSecret as _, SecretString};
use store::SqlStore;
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::args::{NodesArgs, ServeArgs};
use crate::compose::told;
use crate::public_url::PublicUrl;

const LOOKUP: Duration = Duration::from_secs(5);

/// Addresses of this installation.
#[derive(Debug, Default)]
pub struct Own {
    /// Machines that serve nobody else.
    hosts: Vec<IpAddr>,
    /// Single ports: on loopback, and behind a load balancer that others may share.
    endpoints: Vec<SocketAddr>,
}

// === impl Own ===

impl Own {
    /// As `serve` sees it: home cluster, database, the console's own listeners and its public URL.
    ///
    /// # Errors
    /// For a kubeconfig or a URL that cannot be read.
    pub async fn of_console(args: &ServeArgs, public_url: &PublicUrl, listening: SocketAddr) -> anyhow::Result<Self> {
        let mut own = Self::default();
        own.cluster(&[&args.issuer_kubeconfig, &args.reconciler_kubeconfig], &args.database.database).await?;
        if let Some((host, port)) = place(&args.cluster_server) {
            own.host(&host, port).await;
        }
        if let Some((host, port)) = place(public_url.as_str()) {
            own.endpoints.extend(found(&host, port).await);
        }
        own.listener(listening);
        if let Some(metrics) = args.metrics_listen {
            own.listener(metrics);
        }
        Ok(own)
    }

    /// As `nodes` sees it: home cluster and database.
    ///
    /// # Errors
    /// As [`Own::of_console`].
    pub async fn of_nodes(args: &NodesArgs) -> anyhow::Result<Self> {
        let mut own = Self::default();
        own.cluster(&[&args.nodes_kubeconfig], &args.database.database).await?;
        Ok(own)
    }

    /// Takes all of it out of `policy`.
    pub fn denied_by(&self, policy: AddressPolicy) -> AddressPolicy {
        policy.denying(self.hosts.iter().copied()).denying_endpoints(self.endpoints.iter().copied())
    }

    async fn cluster(&mut self, kubeconfigs: &[&Path], database: &SecretString) -> anyhow::Result<()> {
        // Set in every pod: the address behind kubernetes.default.svc.
        let inside = std::env::var("KUBERNETES_SERVICE_HOST").ok().and_then(|host| host.parse::<IpAddr>().ok());
        self.hosts.extend(inside);
        for file in kubeconfigs {
            let (host, port) = cluster::api_server(file).await.map_err(told).context("A kubeconfig is unusable")?;
            self.host(&host, port).await;
        }
        let server = SqlStore::server(database.expose_secret()).map_err(told).context("The database cannot be used")?;
        if let Some((host, port)) = server {
            self.host(&host, port).await;
        }
        Ok(())
    }

    /// A machine of our own; on loopback only this port of it, because everything else on the machine is there too.
    async fn host(&mut self, host: &str, port: u16) {
        for address in found(host, port).await {
            if address.ip().is_loopback() {
                self.endpoints.push(address);
            } else {
                self.hosts.push(address.ip());
            }
        }
    }

    /// Whoever listens everywhere is reached at loopback and at the address of this machine.
    fn listener(&mut self, address: SocketAddr) {
        let mut reached = vec![address.ip()];
        if address.ip().is_unspecified() {
            reached = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            reached.extend(node::address::detect());
        }
        self.endpoints.extend(reached.into_iter().map(|ip| SocketAddr::new(ip, address.port())));
    }
}

/// Host and port of an `https://` or `http://` URL.
fn place(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
    Some((uri.host()?.to_owned(), port))
}

/// Where a name leads now. A public URL need not be known inside.
async fn found(host: &str, port: u16) -> Vec<SocketAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match timeout(LOOKUP, lookup_host((bare, port))).await {
        Ok(Ok(found)) => found.collect(),
        _ => {
            tracing::warn!(host, "A name of this installation is not found: connections to it are not refused");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::outbound::Network;

    use super::*;

    fn open() -> AddressPolicy {
        AddressPolicy::allowing(["127.0.0.0/8", "::1", "10.0.0.0/8"].map(|text| Network::parse(text).unwrap()).to_vec())
    }

    #[tokio::test]
    async fn a_machine_of_ours_is_closed_as_a_whole_and_on_loopback_by_its_port() {
        let mut own = Own::default();
        own.host("10.0.0.7", 6443).await;
        own.host("127.0.0.1", 6443).await;
        let policy = own.denied_by(open());
        for (address, port, allowed) in [
            ("10.0.0.7", 6443, false),
            ("10.0.0.7", 10250, false),
            ("10.0.0.8", 6443, true),
            ("127.0.0.1", 6443, false),
            ("::1", 6443, false),
            ("127.0.0.1", 6444, true),
        ] {
            assert_eq!(policy.allows_all(&[address.parse().unwrap()], port), allowed, "{address} {port}");
        }
    }

    #[test]
    fn a_listener_on_every_address_is_closed_on_loopback_too() {
        let mut own = Own::default();
        own.listener("0.0.0.0:8080".parse().unwrap());
        let policy = own.denied_by(open());
        assert!(!policy.allows_all(&[Ipv4Addr::LOCALHOST.into()], 8080));
        assert!(policy.allows_all(&[Ipv4Addr::LOCALHOST.into()], 8081));
    }

    #[test]
    fn a_url_names_its_port_or_means_that_of_its_scheme() {
        assert_eq!(place("https://k8s.example.com"), Some(("k8s.example.com".to_owned(), 443)));
        assert_eq!(place("http://127.0.0.1"), Some(("127.0.0.1".to_owned(), 80)));
        assert_eq!(place("https://[::1]:6443"), Some(("[::1]".to_owned(), 6443)));
    }
}
