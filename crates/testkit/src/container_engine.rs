//! The Docker or Podman of this machine, asked past our own code: what it says is what really runs.

use std::path::PathBuf;

use serde_json::Value;
use tokio::process::Command;

/// Where the engine of this machine listens.
pub fn engine_socket() -> PathBuf {
    let podman = PathBuf::from(std::env::var_os("REMOTEGPU_TEST_DIR").unwrap()).join("podman.sock");
    if podman.exists() { podman } else { "/var/run/docker.sock".into() }
}

/// Ids of the containers of the pod with this uid, whatever their state.
pub async fn containers_of_pod(uid: &str) -> Vec<String> {
    let filters = format!("{{\"label\":[\"remotegpu.ai/pod-uid={uid}\"]}}");
    let mut curl = Command::new("curl");
    curl.args(["-sG", "--unix-socket"]).arg(engine_socket()).args(["http://engine/containers/json", "-d", "all=true"]);
    let output = curl.args(["--data-urlencode", &format!("filters={filters}")]).output().await.unwrap();
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    list.as_array().unwrap().iter().map(|one| one["Id"].as_str().unwrap().to_owned()).collect()
}
