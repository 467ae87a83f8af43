//! What probes and lifecycle hooks do: a command, an HTTP request, a connection, a gRPC health check.
//! All of them reach the container through the engine, so an engine with another way in needs no other probes.
use std::{collections::BTreeMap, time::Duration};

use axum::body::Bytes;
use futures::StreamExt;
use k8s_openapi::{
    api::core::v1::{Container, ExecAction, GRPCAction, HTTPGetAction, LifecycleHandler, Pod, Probe, TCPSocketAction},
    apimachinery::pkg::util::intstr::IntOrString,
};

use crate::{ExecOutput, ExecRequest, ExecSession, Instance, kubelet::Shared};

mod grpc;
mod http_get;

/// Output of a failed command that is shown.
const SHOWN: usize = 1024;

/// One thing to do.
#[derive(Debug, Default)]
pub(crate) struct Action<'a> {
    exec: Option<&'a ExecAction>,
    http: Option<&'a HTTPGetAction>,
    tcp: Option<&'a TCPSocketAction>,
    grpc: Option<&'a GRPCAction>,
    sleep: Option<Duration>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Failure(String),
}

impl<'a> From<&'a Probe> for Action<'a> {
    fn from(probe: &'a Probe) -> Self {
        Self {
            exec: probe.exec.as_ref(),
            http: probe.http_get.as_ref(),
            tcp: probe.tcp_socket.as_ref(),
            grpc: probe.grpc.as_ref(),
            sleep: None,
        }
    }
}

impl<'a> From<&'a LifecycleHandler> for Action<'a> {
    fn from(hook: &'a LifecycleHandler) -> Self {
        let sleep = hook.sleep.as_ref().map(|sleep| Duration::from_secs(sleep.seconds.try_into().unwrap_or(0)));
        Self {
            exec: hook.exec.as_ref(),
            http: hook.http_get.as_ref(),
            tcp: hook.tcp_socket.as_ref(),
            grpc: None,
            sleep,
        }
    }
}

/// Does it, without a time limit of its own.
pub(crate) async fn act(
    shared: &Shared,
    pod: &Pod,
    instance: &Instance,
    container: &Container,
    action: &Action<'_>,
) -> Outcome {
    let result = match action {
        Action { exec: Some(exec), .. } => command(shared, pod, &container.name, exec).await,
        Action { http: Some(get), .. } => match port(container, &get.port) {
            Some(port) => match shared.provider.dial(instance, port).await {
                Ok(wire) => http_get::request(wire, instance, port, get).await,
                Err(error) => Err(error.to_string()),
            },
            None => Err(no_port(&get.port)),
        },
        Action { tcp: Some(tcp), .. } => match port(container, &tcp.port) {
            Some(port) => shared.provider.dial(instance, port).await.map(drop).map_err(|error| error.to_string()),
            None => Err(no_port(&tcp.port)),
        },
        Action { grpc: Some(check), .. } => match u16::try_from(check.port) {
            Ok(port) => match shared.provider.dial(instance, port).await {
                Ok(wire) => grpc::check(wire, check.service.as_deref().unwrap_or_default()).await,
                Err(error) => Err(error.to_string()),
            },
            Err(_) => Err(format!("{} is no port", check.port)),
        },
        Action { sleep: Some(pause), .. } => {
            tokio::time::sleep(*pause).await;
            Ok(())
        }
        // The API server does not let a probe or hook without an action through.
        _ => Ok(()),
    };
    result.map_or_else(Outcome::Failure, |()| Outcome::Success)
}

/// A port by number, or by the name that the container gives it.
fn port(container: &Container, wanted: &IntOrString) -> Option<u16> {
    match wanted {
        IntOrString::Int(number) => u16::try_from(*number).ok(),
        IntOrString::String(name) => {
            let ports = container.ports.as_deref().unwrap_or_default();
            let named = ports.iter().find(|port| port.name.as_deref() == Some(name));
            named.map_or_else(|| name.parse().ok(), |port| u16::try_from(port.container_port).ok())
        }
    }
}

fn no_port(wanted: &IntOrString) -> String {
    match wanted {
        IntOrString::Int(number) => format!("{number} is no port"),
        IntOrString::String(name) => format!("the container has no port named {name:?}"),
    }
}

async fn command(shared: &Shared, pod: &Pod, container: &str, exec: &ExecAction) -> Result<(), String> {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let command = exec.command.clone().unwrap_or_default();
    let request = ExecRequest { command, stdin: false, stdout: true, stderr: true, tty: false };
    let session = shared.provider.exec(uid, container, &request).await.map_err(|error| error.to_string())?;
    let ExecSession { mut output, control, .. } = session;
    let mut shown = Vec::new();
    while let Some(piece) = output.next().await {
        let (ExecOutput::Stdout(data) | ExecOutput::Stderr(data)) = piece.map_err(|error| error.to_string())?;
        keep(&mut shown, &data);
    }
    match control.exit_code().await.map_err(|error| error.to_string())? {
        0 => Ok(()),
        code => Err(format!("exit code {code}: {}", String::from_utf8_lossy(&shown).trim())),
    }
}

fn keep(shown: &mut Vec<u8>, data: &Bytes) {
    let room = SHOWN.saturating_sub(shown.len());
    shown.extend_from_slice(&data[..data.len().min(room)]);
}

/// Header names and values of a request, lower case names.
type Headers = BTreeMap<String, String>;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_port_is_a_number_or_a_name_of_the_container() {
        let container: Container =
            serde_json::from_value(json!({"name": "app", "ports": [{"name": "web", "containerPort": 8080}]})).unwrap();
        assert_eq!(port(&container, &IntOrString::Int(80)), Some(80));
        assert_eq!(port(&container, &IntOrString::String("web".into())), Some(8080));
        assert_eq!(port(&container, &IntOrString::String("9".into())), Some(9));
        assert_eq!(port(&container, &IntOrString::String("other".into())), None);
        assert_eq!(port(&container, &IntOrString::Int(-1)), None);
    }
}
