//! From a name to addresses that may be reached: DNS, policy, TCP.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::engine::ApiUrl;
use domain::outbound::AddressPolicy;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::Look;

pub(super) const CALL: Duration = Duration::from_secs(5);
const NOT_ALLOWED: &str = "This address is not allowed";

/// The addresses that may be connected to, without trying them; none when one of them may not be.
pub(super) async fn checked(policy: &AddressPolicy, url: &ApiUrl) -> Option<Vec<IpAddr>> {
    let addresses: Vec<IpAddr> = match url.ip() {
        Some(ip) => vec![ip],
        None => {
            let found = timeout(CALL, lookup_host((url.host.as_str(), url.port))).await.ok()?.ok()?;
            found.map(|address| address.ip()).collect()
        }
    };
    let allowed = !is_own_cluster(url) && policy.allows_tls(&addresses, url.port);
    allowed.then_some(addresses)
}

/// The checked addresses of a host, after one of them took a connection; none with a row that says why.
pub(super) async fn reach(policy: &AddressPolicy, url: &ApiUrl, look: &mut Look) -> Option<Vec<SocketAddr>> {
    let addresses = resolve(url, look).await?;
    if is_own_cluster(url) || !policy.allows_tls(&addresses, url.port) {
        look.fail("policy", NOT_ALLOWED);
        return None;
    }
    look.pass("policy", "The address is allowed");
    let addresses: Vec<SocketAddr> = addresses.into_iter().map(|ip| SocketAddr::new(ip, url.port)).collect();
    let mut why = "Connection refused";
    for address in &addresses {
        match timeout(CALL, TcpStream::connect(address)).await {
            Ok(Ok(_connected)) => {
                look.pass("tcp", "Something listens there");
                // Only this one from now on: the others were not tried.
                return Some(vec![*address]);
            }
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
            Ok(Err(_)) => why = "No route to this address",
            Err(_) => why = "No answer in 5 s (firewall?)",
        }
    }
    look.fail("tcp", why);
    None
}

async fn resolve(url: &ApiUrl, look: &mut Look) -> Option<Vec<IpAddr>> {
    if let Some(ip) = url.ip() {
        return Some(vec![ip]);
    }
    match timeout(CALL, lookup_host((url.host.as_str(), url.port))).await {
        Ok(Ok(found)) => {
            let found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            if !found.is_empty() {
                look.pass("dns", "The name was found");
                return Some(found);
            }
            look.fail("dns", "Name not found");
        }
        Ok(Err(_)) => look.fail("dns", "Name not found"),
        Err(_) => look.fail("dns", "The name servers did not answer in 5 s"),
    }
    None
}

/// The API of the cluster that we run in, under the names that every pod knows; its addresses are denied by the policy.
fn is_own_cluster(url: &ApiUrl) -> bool {
    url.host == "kubernetes" || url.host == "kubernetes.default" || url.host.starts_with("kubernetes.default.")
}
