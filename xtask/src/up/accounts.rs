//! The kubeconfigs of our own processes: each signs in as a ServiceAccount with its own rights.
//! The administrator's kubeconfig sets things up and is never given to a running part.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use localplane::kubeconfig::{self, Identity};

use super::cluster::Cluster;

pub const NAMESPACE: &str = "remotegpu-system";

/// The short names; the ServiceAccount is `remotegpu-<name>`, the file `kubeconfigs/<name>.yaml`.
const IDENTITIES: [&str; 8] =
    ["issuer", "reconciler", "metrics", "admission", "node-local", "node-simulated", "node-runpod", "nodes"];

/// Thirty days: `up` writes them anew at each start.
const DURATION: &str = "--duration=720h";

/// Writes a kubeconfig with a fresh token for each identity.
///
/// # Errors
/// When the cluster gives no token; names the identity.
pub fn write_all(cluster: &Cluster, dir: &Path) -> Result<()> {
    let results: Vec<Result<()>> = std::thread::scope(|scope| {
        let tasks = IDENTITIES.map(|name| scope.spawn(move || write(cluster, dir, name)));
        let broke = || Err(anyhow::anyhow!("asking for a token broke off"));
        tasks.into_iter().map(|task| task.join().unwrap_or_else(|_| broke())).collect()
    });
    results.into_iter().collect()
}

fn write(cluster: &Cluster, dir: &Path, name: &str) -> Result<()> {
    let account = format!("remotegpu-{name}");
    let token = cluster
        .kubectl
        .run(&["create", "token", &account, "--namespace", NAMESPACE, DURATION])
        .with_context(|| format!("no token for the ServiceAccount {account}"))?;
    let identity = Identity::Token(token.trim());
    kubeconfig::write(&path(dir, name), &account, &cluster.server, cluster.ca_file.as_deref(), &identity)
}

/// The kubeconfig of one identity.
pub fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join("kubeconfigs").join(format!("{name}.yaml"))
}
