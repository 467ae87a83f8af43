//! Finds the address under which the API server can reach this machine.
//! Loopback is never chosen: the API server refuses to proxy to it.
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// An address of the documentation range: connecting a datagram socket sends nothing, it only asks for the route.
const FAR: &str = "203.0.113.1:9";

/// The source of the default route, else the first other address of this machine.
#[must_use]
pub fn detect() -> Option<IpAddr> {
    let local = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    routed().or_else(|| local_addresses(&local).into_iter().next()).map(IpAddr::V4)
}

/// Refuses a loopback address, unless the API server at `server` (a host of its URL) is on this machine as well.
///
/// # Errors
/// The sentence to show.
pub fn check(address: IpAddr, server: &str) -> Result<(), String> {
    let host = server.trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(is_loopback);
    if is_here || !is_loopback(address) {
        return Ok(());
    }
    Err(format!(
        "The API server at {server} cannot reach a node at {address}, the loopback of this machine; give --address \
         another one, or leave it out"
    ))
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn routed() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect(FAR).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(ip) if is_usable(ip) => Some(ip),
        _ => None,
    }
}

fn is_usable(ip: Ipv4Addr) -> bool {
    !(ip.is_loopback() || ip.is_link_local() || ip.is_unspecified())
}

/// Host entries of the kernel's table of local addresses.
fn local_addresses(table: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in table.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("|-- ") {
            last = text.parse().ok();
        } else if line == "/32 host LOCAL"
            && let Some(ip) = last.filter(|ip| is_usable(*ip))
            && !found.contains(&ip)
        {
            found.push(ip);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_address_is_only_for_an_api_server_of_the_same_machine() {
        let fits = |address: &str, server: &str| check(address.parse().unwrap(), server).is_ok();
        for address in ["127.0.0.1", "127.0.0.53", "::1", "::ffff:127.0.0.1"] {
            for server in ["10.96.0.1", "kubernetes.default.svc", "api.example.com", "[2001:db8::1]", ""] {
                assert!(!fits(address, server), "{address} {server}");
            }
            for server in ["127.0.0.1", "localhost", "[::1]"] {
                assert!(fits(address, server), "{address} {server}");
            }
        }
        assert!(fits("192.0.2.7", "10.96.0.1") && fits("2001:db8::7", "127.0.0.1"));
        let said = check([127, 0, 0, 1].into(), "10.96.0.1").unwrap_err();
        assert!(said.starts_with("The API server at 10.96.0.1 cannot reach a node at 127.0.0.1"), "{said}");
    }

    #[test]
    fn loopback_and_networks_are_left_out() {
        let table = "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 192.168.7.0\n        \
                     /24 link UNICAST\n        |-- 192.168.7.5\n           /32 host LOCAL\n";
        assert_eq!(local_addresses(table), [Ipv4Addr::new(192, 168, 7, 5)]);
    }
}
