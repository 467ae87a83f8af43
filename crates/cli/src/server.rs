//! Where the console is: https, or plain http on this very machine.

use anyhow::{Result, bail};
use reqwest::Url;

/// A checked address of a console: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server(Url);

impl Server {
    /// Checks what somebody typed or a file says.
    ///
    /// # Errors
    /// One sentence when it is no address of a console.
    pub fn parse(text: &str) -> Result<Self> {
        let Ok(url) = Url::parse(text.trim()) else {
            bail!("{text} is no address of a console: write it like https://console.example.com");
        };
        check(&url)?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            bail!("{text} must be scheme, host and port only, like https://console.example.com");
        }
        Ok(Self(url))
    }

    /// The console that serves `url`.
    ///
    /// # Errors
    /// As [`Server::parse`].
    pub fn of(url: &Url) -> Result<Self> {
        Self::parse(&url.origin().ascii_serialization())
    }

    /// `https://host[:port]`, without a slash at the end.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// One of its pages or routes.
    ///
    /// # Errors
    /// When `path` is none.
    pub fn join(&self, path: &str) -> Result<Url> {
        Ok(self.0.join(path)?)
    }

    /// The name of its folder: `host_port`, letters that every file system takes.
    pub fn folder(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' };
        let host: String = host.chars().map(safe).collect();
        format!("{host}_{}", self.0.port_or_known_default().unwrap_or_default())
    }
}

/// Refuses an address that would put a secret on the wire in clear, or hide another host behind a user name.
///
/// # Errors
/// One sentence.
pub fn check(url: &Url) -> Result<()> {
    if !url.username().is_empty() || url.password().is_some() {
        bail!("An address with a user name or password is refused");
    }
    match url.scheme() {
        "https" if url.has_host() => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => bail!("Plain http is for this machine only: use https://"),
        _ => bail!("The address must start with https://"),
    }
}

/// Whether `url` never leaves this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_on_this_machine_only() {
        for good in ["https://console.example.com", "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:8080/"]
        {
            assert!(Server::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://console.example.com",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1@evil.example",
            "https://a:b@console.example.com",
            "ftp://127.0.0.1",
            "console.example.com",
            "https://console.example.com/path",
            "https://console.example.com/?a=b",
            "",
        ] {
            assert!(Server::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_console_has_a_folder_of_its_own() {
        let folder = |url| Server::parse(url).unwrap().folder();
        assert_eq!(folder("https://Console.example.com"), "console.example.com_443");
        assert_eq!(folder("http://127.0.0.1:8080"), "127.0.0.1_8080");
        assert_eq!(folder("http://[::1]:8080"), "___1__8080");
    }

    #[test]
    fn a_route_leads_back_to_its_console() {
        let url = Url::parse("http://127.0.0.1:8080/v1/kubernetes/namespaces/x/exec-credential?access=view").unwrap();
        assert_eq!(Server::of(&url).unwrap().as_str(), "http://127.0.0.1:8080");
    }
}
