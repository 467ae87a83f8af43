//! The webhook: a process of its own, and its registration in the cluster once it answers.
//! Registered before it answers, it would keep every pod of every tenant from starting.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use localplane::{Ports, Stop, net, wait};

use super::accounts;
use super::cluster::Cluster;
use super::manifests;
use super::supervised::Supervised;

const READY: Duration = Duration::from_secs(60);

/// Starts `remotegpu-admission`; gives its address.
///
/// # Errors
/// When its certificate cannot be made or the program not started.
pub fn start(
    cluster: &Cluster,
    dir: &Path,
    program: &Path,
    ports: &mut Ports,
    processes: &mut Supervised,
) -> Result<SocketAddr> {
    let ip = cluster.webhook_ip;
    let address = SocketAddr::new(ip, ports.get("remotegpu-admission", ip)?);
    let serving = cluster.pki().webhook_serving(ip)?;
    let mut command = Command::new(program);
    command.arg("--listen").arg(address.to_string());
    command.arg("--tls-cert-file").arg(serving.cert).arg("--tls-key-file").arg(serving.key);
    command.arg("--kubeconfig").arg(accounts::path(dir, "admission"));
    processes.start("remotegpu-admission", &mut command)?;
    Ok(address)
}

/// Waits until the webhook answers, then registers it.
///
/// # Errors
/// When it dies, takes too long, or the cluster refuses the registration.
pub fn register(
    cluster: &Cluster,
    address: SocketAddr,
    deploy: &Path,
    processes: &mut Supervised,
    stop: &Stop,
) -> Result<()> {
    let url = format!("https://{address}");
    wait::until("the start of remotegpu-admission", READY, stop, || {
        processes.ensure_alive()?;
        Ok((net::answers(address) && answers(cluster, &url)).then_some(()))
    })?;
    manifests::apply_webhook(&cluster.kubectl, deploy, &url, &cluster.pki().ca_bundle())
        .context("the cluster refuses the webhook")
}

/// kubectl can ask any HTTPS address for a path: so its certificate is checked as the API server will check it.
/// It insists on a credential; the webhook looks at none.
fn answers(cluster: &Cluster, url: &str) -> bool {
    let mut ask = Command::new(&cluster.kubectl_program);
    ask.env("KUBECONFIG", "/dev/null").arg(format!("--server={url}"));
    ask.arg(format!("--certificate-authority={}", cluster.pki().ca_file().display()));
    ask.args(["--token=none", "get", "--raw", "/readyz"]).output().is_ok_and(|output| output.status.success())
}
