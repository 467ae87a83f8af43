//! The console: `remotegpu serve` with its two identities, its database and its secrets.
//! Whatever may hold a password goes by environment or file, never on the command line. Identity providers are used
//! where the data directory holds an `oidc.json`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use localplane::{Ports, Stop, wait};

use super::cluster::Cluster;
use super::platform::{ADMIN_EMAIL, Settings};
use super::secrets::Secrets;
use super::supervised::Supervised;
use super::{accounts, http, serving};
use crate::build::Built;

const READY: Duration = Duration::from_secs(60);
/// Where the tests' second control plane is. Listeners of the platform itself at this address stay denied.
pub const TEST_NETWORK: &str = "127.0.0.1/32";

/// Starts the console.
///
/// # Errors
/// When the program cannot be started.
pub fn start(
    settings: &Settings,
    cluster: &Cluster,
    built: &Built,
    secrets: &Secrets,
    ports: &mut Ports,
    processes: &mut Supervised,
) -> Result<()> {
    let dir = &settings.dir;
    let address = address(settings);
    let mut command = Command::new(&built.server);
    command.env("REMOTEGPU_DATABASE", database(settings));
    command.arg("serve").arg("--listen").arg(address.to_string());
    command.arg("--public-url").arg(format!("http://{address}"));
    let metrics = ports.get("metrics", Ipv4Addr::LOCALHOST.into())?;
    command.arg("--metrics-listen").arg(format!("{}:{metrics}", Ipv4Addr::LOCALHOST));
    command.arg("--pepper-file").arg(&secrets.pepper).arg("--audit-key-file").arg(&secrets.audit_key);
    command.arg("--kek-file").arg(&secrets.kek);
    command.arg("--jwt-key-file").arg(&secrets.jwt_key);
    command.arg("--issuer-kubeconfig").arg(accounts::path(dir, "issuer"));
    command.arg("--reconciler-kubeconfig").arg(accounts::path(dir, "reconciler"));
    command.arg("--metrics-kubeconfig").arg(accounts::path(dir, "metrics"));
    let authorities = serving::authorities(cluster, dir)?;
    command.arg("--kubelet-ca-file").arg(&authorities);
    command.arg("--cluster-server").arg(&cluster.server);
    if let Some(ca_file) = &cluster.ca_file {
        command.arg("--cluster-ca-file").arg(ca_file);
    }
    let providers = dir.join("oidc.json");
    if providers.exists() {
        command.arg("--oidc-config-file").arg(providers).arg("--cookie-key-file").arg(&secrets.cookie_key);
    }
    if settings.throwaway {
        command.arg("--outbound-allowed-networks").arg(TEST_NETWORK);
        // Our own authority signs for the tests' receiver of webhooks, too.
        command.arg("--outbound-ca-file").arg(&authorities);
    }
    if let Some(url) = &settings.runpod_api {
        command.arg("--runpod-api-url").arg(url);
    }
    command.arg("--site-root").arg(&built.site_root);
    command.arg("--bootstrap-email").arg(ADMIN_EMAIL).arg("--bootstrap-password-file").arg(&secrets.password);
    processes.start("remotegpu", &mut command)
}

/// Waits until the console says that it can serve.
///
/// # Errors
/// When it dies or takes too long.
pub fn wait_until_ready(settings: &Settings, processes: &mut Supervised, stop: &Stop) -> Result<()> {
    let mut last = String::from("it does not listen");
    let end = wait::until("the start of the console", READY, stop, || {
        processes.ensure_alive()?;
        match http::get(address(settings), "/readyz") {
            Ok(answer) if answer.status == 200 => return Ok(Some(())),
            Ok(answer) => last = format!("/readyz says {} {}", answer.status, answer.body.trim()),
            Err(error) => last = format!("{error:#}"),
        }
        Ok(None)
    });
    end.map_err(|error| if stop.requested() { error } else { error.context(format!("not ready: {last}")) })
}

/// The database: the one named, else a file in the data directory.
pub fn database(settings: &Settings) -> String {
    let sqlite = || format!("sqlite://{}", settings.dir.join("remotegpu.sqlite").display());
    settings.database.clone().unwrap_or_else(sqlite)
}

/// Where the console listens: always loopback, because it speaks plain http here.
pub fn address(settings: &Settings) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), settings.port)
}
