//! What probes and lifecycle hooks do: a command, an HTTP request, a connection, a gRPC health check.
//! All of them reach the container through the engine, so an engine with another way in needs no other probes.
use std::{collections::BTreeMap, time::Duration};

use axum::body::Bytes;
use futures::StreamExt;
use k8s_openapi::{
    api::core::v1::{Container, ExecAction, GRPCAction, HTTPGetAction, LifecycleHandler, Pod, Probe, TCPSocketAction},
    apimachinery::pkg::util::intstr::IntOrString,
};

use crate::{ExecOutput, ExecRequest, ExecSession, HttpWay, Instance, ProviderError, kubelet::Shared};

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
    /// By the container's own fault.
    Failure(String),
    /// Nobody knows: the container was not reached, and that need not be its fault.
    Unknown(String),
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
            Some(port) => match opened(shared, shared.provider.dial_http(instance, port)).await {
                Ok(way) => http_get::request(way, instance, port, get).await,
                Err(error) => Err(unreached(error)),
            },
            None => Err(no_port(&get.port)),
        },
        Action { tcp: Some(tcp), .. } => match port(container, &tcp.port) {
            Some(port) => match opened(shared, shared.provider.dial_http(instance, port)).await {
                // A proxy takes every connection; only its answer says whether somebody is behind it.
                Ok(HttpWay { wire, proxy: Some(proxy) }) => http_get::is_served(wire, &proxy).await,
                Ok(_) => Ok(()),
                Err(error) => Err(unreached(error)),
            },
            None => Err(no_port(&tcp.port)),
        },
        Action { grpc: Some(check), .. } => match u16::try_from(check.port) {
            Ok(port) => match opened(shared, shared.provider.dial(instance, port)).await {
                Ok(wire) => {
                    grpc::check(wire, check.service.as_deref().unwrap_or_default()).await.map_err(Outcome::Failure)
                }
                Err(error) => Err(unreached(error)),
            },
            Err(_) => Err(Outcome::Unknown(format!("{} is no port", check.port))),
        },
        Action { sleep: Some(pause), .. } => {
            tokio::time::sleep(*pause).await;
            Ok(())
        }
        // The API server does not let a probe or hook without an action through.
        _ => Ok(()),
    };
    result.err().unwrap_or(Outcome::Success)
}

/// Waits for a way to the container for as long as the engine may need; one that takes longer says nothing of the container.
async fn opened<T>(
    shared: &Shared,
    way: impl Future<Output = Result<T, ProviderError>> + Send,
) -> Result<T, ProviderError> {
    let limit = shared.rules.capabilities.probe_allowance;
    if limit.is_zero() {
        return way.await;
    }
    let message = format!("not reached within {} s", limit.as_secs());
    let late = ProviderError::Waiting { reason: "ProbeInconclusive", message };
    tokio::time::timeout(limit, way).await.unwrap_or(Err(late))
}

/// That nobody listens is the container's fault; nothing else is.
fn unreached(error: ProviderError) -> Outcome {
    match error {
        ProviderError::Unavailable(message) => Outcome::Failure(message),
        other => Outcome::Unknown(other.to_string()),
    }
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

fn no_port(wanted: &IntOrString) -> Outcome {
    Outcome::Unknown(match wanted {
        IntOrString::Int(number) => format!("{number} is no port"),
        IntOrString::String(name) => format!("the container has no port named {name:?}"),
    })
}

/// Only the command's own exit code is a failure, as in Kubernetes: a command that was never run says nothing.
async fn command(shared: &Shared, pod: &Pod, container: &str, exec: &ExecAction) -> Result<(), Outcome> {
    let unknown = |error: ProviderError| Outcome::Unknown(error.to_string());
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let command = exec.command.clone().unwrap_or_default();
    let request = ExecRequest { command, stdin: false, stdout: true, stderr: true, tty: false };
    let session = opened(shared, shared.provider.exec(uid, container, &request)).await.map_err(unknown)?;
    let ExecSession { mut output, control, .. } = session;
    let mut shown = Vec::new();
    while let Some(piece) = output.next().await {
        let (ExecOutput::Stdout(data) | ExecOutput::Stderr(data)) = piece.map_err(unknown)?;
        keep(&mut shown, &data);
    }
    match control.exit_code().await.map_err(unknown)? {
        0 => Ok(()),
        code => Err(Outcome::Failure(format!("exit code {code}: {}", String::from_utf8_lossy(&shown).trim()))),
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
