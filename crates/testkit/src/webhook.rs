//! An admission webhook of a test's own: processes, certificates and a registration that selects the test's namespaces
//! only. What breaks here breaks for nobody else.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::{KubeApi, Plane, Scratch, eventually, unique};

/// The fixture. Its registrations go when it is dropped.
pub struct Webhook {
    /// The cluster's administrator.
    pub api: KubeApi,
    plane: &'static Plane,
    program: PathBuf,
    dir: Scratch,
    /// In place of `remotegpu.ai/namespace-id`.
    label: String,
    /// In place of the names in `deploy/`.
    name: String,
    epoch: AtomicU32,
}

/// One process of the webhook.
pub struct Replica {
    /// `127.0.0.1:port`.
    pub address: String,
    child: Child,
}

/// A certificate authority.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

// === impl Authority ===

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, unique("authority"));
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    /// Its certificate.
    pub fn pem(&self) -> String {
        let certificate: &rcgen::Certificate = self.issuer.as_ref();
        certificate.pem()
    }

    /// A serving certificate for loopback with its key; `expired` ended long ago.
    pub(crate) fn serving(&self, expired: bool) -> (String, String) {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        if expired {
            (params.not_before, params.not_after) =
                (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2021, 1, 1));
        }
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Webhook ===

impl Webhook {
    /// Nothing runs yet; the certificate files hold one of `authority`. `console` is `env!("CARGO_BIN_EXE_remotegpu")`:
    /// the webhook's program lies beside it.
    pub fn new(console: &str, authority: &Authority) -> Self {
        let plane = Plane::current();
        let name = unique("admission-test");
        let webhook = Self {
            api: KubeApi::admin(plane),
            plane,
            program: Path::new(console).with_file_name("remotegpu-admission"),
            dir: Scratch::new(),
            label: format!("{name}.remotegpu.test/selected"),
            name,
            epoch: AtomicU32::new(0),
        };
        webhook.serve_with(authority, false);
        webhook
    }

    /// Writes a new certificate of `authority` into the files.
    pub fn serve_with(&self, authority: &Authority, expired: bool) {
        let (certificate, key) = authority.serving(expired);
        self.dir.secret("tls.crt", &certificate);
        self.dir.secret("tls.key", &key);
    }

    /// Certificate and key.
    pub fn certificate_files(&self) -> [PathBuf; 2] {
        ["tls.crt", "tls.key"].map(|name| self.dir.path().join(name))
    }

    /// Starts a process and waits until it is ready. `server` stands in for the API server's address.
    pub async fn replica(&self, authority: &Authority, server: Option<&str>) -> Replica {
        let port = crate::free_port();
        let address = format!("127.0.0.1:{port}");
        let kubeconfig =
            std::fs::read_to_string(self.plane.kubeconfig("admission")).expect("its kubeconfig can be read");
        let kubeconfig = kubeconfig.replace(&self.plane.server(), server.unwrap_or(&self.plane.server()));
        let kubeconfig = self.dir.secret(&unique("kubeconfig"), &kubeconfig);
        let log = std::fs::File::create(self.dir.path().join(format!("{port}.log"))).unwrap();
        let mut command = Command::new(&self.program);
        command.args(["--listen", &address]).arg("--kubeconfig").arg(kubeconfig);
        command.arg("--tls-cert-file").arg(self.dir.path().join("tls.crt"));
        command.arg("--tls-key-file").arg(self.dir.path().join("tls.key"));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
        let child = command.spawn().expect("remotegpu-admission is built");
        self.until_served(&address, authority).await;
        Replica { address, child }
    }

    /// Waits until the process at `address` is ready and shows a certificate of `authority`.
    pub async fn until_served(&self, address: &str, authority: &Authority) {
        let ca = reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
        eventually("the webhook serves with the new certificate", async || {
            // A new client each time: a connection that is open keeps the certificate it began with.
            let http = reqwest::Client::builder().no_proxy().tls_certs_only([ca.clone()]).build().unwrap();
            match http.get(format!("https://{address}/readyz")).send().await {
                Ok(reply) if reply.status() == 200 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }

    /// Registers `deploy/webhook` at an address for this test's namespaces, and waits until the API server goes by it.
    /// `change` may edit the text.
    pub async fn register(&self, address: &str, trusted: &[&Authority], change: impl Fn(String) -> String) {
        let bundle: String = trusted.iter().map(|authority| authority.pem()).collect();
        let text = self.deployed("webhook/webhook.yaml");
        let text = text.replace("${ADMISSION_URL}", &format!("https://{address}"));
        let text = change(text.replace("${ADMISSION_CA}", &base64(bundle.as_bytes())));
        // In the same object, so seen in the same moment: a call that fails by a name that only this state has.
        let epoch = format!("epoch-{}.admission.remotegpu.ai", self.epoch.fetch_add(1, Ordering::SeqCst));
        let probe = |resource: &str| {
            format!(
                "- name: {epoch}
  admissionReviewVersions: [v1]
  clientConfig: {{url: \"https://127.0.0.1:1/\"}}
  namespaceSelector: {{matchLabels: {{{}: probe}}}}
  rules:
  - {{apiGroups: [\"\"], apiVersions: [v1], operations: [CREATE], resources: [{resource}], scope: Namespaced}}
  sideEffects: None
",
                self.label
            )
        };
        let (mutating, validating) = text.split_once("\n---\n").expect("two registrations");
        let text = format!("{mutating}\n{}---\n{validating}\n{}", probe("configmaps"), probe("secrets"));
        self.plane.admin_apply(&text).await.out();
        for resource in ["configmaps", "secrets"] {
            let path = format!("/api/v1/namespaces/{}/{resource}?dryRun=All", self.probe_namespace().await);
            let object = json!({"metadata": {"name": "probe"}});
            eventually("the API server goes by the new registration", async || {
                let reply = self.api.create(&path, &object).await;
                if reply.status >= 400 && reply.body.to_string().contains(&epoch) { Ok(()) } else { Err(reply.body) }
            })
            .await;
        }
    }

    /// Applies one file of `deploy/policies` for this test's namespaces.
    pub async fn policy(&self, file: &str) {
        self.plane.admin_apply(&self.deployed(&format!("policies/{file}"))).await.out();
    }

    fn deployed(&self, file: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file);
        let text = std::fs::read_to_string(&path).expect("the manifests can be read");
        let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        text.replace("remotegpu.ai/namespace-id", &self.label)
            .replace("name: remotegpu-admission\n", &format!("name: {}\n", self.name))
            .replace(&format!("ame: remotegpu-{stem}\n"), &format!("ame: {}-{stem}\n", self.name))
    }

    /// A namespace that this webhook decides about; not the console's.
    pub async fn namespace(&self, annotations: &[(&str, &str)]) -> String {
        self.make_namespace(&unique("admission"), "tenant", annotations).await
    }

    /// Lets this webhook decide about a namespace of a console too, beside everybody's own.
    pub async fn select(&self, namespace: &str) {
        let labels = json!({"metadata": {"labels": {&self.label: "tenant"}}});
        let path = format!("/api/v1/namespaces/{namespace}");
        self.api.change(&path, crate::Dialect::MergePatch, &labels).await.done();
    }

    async fn probe_namespace(&self) -> String {
        let name = format!("{}-probe", self.name);
        if self.api.get(&format!("/api/v1/namespaces/{name}")).await.status == 200 {
            return name;
        }
        self.make_namespace(&name, "probe", &[]).await
    }

    async fn make_namespace(&self, name: &str, value: &str, annotations: &[(&str, &str)]) -> String {
        let annotations: serde_json::Map<_, _> = annotations.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
        let object = json!({"metadata": {"name": name, "labels": {&self.label: value}, "annotations": annotations}});
        self.api.create("/api/v1/namespaces", &object).await.done();
        let account = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
        eventually("the namespace has its account", async || {
            let reply = self.api.get(&account).await;
            if reply.status == 200 { Ok(()) } else { Err(reply.body) }
        })
        .await;
        name.to_owned()
    }

    /// Everything the processes logged.
    pub fn log(&self) -> String {
        let files = std::fs::read_dir(self.dir.path()).into_iter().flatten().flatten().map(|entry| entry.path());
        let logs = files.filter(|path| path.extension().is_some_and(|end| end == "log"));
        logs.filter_map(|path| std::fs::read_to_string(path).ok()).collect()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        // Selects only namespaces of this test, so that a leftover would hurt nobody; still, it goes.
        let kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
        let kubectl = || localplane::Kubectl::new(self.plane.kubectl_program(), &self.plane.kubeconfig("admin"));
        let _as_well_as_possible = kubectl().run(&["delete", kinds, &self.name, "--ignore-not-found"]);
        let policies = "validatingadmissionpolicies,validatingadmissionpolicybindings";
        for stem in ["gpu-needs-sku", "pods-are-priced"] {
            let name = format!("{}-{stem}", self.name);
            let _as_well_as_possible = kubectl().run(&["delete", policies, &name, "--ignore-not-found"]);
        }
    }
}

// === impl Replica ===

impl Replica {
    /// SIGTERM; waits until it has ended.
    pub async fn stop(mut self) {
        let pid = self.child.id().expect("it runs").to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill can be run");
        let limit = Duration::from_secs(30);
        tokio::time::timeout(limit, self.child.wait()).await.expect("it ends on SIGTERM").unwrap();
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
