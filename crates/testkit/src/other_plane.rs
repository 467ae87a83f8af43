//! A second control plane, as real as the first: the cluster that an engine stands for.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use localplane::{Binaries, Kubectl, PlaneConfig, Stop};

use crate::plane::with_token;
use crate::{Ran, Scratch};

/// A control plane of one test, stopped when dropped.
pub struct OtherPlane {
    // Stops before its folder goes.
    plane: localplane::Plane,
    dir: Scratch,
}

impl OtherPlane {
    /// Starts one with nothing in it: no nodes, no webhooks, no roles of ours.
    pub async fn start() -> Self {
        Self::started(false).await
    }

    /// As [`OtherPlane::start`], with an API server that takes others behind it.
    pub async fn aggregating() -> Self {
        Self::started(true).await
    }

    async fn started(aggregation: bool) -> Self {
        let started = tokio::task::spawn_blocking(move || {
            let binaries =
                Binaries::find(&mut |_| {}, &Stop::default()).expect("the control plane's binaries are cached");
            let dir = Scratch::new();
            let config = PlaneConfig { throwaway: true, aggregation, ..PlaneConfig::new(dir.path()) };
            let plane = localplane::Plane::start(&config, &binaries).expect("a second control plane can be started");
            Self { plane, dir }
        });
        started.await.expect("the start ends")
    }

    /// The API server's address, `https://host:port`.
    pub fn server(&self) -> String {
        self.plane.server().to_owned()
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.plane.kubectl().kubeconfig().to_owned()
    }

    /// The API server's CA in PEM.
    pub fn ca(&self) -> String {
        std::fs::read_to_string(self.plane.pki().ca_file()).expect("the CA can be read")
    }

    /// A file in the folder that goes with this plane, for example a kubeconfig with another server or token.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        self.dir.secret(name, text)
    }

    /// Certificate and key for the kubelet API of a node at 127.0.0.1, from the authority that this API server trusts.
    pub fn kubelet_certificate(&self, node: &str) -> (PathBuf, PathBuf) {
        let files = self.plane.pki().kubelet_serving(node, Ipv4Addr::LOCALHOST.into());
        let files = files.expect("a certificate can be issued");
        (files.cert, files.key)
    }

    /// Certificate and key for an API server at `ip` behind this one, under the name of its Service.
    pub fn service_certificate(&self, service: &str, namespace: &str, ip: Ipv4Addr) -> (PathBuf, PathBuf) {
        let files = self.plane.pki().service_serving(service, namespace, ip.into());
        let files = files.expect("a certificate can be issued");
        (files.cert, files.key)
    }

    /// The file of the API server's CA.
    pub fn ca_file(&self) -> PathBuf {
        self.plane.pki().ca_file()
    }

    /// The same in base64, as `caBundle` fields want it.
    pub fn ca_bundle(&self) -> String {
        self.plane.pki().ca_bundle()
    }

    /// A kubeconfig with nothing but a fresh token of a ServiceAccount.
    pub async fn kubeconfig_of(&self, namespace: &str, account: &str) -> PathBuf {
        let token = self.admin(&["create", "token", account, "-n", namespace]).await.out();
        self.file(&format!("{account}.yaml"), &with_token(&self.server(), &self.ca_file(), &token))
    }

    /// Runs kubectl as cluster admin.
    pub async fn admin(&self, arguments: &[&str]) -> Ran {
        Ran::feed(self.kubectl().command(), arguments, &[], "").await
    }

    /// Runs kubectl as cluster admin with a manifest on standard input.
    pub async fn admin_apply(&self, manifest: &str) -> Ran {
        Ran::feed(self.kubectl().command(), &["apply", "-f", "-"], &[], manifest).await
    }

    fn kubectl(&self) -> &Kubectl {
        self.plane.kubectl()
    }
}
