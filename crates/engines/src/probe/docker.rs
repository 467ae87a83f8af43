//! A Docker or Podman host: its socket or its TLS port, version, GPUs, disk.

use bollard::{API_DEFAULT_VERSION, Docker as Client};
use domain::engine::report::{EngineCapacity, GpuCapacity};
use domain::engine::settings::Docker;
use domain::engine::{ApiUrl, Credentials, Depth};
use domain::outbound::AddressPolicy;
use serde_json::Value;

use super::http::Api;
use super::{Look, connect, shown};

pub(super) async fn look(policy: &AddressPolicy, at: &Docker, credentials: &Credentials, look: &mut Look) {
    let told = match at.endpoint.strip_prefix("unix://") {
        Some(path) => socket(path, look).await,
        None => remote(policy, at, credentials, look).await,
    };
    let Some((version, info)) = told else { return };
    look.facts.version = shown(version["Version"].as_str().unwrap_or_default());
    look.facts.identity = shown(info["Name"].as_str().unwrap_or_default());
    look.facts.cluster_uid = shown(host_id(&version, &info));
    look.pass("docker", format!("Version {}", look.facts.version));
    if look.depth == Depth::Full {
        devices(&info, look);
        look.skip("disk", "The host does not say how much disk is free");
    }
}

/// Which host it is, if that can be told. Podman makes up another `ID` for each answer (`/info` of its compatible API), so
/// an engine there would lead to "another cluster" at its next check.
fn host_id<'a>(version: &Value, info: &'a Value) -> &'a str {
    let parts = version["Components"].as_array().map(Vec::as_slice).unwrap_or_default();
    let podman = parts.iter().any(|part| part["Name"] == "Podman Engine");
    if podman { "" } else { info["ID"].as_str().unwrap_or_default() }
}

async fn socket(path: &str, look: &mut Look) -> Option<(Value, Value)> {
    let client = Client::connect_with_unix(path, connect::CALL.as_secs(), API_DEFAULT_VERSION);
    let Ok(client) = client else {
        look.fail("socket", "There is no such socket on this machine");
        return None;
    };
    let Ok(client) = client.negotiate_version().await else {
        look.fail("socket", "Nobody answers at this socket, or it may not be opened");
        return None;
    };
    let (Ok(version), Ok(info)) = (client.version().await, client.info().await) else {
        look.fail("docker", "This is neither Docker nor Podman");
        return None;
    };
    look.pass("socket", "The socket answers");
    let value = |text: serde_json::Result<Value>| text.unwrap_or(Value::Null);
    Some((value(serde_json::to_value(version)), value(serde_json::to_value(info))))
}

async fn remote(
    policy: &AddressPolicy,
    at: &Docker,
    credentials: &Credentials,
    look: &mut Look,
) -> Option<(Value, Value)> {
    let Ok(url) = ApiUrl::parse("endpoint", &at.endpoint) else {
        look.fail("socket", "This address cannot be read");
        return None;
    };
    let addresses = connect::reach(policy, &url, look).await?;
    let api = match Api::new(&url, &addresses, at.ca_pem.as_deref(), credentials) {
        Ok(api) => api,
        Err(why) => {
            look.fail("auth", why);
            return None;
        }
    };
    let said = api.get("/version").await;
    if !api.tls_rows(said.as_ref().map_err(|why| *why), look) {
        return None;
    }
    match (said, api.get("/info").await) {
        (Ok(version), Ok(info)) if version.ok() && info.ok() && version.body["ApiVersion"].is_string() => {
            Some((version.body, info.body))
        }
        // A host that wants another certificate ends the connection after the handshake.
        (Err(_), _) => {
            look.fail("auth", "The host refuses the client certificate");
            None
        }
        _ => {
            look.fail("docker", "This is neither Docker nor Podman");
            None
        }
    }
}

/// GPUs, where the host names them.
fn devices(info: &Value, look: &mut Look) {
    let total = crate::docker::gpus::named(info);
    let runtime = info.pointer("/Runtimes/nvidia").is_some();
    match (total, runtime) {
        (0, true) => look.warn("gpu", "The NVIDIA runtime is installed; the host does not say how many GPUs there are"),
        (0, false) => look.warn("gpu", "No GPU found on this host"),
        _ => look.pass("gpu", format!("{total} GPUs")),
    }
    let model = "nvidia.com/gpu".to_owned();
    let gpus = if total > 0 { vec![GpuCapacity { model, total, free: None }] } else { Vec::new() };
    look.facts.capacity = Some(EngineCapacity { nodes: 1, gpus });
}
