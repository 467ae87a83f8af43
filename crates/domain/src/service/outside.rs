//! A Service that is reached from outside, at the ingress controllers of the imported engines that run its pods.
//! `remotegpu nodes` says so in one condition of the Service for each engine; this is its text, written and read.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Label by which a Service asks for it. A label, because it can be listed by.
pub const EXPOSE_LABEL: &str = "remotegpu.ai/expose";
/// The one value that means something: HTTP under a host name of its own.
pub const EXPOSE_HTTP: &str = "http";
/// What the types of our conditions begin with; the engine's label follows.
const CONDITION: &str = "outside.remotegpu.ai/";
/// Private use for good (ICANN, 2024): such a name never belongs to somebody else.
const DOMAIN: &str = "remotegpu.internal";

/// Whether a Service is reached at an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutsideState {
    /// The engine's ingress controller has taken it up.
    Served,
    /// All is made, but no ingress controller has confirmed it.
    Unconfirmed,
    /// It cannot be; the reason says what would change that.
    Refused,
}

/// How a Service is reached from outside at one engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outside {
    /// Label of the engine's nodes.
    pub engine: String,
    /// Whether it is reached.
    pub state: OutsideState,
    /// Where; its name must lead to `address`.
    pub url: Option<String>,
    /// The engine's load balancer.
    pub address: Option<String>,
    /// Why not, or what is not sure; empty if it is served.
    pub reason: String,
}

/// A condition as Kubernetes has it, without its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideCondition {
    /// Type.
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: &'static str,
    /// One word.
    pub reason: &'static str,
    /// `<url> at <address>`, or a sentence.
    pub message: String,
}

/// The host name of a Service at an engine. Tenants choose no part of it but the Service's name, so that no name of the
/// engine's owner or of another tenant can be taken.
pub fn outside_host(service: &str, namespace: &str, engine: &str) -> String {
    format!("{service}.{namespace}.{engine}.{DOMAIN}")
}

/// The type of the condition of one engine; its label is short enough for the part behind the slash.
pub fn outside_condition(engine: &str) -> String {
    format!("{CONDITION}{engine}")
}

/// The engine of whose condition this is the type; none for other conditions.
pub fn outside_engine(kind: &str) -> Option<&str> {
    kind.strip_prefix(CONDITION)
}

// === impl Outside ===

impl Outside {
    /// Reached, or on the way to it as long as nobody has confirmed it.
    pub fn made(engine: &str, host: &str, address: IpAddr, confirmed: bool) -> Self {
        let state = if confirmed { OutsideState::Served } else { OutsideState::Unconfirmed };
        let (url, address) = (Some(format!("http://{host}/")), Some(address.to_string()));
        Self { engine: engine.to_owned(), state, url, address, reason: state.words().to_owned() }
    }

    /// Not reached.
    pub fn refused(engine: &str, reason: String) -> Self {
        Self { engine: engine.to_owned(), state: OutsideState::Refused, url: None, address: None, reason }
    }

    /// The condition that says so.
    pub fn condition(&self) -> OutsideCondition {
        let (status, reason) = match self.state {
            OutsideState::Served => ("True", "Served"),
            OutsideState::Unconfirmed => ("Unknown", "Unconfirmed"),
            OutsideState::Refused => ("False", "Refused"),
        };
        let message = match (&self.url, &self.address) {
            (Some(url), Some(address)) => format!("{url} at {address}"),
            _ => self.reason.clone(),
        };
        OutsideCondition { kind: outside_condition(&self.engine), status, reason, message }
    }

    /// Reads a condition; none for one that is not ours.
    pub fn read(kind: &str, status: &str, message: &str) -> Option<Self> {
        let engine = outside_engine(kind)?.to_owned();
        let state = match status {
            "True" => OutsideState::Served,
            "Unknown" => OutsideState::Unconfirmed,
            _ => return Some(Self::refused(&engine, message.to_owned())),
        };
        let (url, address) = message.split_once(" at ")?;
        let (url, address) = (Some(url.to_owned()), Some(address.to_owned()));
        Some(Self { engine, state, url, address, reason: state.words().to_owned() })
    }

    /// A command that reaches it before any name server knows the name; none if it is not reached.
    pub fn curl(&self) -> Option<String> {
        let (url, address) = (self.url.as_ref()?, self.address.as_ref()?);
        let host = url.strip_prefix("http://")?.trim_end_matches('/');
        let address = if address.contains(':') { format!("[{address}]") } else { address.clone() };
        Some(format!("curl --resolve {host}:80:{address} {url}"))
    }
}

// === impl OutsideState ===

impl OutsideState {
    fn words(self) -> &'static str {
        match self {
            Self::Unconfirmed => "The engine's ingress controller has not confirmed it; some never do",
            Self::Served | Self::Refused => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let host = outside_host("web", "team-01ab23cd", "on-prem.deadbeef");
        assert_eq!(host, "web.team-01ab23cd.on-prem.deadbeef.remotegpu.internal");
        let made = |confirmed| Outside::made("on-prem.deadbeef", &host, [203, 0, 113, 10].into(), confirmed);
        let refused = Outside::refused("on-prem.deadbeef", "The feature Ingress is off at 3".into());
        for outside in [made(true), made(false), refused] {
            let OutsideCondition { kind, status, message, .. } = outside.condition();
            assert_eq!(Outside::read(&kind, status, &message), Some(outside), "{message}");
        }
    }

    #[test]
    fn conditions_of_others_and_torn_ones_are_not_read() {
        assert_eq!(Outside::read("Ready", "True", "http://a/ at 192.0.2.1"), None);
        assert_eq!(Outside::read("outside.remotegpu.ai/on-prem", "True", "http://a/"), None);
    }

    #[test]
    fn a_command_reaches_it_without_a_name_server() {
        let made = |address| Outside::made("on-prem", "web.team.on-prem.remotegpu.internal", address, true).curl();
        let curl = "curl --resolve web.team.on-prem.remotegpu.internal:80";
        let url = "http://web.team.on-prem.remotegpu.internal/";
        assert_eq!(made([203, 0, 113, 10].into()), Some(format!("{curl}:203.0.113.10 {url}")));
        assert_eq!(made("2001:db8::1".parse().unwrap()), Some(format!("{curl}:[2001:db8::1] {url}")));
        assert_eq!(Outside::refused("on-prem", String::new()).curl(), None);
    }
}
