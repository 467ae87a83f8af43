//! How people reach the console. Decides cookie name, HSTS and the trusted origin.
//!
//! Source: DESIGN §8, `security.md` §4.1: plain HTTP only on loopback, listening on loopback only.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use axum::http::Uri;

/// A checked public URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    https: bool,
}

impl PublicUrl {
    /// Checks `url` (default: `http://` and the listening address) against the listening address.
    ///
    /// # Errors
    /// One sentence when it is no plain origin, or http where that would put a session on the wire in clear.
    pub fn new(url: Option<&str>, listen: SocketAddr) -> anyhow::Result<Self> {
        let url = url.map_or_else(|| format!("http://{listen}"), str::to_owned);
        let uri: Uri = url.parse().with_context(|| format!("--public-url {url} is not a URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            bail!("--public-url {url} must be like https://console.example.com");
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.as_str().contains('@') {
            bail!("--public-url {url} must be scheme, host and port only");
        }
        let https = match scheme {
            "https" => true,
            "http" if is_loopback(authority.host()) && listen.ip().is_loopback() => false,
            "http" => bail!("Plain http works on loopback only: pass --public-url https://… and put TLS in front"),
            _ => bail!("--public-url {url} must start with https://"),
        };
        Ok(Self { origin: origin(https, authority.host(), authority.port_u16()), https })
    }

    /// `scheme://host[:port]`, lower case, without a default port: what browsers send as `Origin`.
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// Whether browsers see TLS.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// `__Host-` binds the cookie to this very host over TLS; on http loopback browsers would drop it.
    pub fn cookie_name(&self) -> &'static str {
        if self.https { "__Host-remotegpu" } else { "remotegpu" }
    }
}

fn origin(https: bool, host: &str, port: Option<u16>) -> String {
    let (scheme, default) = if https { ("https", 443) } else { ("http", 80) };
    let host = host.to_ascii_lowercase();
    match port.filter(|p| *p != default) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

/// Whether `host` names this very machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: Option<&str>, listen: &str) -> anyhow::Result<PublicUrl> {
        PublicUrl::new(url, listen.parse().unwrap())
    }

    #[test]
    fn https_is_fine_wherever_we_listen() {
        let url = check(Some("https://Console.example.com:443/"), "0.0.0.0:8080").unwrap();
        assert_eq!((url.as_str(), url.cookie_name()), ("https://console.example.com", "__Host-remotegpu"));
    }

    #[test]
    fn http_is_for_loopback_only() {
        for host in ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"] {
            assert_eq!(check(Some(host), "127.0.0.1:8080").unwrap().cookie_name(), "remotegpu");
        }
        assert_eq!(check(None, "127.0.0.1:8080").unwrap().as_str(), "http://127.0.0.1:8080");
        for (url, listen) in [
            (Some("http://console.example.com"), "127.0.0.1:8080"),
            (Some("http://127.0.0.1:8080"), "0.0.0.0:8080"),
            (None, "0.0.0.0:8080"),
        ] {
            assert!(check(url, listen).is_err(), "{url:?} on {listen}");
        }
    }

    #[test]
    fn only_a_plain_origin_is_a_public_url() {
        for bad in ["console", "ftp://x", "https://x/y", "https://x/?q", "https://a@x", "https://"] {
            assert!(check(Some(bad), "127.0.0.1:1").is_err(), "{bad}");
        }
    }
}
