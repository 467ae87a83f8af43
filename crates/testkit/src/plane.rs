//! The one control plane of a test run, started by `cargo xtask test` with every manifest, webhook and node.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use localplane::{Binaries, Kubectl, Pki, Stop};

use serde_json::{Value, json};

use crate::{Followed, Ran, Scratch, earlier_kubectl};

/// The platform that `REMOTEGPU_TEST_DIR` names.
#[derive(Clone, Debug)]
pub struct Plane {
    dir: PathBuf,
    kubectl: PathBuf,
}

impl Plane {
    /// The plane of this run. Panics outside of `cargo xtask test`.
    pub fn current() -> &'static Self {
        static PLANE: OnceLock<Plane> = OnceLock::new();
        PLANE.get_or_init(|| {
            let dir = std::env::var_os("REMOTEGPU_TEST_DIR").expect(
                "this test needs the control plane of a test run: use `cargo xtask test`, which sets REMOTEGPU_TEST_DIR",
            );
            let binaries = Binaries::find(&mut |_| {}, &Stop::default()).expect("the control plane's binaries are cached");
            Self { dir: dir.into(), kubectl: binaries.kubectl }
        })
    }

    /// The kubeconfig of one identity: `admin`, `issuer`, `reconciler`, …
    pub fn kubeconfig(&self, identity: &str) -> PathBuf {
        self.dir.join("kubeconfigs").join(format!("{identity}.yaml"))
    }

    /// The API server's CA.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.join("pki").join("ca.crt")
    }

    /// Certificate and key for the kubelet API of a node at 127.0.0.1, from the authority that the API server trusts.
    pub fn kubelet_certificate(&self, node: &str) -> (PathBuf, PathBuf) {
        let pki = Pki::open(&self.dir.join("pki")).expect("the plane's authority can be opened");
        let files = pki.kubelet_serving(node, Ipv4Addr::LOCALHOST.into()).expect("a certificate can be issued");
        (files.cert, files.key)
    }

    /// Certificate and key of the cluster's admin.
    pub fn admin_certificate(&self) -> (PathBuf, PathBuf) {
        let pki = self.dir.join("pki");
        (pki.join("admin.crt"), pki.join("admin.key"))
    }

    /// A file of the control plane's certificates, for example `admin.crt`.
    pub fn pki_file(&self, name: &str) -> PathBuf {
        self.dir.join("pki").join(name)
    }

    /// A kubeconfig in `home` with nothing but a fresh token of a ServiceAccount.
    pub async fn kubeconfig_of(&self, home: &Scratch, namespace: &str, account: &str) -> PathBuf {
        let token = self.admin(&["create", "token", account, "-n", namespace]).await.out();
        home.secret("kubeconfig", &with_token(&self.server(), &self.ca_file(), &token))
    }

    /// The API server's address, `https://host:port`.
    pub fn server(&self) -> String {
        let text = std::fs::read_to_string(self.kubeconfig("admin")).expect("the admin kubeconfig can be read");
        let (_, rest) = text.split_once("https://").expect("the kubeconfig names a server");
        let end = rest.find(['"', '\n', ' ']).unwrap_or(rest.len());
        format!("https://{}", &rest[..end])
    }

    /// Runs kubectl as cluster admin.
    pub async fn admin(&self, arguments: &[&str]) -> Ran {
        self.kubectl(&self.kubeconfig("admin"), arguments, &[]).await
    }

    /// Runs kubectl as cluster admin with a manifest on standard input.
    pub async fn admin_apply(&self, manifest: &str) -> Ran {
        let command = Kubectl::new(&self.kubectl, &self.kubeconfig("admin")).command();
        Ran::feed(command, &["apply", "-f", "-"], &[], manifest).await
    }

    /// What the kubelet API of a node on this machine answers to the cluster's admin.
    pub async fn ask_kubelet(&self, port: u16, path: &str) -> String {
        let (cert, key) = self.admin_certificate();
        let mut curl = tokio::process::Command::new("curl");
        curl.args(["-sk", "--cert"]).arg(cert).arg("--key").arg(key).arg(format!("https://127.0.0.1:{port}{path}"));
        String::from_utf8(curl.output().await.expect("curl runs").stdout).expect("the answer is text")
    }

    /// Runs kubectl with any kubeconfig and environment.
    pub async fn kubectl(&self, kubeconfig: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        Ran::feed(Kubectl::new(&self.kubectl, kubeconfig).command(), arguments, environment, "").await
    }

    /// Follows a log with any kubeconfig and environment; its first line has come.
    pub async fn follow(&self, kubeconfig: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Followed {
        Followed::start(Kubectl::new(&self.kubectl, kubeconfig).command(), arguments, environment).await
    }

    /// Our pinned kubectl.
    pub fn kubectl_program(&self) -> &Path {
        &self.kubectl
    }

    /// As [`Plane::kubectl`] with another kubectl than ours.
    pub async fn kubectl_with(
        &self,
        program: &Path,
        kubeconfig: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Ran {
        Ran::feed(Kubectl::new(program, kubeconfig).command(), arguments, environment, "").await
    }

    /// Every kubectl of this machine by name: our pinned one, the one before it, and each `kubectl.1.NN` (RULINGS 50).
    pub fn kubectls(&self) -> Vec<(String, PathBuf)> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        // Where Google's Cloud SDK keeps the versions it ships.
        let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/lib/google-cloud-sdk/bin")]);
        let files = folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
        let named = files.filter_map(|file| {
            let name = file.file_name().into_string().ok()?;
            name.strip_prefix("kubectl.1.")?.parse::<u32>().ok().map(|_| (name, file.path()))
        });
        let mut all: std::collections::BTreeMap<String, PathBuf> = named.collect();
        all.insert("kubectl (pinned)".to_owned(), self.kubectl.clone());
        all.extend(earlier_kubectl().map(|kubectl| ("kubectl.1.35".to_owned(), kubectl.to_owned())));
        all.into_iter().collect()
    }

    /// As [`Plane::kubectl`] with a manifest on standard input.
    pub async fn kubectl_apply(&self, kubeconfig: &Path, manifest: &str, environment: &[(&str, &str)]) -> Ran {
        let command = Kubectl::new(&self.kubectl, kubeconfig).command();
        Ran::feed(command, &["apply", "-f", "-"], environment, manifest).await
    }
}

/// An object as JSON, as the admin's kubectl shows it; null if there is none.
pub async fn shown(kind: &str, name: &str) -> Value {
    let ran = Plane::current().admin(&["get", kind, name, "--output=json"]).await;
    serde_json::from_str(&ran.stdout).unwrap_or_default()
}

/// Whether a node or a pod says that it is ready.
pub fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True")
}

/// A kubeconfig with this token.
pub(crate) fn with_token(server: &str, ca: &Path, token: &str) -> String {
    let file = json!({"apiVersion": "v1", "kind": "Config", "current-context": "one",
        "clusters": [{"name": "home", "cluster": {"server": server, "certificate-authority": ca}}],
        "users": [{"name": "account", "user": {"token": token.trim()}}],
        "contexts": [{"name": "one", "context": {"cluster": "home", "user": "account"}}]});
    file.to_string()
}
