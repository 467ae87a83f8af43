//! The address of an API server as people type it, in one form.
//!
//! Source: `engine-import.md` §2 and §8. Whether the address may be reached is decided after DNS (`outbound.rs`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

const EXAMPLE: &str = "Use https://host:port as shown by kubectl cluster-info";
const NOT_ALLOWED: &str = "This address is not allowed";

/// `https://host[:port]`, nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiUrl {
    /// A DNS name in lower case, or an address without brackets.
    pub host: String,
    /// 443 unless given.
    pub port: u16,
}

// === impl ApiUrl ===

impl ApiUrl {
    /// Reads what somebody typed into `field`; a bare host gets `https://`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another scheme, user names, paths, queries, fragments, and odd spellings of addresses.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let wrong = || Error::field(field, "format", EXAMPLE);
        let text = text.trim();
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
            Some(_) => return Err(wrong()),
            None => text,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.len() > 260 || rest.contains(['/', '?', '#', '@', '\\', '%']) || !rest.is_ascii() {
            return Err(wrong());
        }
        let (host, port) = split(rest).ok_or_else(wrong)?;
        let port = match port {
            None => 443,
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?,
        };
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        if host.parse::<IpAddr>().is_err() {
            if looks_like_a_number(&host) || host == "localhost" || host.ends_with(".localhost") {
                return Err(Error::field(field, "not_allowed", NOT_ALLOWED));
            }
            let label = |label: &str| {
                (1..=63).contains(&label.len())
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            };
            if host.len() > 253 || !host.split('.').all(label) {
                return Err(wrong());
            }
        }
        Ok(Self { host, port })
    }

    /// The address, where the host is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl std::fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let brackets = self.host.parse::<Ipv6Addr>().is_ok();
        let (open, close) = if brackets { ("[", "]") } else { ("", "") };
        write!(f, "https://{open}{}{close}", self.host)?;
        if self.port == 443 { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// Reads the external address of an ingress controller.
///
/// # Errors
/// [`Error::Invalid`] for names, ranges, ports, and addresses that nobody outside could reach.
pub fn load_balancer_ip(field: &str, text: &str) -> Result<IpAddr> {
    let wrong = || Error::field(field, "format", "Enter the external IP address of the ingress controller");
    let address: IpAddr = text.trim().parse().map_err(|_| wrong())?;
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4 == Ipv4Addr::BROADCAST || v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.segments()[0] & 0xffc0 == 0xfe80,
    };
    let useless = address.is_loopback() || address.is_multicast() || address.is_unspecified() || link_local;
    if useless { Err(wrong()) } else { Ok(address) }
}

/// Host and port; a host with colons stands in brackets.
fn split(rest: &str) -> Option<(&str, Option<&str>)> {
    if let Some(inside) = rest.strip_prefix('[') {
        let (host, after) = inside.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => after.is_empty().then_some((host, None)),
        };
    }
    match rest.split_once(':') {
        Some((host, port)) if !port.contains(':') => Some((host, Some(port))),
        Some(_) => None,
        None => Some((rest, None)),
    }
}

/// Some libraries read `2130706433`, `0x7f.1` and `0177.0.0.1` as addresses; we read dotted decimals only.
fn looks_like_a_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    !last.is_empty() && (last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x"))
}
