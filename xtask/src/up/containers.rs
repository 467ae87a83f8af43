//! Stops the containers of our pods when everything else stops; the next start finds them and starts them again.
//! Without this, Ctrl-C would leave processes behind that nobody looks after.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::http;

/// Labels that the local node puts on each container that it makes (`crates/engines/src/docker.rs`).
const NODE: &str = "remotegpu.ai/node=local";
const CLUSTER_LABEL: &str = "remotegpu.ai/cluster";
/// Each container gets two seconds to end by itself.
const GRACE: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(15);

/// Stops all running containers of the node `local` of the cluster with this id (the UID of its `kube-system`).
///
/// Says nothing of failures: this is the way out, and the engine may be gone already.
pub fn stop(socket: &Path, cluster: &str) {
    let Ok(ids) = running(socket, cluster) else { return };
    std::thread::scope(|scope| {
        for id in &ids {
            let path = format!("/containers/{id}/stop?t={GRACE}");
            scope.spawn(move || http::over_socket(socket, "POST", &path, PATIENCE));
        }
    });
}

fn running(socket: &Path, cluster: &str) -> Result<Vec<String>> {
    let filters = serde_json::json!({"label": [NODE, &format!("{CLUSTER_LABEL}={cluster}")]}).to_string();
    let answer = http::over_socket(socket, "GET", &format!("/containers/json?filters={}", encode(&filters)), PATIENCE)?;
    ensure!(answer.status == 200, "the engine answers {}", answer.status);
    let list: Vec<Value> = serde_json::from_str(&answer.body).context("the engine's list is not JSON")?;
    Ok(list.iter().filter_map(|container| container["Id"].as_str().map(str::to_owned)).collect())
}

/// Percent-encodes all but letters and digits.
fn encode(text: &str) -> String {
    let encode =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}
