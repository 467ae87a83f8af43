//! What becomes of the containers of our pods when everything else stops.
//! Kept data: they are stopped, and the next start finds them and starts them again. A test run: they are removed with
//! their networks and volumes. Without this, Ctrl-C would leave processes behind that nobody looks after.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::http;

/// Labels that the local node puts on everything that it makes (`crates/engines/src/docker.rs`).
const NODE: &str = "remotegpu.ai/node=local";
const CLUSTER_LABEL: &str = "remotegpu.ai/cluster";
/// Each container gets two seconds to end by itself.
const GRACE: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(15);

/// The engine behind one socket, and the cluster (the UID of its `kube-system`) whose containers are ours.
///
/// Says nothing of failures: this is the way out, and the engine may be gone already.
#[derive(Clone, Copy, Debug)]
pub struct Containers<'a> {
    pub socket: &'a Path,
    pub cluster: &'a str,
}

impl Containers<'_> {
    /// Stops all that run.
    pub fn stop(self) {
        let running = self.running().unwrap_or_default();
        self.each("POST", running.iter().map(|id| format!("/containers/{id}/stop?t={GRACE}")));
    }

    /// Removes all, with the networks and volumes made for them.
    pub fn remove(self) {
        let containers = self.list("/containers/json?all=true&", "Id").unwrap_or_default();
        self.each("DELETE", containers.iter().map(|id| format!("/containers/{id}?force=true")));
        let networks = self.list("/networks?", "Id").unwrap_or_default();
        self.each("DELETE", networks.iter().map(|id| format!("/networks/{id}")));
        let volumes = self.list("/volumes?", "Name").unwrap_or_default();
        self.each("DELETE", volumes.iter().map(|name| format!("/volumes/{name}?force=true")));
    }

    /// Ids of those that run.
    ///
    /// # Errors
    /// When the engine does not answer, or not with a list.
    pub fn running(self) -> Result<Vec<String>> {
        self.list("/containers/json?", "Id")
    }

    fn each(self, method: &str, paths: impl Iterator<Item = String>) {
        let paths: Vec<String> = paths.collect();
        // A few at a time: an engine that gets a hundred at once answers none of them in time.
        for some in paths.chunks(8) {
            std::thread::scope(|scope| {
                for path in some {
                    scope.spawn(move || http::over_socket(self.socket, method, path, PATIENCE));
                }
            });
        }
    }

    fn list(self, path: &str, id: &str) -> Result<Vec<String>> {
        let filters = serde_json::json!({"label": [NODE, format!("{CLUSTER_LABEL}={}", self.cluster)]}).to_string();
        let path = format!("{path}filters={}", encode(&filters));
        let answer = http::over_socket(self.socket, "GET", &path, PATIENCE)?;
        ensure!(answer.status == 200, "the engine answers {}", answer.status);
        let list: Value = serde_json::from_str(&answer.body).context("the engine's list is not JSON")?;
        // Volumes come inside an object, everything else as a bare list.
        let items = list.as_array().or_else(|| list["Volumes"].as_array());
        Ok(items.into_iter().flatten().filter_map(|item| item[id].as_str().map(str::to_owned)).collect())
    }
}

/// Percent-encodes all but letters and digits.
fn encode(text: &str) -> String {
    let encode =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}
