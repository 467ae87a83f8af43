//! Which probes can be made from outside. One that cannot is refused before anything is rented: a pod that is never ready, or
//! never watched, would cost money for nothing.
use k8s_openapi::{
    api::core::v1::{Container, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};
use kubelet::ProviderError;

use super::{ports, ssh};

/// # Errors
/// [`ProviderError::Unsupported`] that names the probe and what it lacks.
pub(super) fn check(container: &Container, wanted: &[String], has_key: bool) -> Result<(), ProviderError> {
    let (tcp, http) = (ports::tcp(wanted), ports::http(wanted));
    let inside = has_key && tcp.contains(&ssh::NUMBER);
    let probes = [
        ("startupProbe", &container.startup_probe),
        ("readinessProbe", &container.readiness_probe),
        ("livenessProbe", &container.liveness_probe),
    ];
    for (field, probe) in probes {
        let lack = probe.as_ref().and_then(|probe| lacks(container, probe, (tcp.as_slice(), http.as_slice()), inside));
        if let Some(lack) = lack {
            return Err(ProviderError::Unsupported(format!("Container {}: {field}: {lack}", container.name)));
        }
    }
    Ok(())
}

/// What keeps a probe from being made; `tcp` and `http` are the ports that are opened, `inside` = SSH leads in.
fn lacks(container: &Container, probe: &Probe, (tcp, http): (&[u16], &[u16]), inside: bool) -> Option<String> {
    if probe.exec.is_some() {
        let text = "RunPod runs commands over SSH only: the node needs --runpod-ssh-key-file, the pod 22/tcp in the annotation \
                    runpod.io/ports and an image with an SSH server";
        return (!inside).then(|| text.to_owned());
    }
    let target = probe.http_get.as_ref().map(|get| &get.port).or(probe.tcp_socket.as_ref().map(|tcp| &tcp.port));
    let grpc = probe.grpc.as_ref().map(|grpc| IntOrString::Int(grpc.port));
    let port = number(container, target.or(grpc.as_ref())?)?;
    if tcp.contains(&port) {
        return None;
    }
    if !http.contains(&port) {
        let text =
            "name it in containerPorts or in the annotation runpod.io/ports, so that it can be probed from outside";
        return (!inside).then(|| format!("port {port} is not opened; {text}"));
    }
    let secured = probe.http_get.as_ref().is_some_and(|get| get.scheme.as_deref() == Some("HTTPS"));
    let unlike_http = if secured { "HTTPS" } else { "gRPC" };
    let text = format!("RunPod's proxy speaks plain HTTP to port {port}, not {unlike_http}");
    let wrong = secured || grpc.is_some() && !inside;
    wrong.then(|| format!("{text}; name it as {port}/tcp in the annotation runpod.io/ports"))
}

/// `None` for what is no port: the probe itself says so.
fn number(container: &Container, port: &IntOrString) -> Option<u16> {
    let named = |name: &String| {
        let mut ports = container.ports.iter().flatten();
        ports.find(|port| port.name.as_ref() == Some(name)).map(|port| port.container_port)
    };
    match port {
        IntOrString::Int(number) => u16::try_from(*number).ok(),
        IntOrString::String(name) => u16::try_from(named(name)?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refusal(probe: &Value, wanted: &[&str], has_key: bool) -> String {
        let container = json!({"name": "app", "livenessProbe": probe,
            "ports": [{"name": "web", "containerPort": 8080}, {"name": "sql", "containerPort": 5432}]});
        let wanted: Vec<String> = wanted.iter().map(|port| (*port).to_owned()).collect();
        let checked = check(&serde_json::from_value(container).unwrap(), &wanted, has_key);
        checked.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_can_be_reached_from_outside_can_be_probed() {
        let open = ["8080/http", "5432/tcp"];
        for probe in [
            json!({"httpGet": {"port": "web"}}),
            json!({"tcpSocket": {"port": 8080}}),
            json!({"tcpSocket": {"port": "sql"}}),
            json!({"httpGet": {"port": 5432, "scheme": "HTTPS"}}),
            json!({"grpc": {"port": 5432}}),
        ] {
            assert_eq!(refusal(&probe, &open, false), "", "{probe}");
        }
    }

    #[test]
    fn a_probe_that_cannot_be_made_is_refused_with_what_it_lacks() {
        let open = ["8080/http", "22/tcp"];
        let exec = json!({"exec": {"command": ["true"]}});
        for (probe, wanted) in [
            (&json!({"httpGet": {"port": 9090}}), "livenessProbe: port 9090 is not opened"),
            (&json!({"httpGet": {"port": 8080, "scheme": "HTTPS"}}), "not HTTPS; name it as 8080/tcp"),
            (&json!({"grpc": {"port": 8080}}), "not gRPC; name it as 8080/tcp"),
            (&exec, "over SSH only"),
        ] {
            let message = refusal(probe, &open, false);
            assert!(message.contains(wanted), "{probe}: {message}");
        }
        for probe in [&exec, &json!({"httpGet": {"port": 9090}}), &json!({"grpc": {"port": 8080}})] {
            assert_eq!(refusal(probe, &open, true), "", "SSH leads there: {probe}");
        }
        assert!(refusal(&exec, &["8080/http"], true).contains("22/tcp"));
    }
}
