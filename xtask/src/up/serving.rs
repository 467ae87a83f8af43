//! The serving certificates of the nodes' kubelet APIs: the API server must trust them, or it fetches no logs.
//! Our own control plane trusts our authority; a given cluster is asked to sign (RULINGS 22).

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use localplane::pki::CertFiles;
use localplane::{Pki, Stop, files, kubeconfig, wait};
use serde_json::json;

use super::cluster::Cluster;
use crate::say::Say;

/// How long the cluster's signer gets: managed clusters without one never answer.
const SIGNING: Duration = Duration::from_secs(15);

/// The certificate of `node` at `ip`.
///
/// # Errors
/// When no certificate can be made at all.
pub fn certificate(cluster: &Cluster, node: &str, ip: IpAddr, say: &Say, stop: &Stop) -> Result<CertFiles> {
    let pki = cluster.pki();
    if cluster.is_ours() {
        return pki.kubelet_serving(node, ip);
    }
    match signed_by_cluster(cluster, pki, node, ip, stop) {
        Ok(files) => Ok(files),
        Err(error) if stop.requested() => Err(error),
        Err(error) => {
            say.step(format!("The cluster signs no certificate for {node} ({error:#}): logs and exec may not work"));
            pki.kubelet_serving(node, ip)
        }
    }
}

/// A file with the authorities that may have signed the certificates of nodes: ours, and a given cluster's own.
///
/// # Errors
/// When a file cannot be read or written.
pub fn authorities(cluster: &Cluster, dir: &Path) -> Result<PathBuf> {
    let theirs = cluster.ca_file.clone().filter(|_| !cluster.is_ours());
    let mut bundle = Vec::new();
    for authority in std::iter::once(cluster.pki().ca_file()).chain(theirs) {
        bundle.extend(std::fs::read(&authority).with_context(|| format!("cannot read {}", authority.display()))?);
        bundle.push(b'\n');
    }
    let file = dir.join("pki/kubelet-ca.crt");
    files::write_public(&file, &bundle)?;
    Ok(file)
}

fn signed_by_cluster(cluster: &Cluster, pki: &Pki, node: &str, ip: IpAddr, stop: &Stop) -> Result<CertFiles> {
    let (request, files) = pki.kubelet_signing_request(node, ip)?;
    let name = format!("remotegpu-kubelet-{node}");
    let object = json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "remotegpu"}},
        "spec": {
            "request": kubeconfig::encode(request.as_bytes()),
            "signerName": "kubernetes.io/kubelet-serving",
            "usages": ["digital signature", "server auth"],
        },
    });
    let kubectl = &cluster.kubectl;
    // An old request of this name holds an old key.
    kubectl.run(&["delete", "csr", &name, "--ignore-not-found"])?;
    kubectl.feed(&["create", "--filename=-"], &object.to_string())?;
    kubectl.run(&["certificate", "approve", &name])?;
    let certificate = wait::until("the cluster's signature", SIGNING, stop, || {
        let signed = kubectl.run(&["get", "csr", &name, "--output=jsonpath={.status.certificate}"])?;
        Ok((!signed.is_empty()).then_some(signed))
    })?;
    let pem = kubeconfig::decode(&certificate).context("the signed certificate is not base64")?;
    files::write_public(&files.cert, &pem)?;
    kubectl.run(&["delete", "csr", &name, "--ignore-not-found"])?;
    Ok(files)
}
