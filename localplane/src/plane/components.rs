//! The command lines of the four processes.
//! Only flags with a reason are here; everything else is the default of the pinned version.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::PlaneConfig;
use crate::Pki;

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const SERVICE_RANGE: &str = "10.96.0.0/16";

/// `--name=value`, where the value may be a path of any bytes.
fn flag(command: &mut Command, name: &str, value: impl AsRef<std::ffi::OsStr>) {
    let mut argument = OsString::from(format!("--{name}="));
    argument.push(value);
    command.arg(argument);
}

/// etcd with TLS on both sides: the ports are on loopback, where every user of the machine could connect.
pub fn etcd(program: &Path, dir: &Path, pki: &Pki, port: u16, peer_port: u16, throwaway: bool) -> Result<Command> {
    let serving = pki.etcd_serving()?;
    let client = format!("https://127.0.0.1:{port}");
    let peer = format!("https://127.0.0.1:{peer_port}");
    let mut command = Command::new(program);
    flag(&mut command, "name", "remotegpu");
    flag(&mut command, "data-dir", dir.join("etcd"));
    flag(&mut command, "listen-client-urls", &client);
    flag(&mut command, "advertise-client-urls", &client);
    flag(&mut command, "listen-peer-urls", &peer);
    flag(&mut command, "initial-advertise-peer-urls", &peer);
    flag(&mut command, "initial-cluster", format!("remotegpu={peer}"));
    for (prefix, ca) in [("", "trusted-ca-file"), ("peer-", "peer-trusted-ca-file")] {
        flag(&mut command, ca, pki.etcd_ca_file());
        flag(&mut command, &format!("{prefix}cert-file"), &serving.cert);
        flag(&mut command, &format!("{prefix}key-file"), &serving.key);
        flag(&mut command, &format!("{prefix}client-cert-auth"), "true");
    }
    // A data directory that is used for weeks must not grow with its history.
    flag(&mut command, "auto-compaction-retention", "1h");
    if throwaway {
        command.arg("--unsafe-no-fsync");
    }
    Ok(command)
}

/// The API server, with verified TLS towards etcd and towards the kubelets.
pub fn apiserver(program: &Path, config: &PlaneConfig, pki: &Pki, port: u16, etcd_port: u16) -> Result<Command> {
    let serving = pki.apiserver_serving(config.host)?;
    let database = pki.etcd_client()?;
    let kubelet = pki.client("kubelet-client", "kube-apiserver-kubelet-client", Some("system:masters"))?;
    let tokens = pki.token_key_files();
    let mut command = Command::new(program);
    flag(&mut command, "etcd-servers", format!("https://127.0.0.1:{etcd_port}"));
    flag(&mut command, "etcd-cafile", pki.etcd_ca_file());
    flag(&mut command, "etcd-certfile", database.cert);
    flag(&mut command, "etcd-keyfile", database.key);
    flag(&mut command, "bind-address", config.bind.to_string());
    flag(&mut command, "secure-port", port.to_string());
    advertise(&mut command, config.host);
    flag(&mut command, "tls-cert-file", serving.cert);
    flag(&mut command, "tls-private-key-file", serving.key);
    flag(&mut command, "client-ca-file", pki.ca_file());
    flag(&mut command, "service-account-issuer", ISSUER);
    flag(&mut command, "service-account-key-file", tokens.cert);
    flag(&mut command, "service-account-signing-key-file", tokens.key);
    flag(&mut command, "service-cluster-ip-range", SERVICE_RANGE);
    flag(&mut command, "authorization-mode", "Node,RBAC");
    flag(&mut command, "enable-admission-plugins", "NodeRestriction");
    flag(&mut command, "allow-privileged", "true");
    flag(&mut command, "profiling", "false");
    flag(&mut command, "kubelet-client-certificate", kubelet.cert);
    flag(&mut command, "kubelet-client-key", kubelet.key);
    flag(&mut command, "kubelet-certificate-authority", pki.ca_file());
    flag(&mut command, "kubelet-preferred-address-types", "InternalIP");
    if config.aggregation {
        aggregate(&mut command, pki)?;
    }
    Ok(command)
}

/// The API servers behind this one take its word for who calls, by a client certificate of an authority of its own.
fn aggregate(command: &mut Command, pki: &Pki) -> Result<()> {
    let client = pki.front_proxy_client()?;
    flag(command, "requestheader-client-ca-file", pki.front_proxy_ca_file());
    flag(command, "requestheader-allowed-names", "front-proxy-client");
    flag(command, "requestheader-username-headers", "X-Remote-User");
    flag(command, "requestheader-group-headers", "X-Remote-Group");
    flag(command, "requestheader-extra-headers-prefix", "X-Remote-Extra-");
    flag(command, "proxy-client-cert-file", client.cert);
    flag(command, "proxy-client-key-file", client.key);
    flag(command, "enable-aggregator-routing", "true");
    Ok(())
}

/// Endpoints may not hold loopback addresses: without another one, the Service `kubernetes` stays without endpoints.
fn advertise(command: &mut Command, host: Option<IpAddr>) {
    match host {
        Some(address) => flag(command, "advertise-address", address.to_string()),
        None => {
            flag(command, "advertise-address", "127.0.0.1");
            flag(command, "endpoint-reconciler-type", "none");
        }
    }
}

/// The controllers, each under its own ServiceAccount, without a listener and without a leader election.
pub fn controller_manager(program: &Path, dir: &Path, pki: &Pki) -> Command {
    let mut command = Command::new(program);
    flag(&mut command, "kubeconfig", dir.join("kubeconfigs/controller-manager.yaml"));
    flag(&mut command, "root-ca-file", pki.ca_file());
    flag(&mut command, "service-account-private-key-file", pki.token_key_files().key);
    flag(&mut command, "cluster-signing-cert-file", pki.ca_file());
    flag(&mut command, "cluster-signing-key-file", pki.ca_key_file());
    flag(&mut command, "use-service-account-credentials", "true");
    alone(&mut command);
    command
}

/// The scheduler, without a listener and without a leader election.
pub fn scheduler(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new(program);
    flag(&mut command, "kubeconfig", dir.join("kubeconfigs/scheduler.yaml"));
    alone(&mut command);
    command
}

fn alone(command: &mut Command) {
    flag(command, "leader-elect", "false");
    flag(command, "secure-port", "0");
}
