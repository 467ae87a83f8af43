//! The address of a webhook: https, a host, nothing that a parser could read in two ways.
//!
//! Source: `security.md` §7.1. What the host resolves to is checked at each connection, see [`crate::outbound`].

use std::net::IpAddr;

use crate::{Error, Result};

const LONGEST: usize = 2048;

/// A checked address, kept as it was written. It may hold a token of the receiver: never log it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl {
    text: String,
    host: String,
    port: u16,
}

// === impl WebhookUrl ===

impl WebhookUrl {
    /// Reads `https://host[:port][/path][?query]`.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `url`.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let wrong = |message: &str| Error::field("url", "format", message.to_owned());
        let Some(rest) = text.strip_prefix("https://") else {
            return Err(wrong("The address must begin with https://"));
        };
        // `\` is `/` to some parsers, and `"<>` need escapes everywhere.
        if text.len() > LONGEST || !text.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>^`{|}#".contains(&b)) {
            return Err(wrong("The address must be at most 2048 plain characters, without # and spaces"));
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(wrong("Leave user and password out: the signature proves who sends"));
        }
        let (host, port) =
            split(authority).ok_or_else(|| wrong("Write https://host/path, with a name or an address"))?;
        Ok(Self { text: text.to_owned(), host, port })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name, or the address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 443 if none was written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, if the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl std::fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookUrl({}:{})", self.host, self.port)
    }
}

/// Host and port of an authority without user.
fn split(authority: &str) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (inside, after) = rest.split_once(']')?;
            inside.parse::<std::net::Ipv6Addr>().ok()?;
            (inside, after.strip_prefix(':').or(after.is_empty().then_some("443"))?)
        }
        None => authority.split_once(':').unwrap_or((authority, "443")),
    };
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|port| digits && *port > 0)?;
    let host = host.to_ascii_lowercase();
    let known = host.parse::<IpAddr>().is_ok() || is_name(&host);
    known.then_some((host, port))
}

/// A DNS name in lower case; one whose last label is a number is a spelling of an IPv4 address (WHATWG URL, "ends in a number").
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        let legal = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (1..=63).contains(&label.len()) && legal && !label.starts_with('-') && !label.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let number = last.starts_with("0x") || last.bytes().all(|b| b.is_ascii_digit());
    host.len() <= 253 && !number && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_read_as_the_connection_will() {
        for (text, host, port) in [
            ("https://hooks.example.com", "hooks.example.com", 443),
            ("https://Hooks.Example.com:8443/a/b?c=d@e", "hooks.example.com", 8443),
            ("https://192.0.2.7/x", "192.0.2.7", 443),
            ("https://[2001:db8::1]:9/x", "2001:db8::1", 9),
            ("https://host?x", "host", 443),
        ] {
            let url = WebhookUrl::parse(text).unwrap();
            assert_eq!((url.host(), url.port(), url.as_str()), (host, port, text), "{text}");
        }
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        for wrong in [
            "",
            "http://example.com",
            "HTTPS://example.com",
            "https://",
            "https:///x",
            "https://user@example.com",
            "https://example.com#x",
            "https://example.com\\@evil",
            "https://exa mple.com",
            "https://example.com:0",
            "https://example.com:65536",
            "https://example.com:",
            "https://example.com:+1",
            "https://0x7f.1",
            "https://0X7F000001",
            "https://2130706433",
            "https://127.1",
            "https://0177.0.0.1",
            "https://example.com.",
            "https://-a.example",
            "https://[::1",
            "https://[::1]x",
            "https://[fe80::1%25eth0]",
            "https://é.example",
            "https://a..b",
        ] {
            assert!(WebhookUrl::parse(wrong).is_err(), "{wrong}");
        }
        assert!(WebhookUrl::parse(&format!("https://a/{}", "x".repeat(2048))).is_err());
    }

    #[test]
    fn a_path_that_holds_a_token_is_not_printed() {
        let url = WebhookUrl::parse("https://hooks.example.com/services/T0K3N").unwrap();
        assert!(!format!("{url:?}").contains("T0K3N"));
    }
}
