//! Which ports an instance gets: from the annotation, else from the containers' own ports.
//! HTTP ports go through the provider's proxy, TCP ports get a public number that comes later.
use k8s_openapi::api::core::v1::Container;
use kubelet::ProviderError;

use super::annotations::wrong;

/// Container ports that are served over HTTP.
const HTTP: [i32; 8] = [80, 443, 8080, 8000, 3000, 5000, 8888, 9000];
/// HTTP ports of one instance at most.
const MOST_HTTP: usize = 10;

/// Ports as the provider writes them, and those that it cannot open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) wanted: Vec<String>,
    pub(super) skipped: Vec<String>,
}

/// # Errors
/// [`ProviderError::Unsupported`] for an annotation that cannot be read, or too many HTTP ports.
pub(super) fn ports(annotation: Option<&str>, container: &Container) -> Result<Ports, ProviderError> {
    let mut ports = Ports::default();
    match annotation {
        Some(text) => {
            for part in super::annotations::split(text) {
                ports.add(parse(&part).ok_or_else(|| wrong("ports", text, "like 8080/http,5432/tcp"))?);
            }
        }
        None => {
            for port in container.ports.iter().flatten() {
                match port.protocol.as_deref().unwrap_or("TCP") {
                    "TCP" if HTTP.contains(&port.container_port) => ports.add(format!("{}/http", port.container_port)),
                    "TCP" => ports.add(format!("{}/tcp", port.container_port)),
                    other => ports.skipped.push(format!("{}/{other}", port.container_port)),
                }
            }
        }
    }
    let http = ports.wanted.iter().filter(|port| port.ends_with("/http")).count();
    if http > MOST_HTTP {
        let message = format!("RunPod serves at most {MOST_HTTP} HTTP ports for one pod; this one has {http}");
        return Err(ProviderError::Unsupported(message));
    }
    Ok(ports)
}

fn parse(text: &str) -> Option<String> {
    let (number, kind) = text.split_once('/')?;
    // Above 70000: "the same number inside and outside", a convention of the provider.
    let number: u32 = number.trim().parse().ok().filter(|number| (1..100_000).contains(number))?;
    let kind = kind.trim().to_lowercase();
    matches!(kind.as_str(), "http" | "tcp").then(|| format!("{number}/{kind}"))
}

/// The private numbers of the TCP ports.
pub(super) fn tcp(ports: &[String]) -> Vec<u16> {
    numbers(ports, "/tcp")
}

/// The private numbers of the HTTP ports.
pub(super) fn http(ports: &[String]) -> Vec<u16> {
    numbers(ports, "/http")
}

fn numbers(ports: &[String], kind: &str) -> Vec<u16> {
    ports.iter().filter_map(|port| port.strip_suffix(kind)?.parse().ok()).collect()
}

// === impl Ports ===

impl Ports {
    fn add(&mut self, port: String) {
        if !self.wanted.contains(&port) {
            self.wanted.push(port);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn container(ports: serde_json::Value) -> Container {
        serde_json::from_value(json!({"name": "app", "ports": ports})).unwrap()
    }

    #[test]
    fn the_published_example_is_http_and_tcp() {
        let nginx = container(
            json!([{"containerPort": 80}, {"containerPort": 5432}, {"containerPort": 53, "protocol": "UDP"}]),
        );
        let ports = ports(None, &nginx).unwrap();
        assert_eq!(
            (ports.wanted, ports.skipped),
            (vec!["80/http".into(), "5432/tcp".into()], vec!["53/UDP".to_owned()])
        );
    }

    #[test]
    fn the_annotation_replaces_the_list_and_nonsense_is_refused() {
        let nginx = container(json!([{"containerPort": 80}]));
        assert_eq!(ports(Some("8080/tcp, 9000/http"), &nginx).unwrap().wanted, ["8080/tcp", "9000/http"]);
        for bad in ["8080", "x/tcp", "53/udp", "0/tcp"] {
            assert!(ports(Some(bad), &nginx).is_err(), "{bad}");
        }
        let many: Vec<String> = (1..=11).map(|port| format!("{port}/http")).collect();
        assert!(ports(Some(&many.join(",")), &nginx).is_err());
    }
}
