//! Who is at the other end: the peer, or what the trusted proxies in front of us say of it.
//!
//! Source: `security.md` §9. Each proxy appends the address it saw, so entries count from the **right**; whatever
//! stands further left was written by the client.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

const HEADER: &str = "x-forwarded-for";

/// How many proxies of our own every request passes; 0 = none, the peer is the client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrustedProxies(pub u8);

impl TrustedProxies {
    /// The client's address behind this many proxies. Falls back to the peer where the header is missing, shorter, or
    /// no address: never to something that a client could have written.
    pub fn client(self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if self.0 == 0 {
            return peer;
        }
        // Not `to_str`: one odd byte that the client wrote must not make the proxy's own entry unreadable.
        let values: Vec<_> = headers.get_all(HEADER).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
        let mut entries = values.iter().flat_map(|value| value.split(',')).rev();
        entries.nth(usize::from(self.0) - 1).and_then(parse).unwrap_or(peer)
    }
}

/// `203.0.113.7`, `203.0.113.7:1234`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:1234`.
fn parse(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse().ok().or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()))?;
    Some(IpAddr::to_canonical(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "10.0.0.1";

    fn client(proxies: u8, values: &[&str]) -> String {
        let headers = values.iter().map(|value| (HEADER.parse().unwrap(), value.parse().unwrap())).collect();
        TrustedProxies(proxies).client(PEER.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn entries_count_from_the_right_by_the_number_of_proxies() {
        let chain = ["6.6.6.6, 203.0.113.7", "192.0.2.1"];
        for (proxies, expected) in [(0, PEER), (1, "192.0.2.1"), (2, "203.0.113.7"), (3, "6.6.6.6"), (4, PEER)] {
            assert_eq!(client(proxies, &chain), expected, "{proxies} proxies");
        }
    }

    #[test]
    fn what_a_client_writes_in_front_changes_nothing() {
        for forged in ["1.2.3.4", "1.2.3.4, 5.6.7.8", "", "unknown", "::1"] {
            assert_eq!(client(1, &[forged, "203.0.113.7"]), "203.0.113.7", "{forged}");
            assert_eq!(client(0, &[forged]), PEER, "{forged}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_hide_nobody() {
        for forged in [&b"\xff, 203.0.113.7"[..], b"\xe9\xff\x80,203.0.113.7"] {
            let value = axum::http::HeaderValue::from_bytes(forged).unwrap();
            let headers: HeaderMap = [(HEADER.parse().unwrap(), value)].into_iter().collect();
            let client = TrustedProxies(1).client(PEER.parse().unwrap(), &headers);
            assert_eq!(client.to_string(), "203.0.113.7");
        }
    }

    #[test]
    fn an_entry_that_is_no_address_is_the_peer() {
        for entry in ["", "unknown", "_hidden", "203.0.113", "203.0.113.7:x"] {
            assert_eq!(client(1, &[entry]), PEER, "{entry}");
        }
        assert_eq!(client(1, &[]), PEER);
    }

    #[test]
    fn ports_and_brackets_are_left_out() {
        for (entry, expected) in [
            ("203.0.113.7:1234", "203.0.113.7"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:1234", "2001:db8::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
        ] {
            assert_eq!(client(1, &[entry]), expected, "{entry}");
        }
    }
}
