//! Services: under which address pods of a namespace reach a port of a deployment.
//!
//! Source: `ui.md` §1 (Network), `security.md` §6.4 (LoadBalancer and NodePort are 0 by default).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::{check_dns_label, may_exist};
use crate::{Error, FieldError, Result};

mod outside;
mod reach;

pub use outside::{
    EXPOSE_HTTP, EXPOSE_LABEL, Outside, OutsideCondition, OutsideState, outside_condition, outside_engine, outside_host,
};
pub use reach::{EnginePods, ServiceReach, unreached};

/// Body of `POST …/services`: what `kubectl expose deployment` takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewService {
    /// DNS label; it becomes the host name.
    #[cfg_attr(
        feature = "openapi",
        schema(example = "web", min_length = 1, max_length = 63, pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Whose pods answer.
    #[cfg_attr(feature = "openapi", schema(example = "web", min_length = 1, max_length = 253))]
    pub deployment: String,
    /// The port that clients use.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 65535))]
    pub port: u16,
    /// The port on which the container listens; `port` unless given.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 65535))]
    pub target_port: Option<u16>,
    /// Also over HTTP from outside, at the load balancers of the imported engines that run the pods.
    #[serde(default)]
    pub outside: bool,
}

/// One port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServicePort {
    /// The port that clients use.
    pub port: u16,
    /// Number or name of the container's port.
    pub target_port: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
}

/// A Service on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceView {
    /// Name.
    pub name: String,
    /// `ClusterIP`, `NodePort` or `LoadBalancer`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Host name inside the cluster.
    pub host: String,
    /// Its address; none for a headless one.
    pub cluster_ip: Option<String>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// Labels of the pods that answer; empty = somebody keeps the addresses by hand.
    pub selector: BTreeMap<String, String>,
    /// Whether it is to be reached over HTTP from outside.
    pub exposed: bool,
    /// Where it is, for each imported engine that runs its pods; empty unless `exposed`.
    pub outside: Vec<Outside>,
    /// Whether it leads to its pods, for each engine that runs some; the nodes of the cluster itself first. Empty while
    /// none has a node.
    pub reach: Vec<ServiceReach>,
    /// RFC 3339.
    pub created_at: String,
}

// === impl NewService ===

impl NewService {
    /// Checks the form of every field.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field at once.
    pub fn check(&self) -> Result<()> {
        let mut wrong = Vec::new();
        // RFC 1035: a Service's name starts with a letter.
        if let Err(error) = check_dns_label("name", &self.name) {
            wrong.push(FieldError::new("name", "format", error.to_string()));
        } else if self.name.starts_with(|c: char| c.is_ascii_digit()) {
            wrong.push(FieldError::new("name", "format", "A service's name starts with a letter"));
        }
        if !may_exist(&self.deployment) {
            wrong.push(FieldError::new("deployment", "required", "Choose a deployment"));
        }
        if self.port == 0 {
            wrong.push(FieldError::new("port", "range", "A port lies between 1 and 65535"));
        }
        if self.target_port == Some(0) {
            wrong.push(FieldError::new("target_port", "range", "A port lies between 1 and 65535"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }

    /// The command that makes the same.
    pub fn kubectl(&self) -> String {
        let target = self.target_port.unwrap_or(self.port);
        let Self { name, deployment, port, .. } = self;
        let expose =
            format!("kubectl expose deployment {deployment} --name={name} --port={port} --target-port={target}");
        if !self.outside {
            return expose;
        }
        format!("{expose} && kubectl label service {name} {EXPOSE_LABEL}={EXPOSE_HTTP}")
    }
}

// === impl ServiceView ===

impl ServiceView {
    /// `host:port` of each port.
    pub fn addresses(&self) -> Vec<String> {
        self.ports.iter().map(|port| format!("{}:{}", self.host, port.port)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let new = NewService { name: "1web".into(), target_port: Some(0), ..NewService::default() };
        let Err(Error::Invalid(errors)) = new.check() else { panic!("it was taken") };
        let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, ["name", "deployment", "port", "target_port"]);
    }

    #[test]
    fn the_command_says_the_same() {
        let mut new = NewService { name: "web".into(), deployment: "demo".into(), port: 80, ..NewService::default() };
        new.target_port = Some(8080);
        assert!(new.check().is_ok());
        let expose = "kubectl expose deployment demo --name=web --port=80 --target-port=8080";
        assert_eq!(new.kubectl(), expose);
        new.outside = true;
        assert_eq!(new.kubectl(), format!("{expose} && kubectl label service web remotegpu.ai/expose=http"));
    }
}
