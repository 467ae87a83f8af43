//! metrics-server as a process behind the API server of a control plane of its own, under the rights that its own
//! manifests give it.

use std::net::Ipv4Addr;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::{OtherPlane, Scratch};

const NAME: &str = "metrics-server";
const NAMESPACE: &str = "kube-system";

/// One that runs, stopped when dropped.
pub struct MetricsServer {
    home: Scratch,
    _process: Child,
}

impl MetricsServer {
    /// Starts it behind `plane`, which must be aggregating; it asks the nodes there every ten seconds. `None` on a machine
    /// with nothing but loopback, where no API server calls another.
    pub async fn start(plane: &OtherPlane) -> Option<Self> {
        let address = localplane::net::host_ipv4()?;
        let found = tokio::task::spawn_blocking(|| localplane::metrics_server::find(&mut |_| {}));
        let program = found.await.expect("the build ends").expect("metrics-server can be found or built");
        let port = crate::free_port();
        plane.admin_apply(&manifest(plane, address, port).to_string()).await.out();

        let home = Scratch::new();
        let log = std::fs::File::create(home.path().join("log")).unwrap();
        let kubeconfig = plane.kubeconfig_of(NAMESPACE, NAME).await;
        let (cert, key) = plane.service_certificate(NAME, NAMESPACE, address);
        let mut command = Command::new(program);
        for purpose in ["--kubeconfig", "--authentication-kubeconfig", "--authorization-kubeconfig"] {
            command.arg(purpose).arg(&kubeconfig);
        }
        command.arg("--tls-cert-file").arg(cert).arg("--tls-private-key-file").arg(key);
        command.arg("--kubelet-certificate-authority").arg(plane.ca_file());
        command.args([&format!("--bind-address={address}"), &format!("--secure-port={port}")]);
        command.args(["--kubelet-use-node-status-port", "--kubelet-preferred-address-types=InternalIP"]);
        command.args(["--kubelet-request-timeout=5s", "--metric-resolution=10s"]);
        command.current_dir(home.path()).stdin(Stdio::null()).kill_on_drop(true);
        let process = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().expect("metrics-server starts");
        Some(Self { home, _process: process })
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }
}

/// Its account and rights as published, its Service with the one endpoint, and its place behind the API server.
fn manifest(plane: &OtherPlane, address: Ipv4Addr, port: u16) -> Value {
    let metadata = json!({"name": NAME, "namespace": NAMESPACE});
    let subjects = json!([{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}]);
    let reads = json!(["get", "list", "watch"]);
    let binding = |kind: &str, metadata: Value, role_kind: &str, role: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "subjects": subjects, "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role}})
    };
    let bound =
        |role: &str| binding("ClusterRoleBinding", json!({"name": format!("{NAME}:{role}")}), "ClusterRole", role);
    let reader = "extension-apiserver-authentication-reader";
    let items = json!([
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "system:metrics-server"},
            "rules": [{"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
                {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": reads}]},
        bound("system:metrics-server"),
        bound("system:auth-delegator"),
        binding("RoleBinding", metadata.clone(), "Role", reader),
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"ports": [{"name": "https", "port": 443, "targetPort": port}]}},
        {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": {"kubernetes.io/service-name": NAME}},
            "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
            "ports": [{"name": "https", "port": port, "protocol": "TCP"}]},
        {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100,
                "versionPriority": 100, "caBundle": plane.ca_bundle(),
                "service": {"name": NAME, "namespace": NAMESPACE, "port": 443}}}
    ]);
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}
