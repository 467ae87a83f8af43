//! How a console is to be started: where its API server and its database are, what else its environment holds.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::{Child, Command};

use crate::{Plane, Scratch, TestApp, unique};

/// Password of the first user and of everybody whom tests make.
pub(crate) const PASSWORD: &str = "a-password-for-tests";

/// Seals the audit of every console that tests start: random once, the same for all.
pub const AUDIT_KEY: &str = "c7d20f95e1684ab3902f7be45d186ca30e9b5d72f846c1a08d37e2b96f50a41c";
/// As [`AUDIT_KEY`], for the digests of keys.
pub const PEPPER: &str = "8f1c64d0a2b97e35c4d8016bfa52e7931d0c7ab4f86e2593ca17d45b09e8f236";
/// As [`AUDIT_KEY`], for the tokens of the tenant API.
pub const JWT_KEY: &str = "3b9e70d4c81f62a5e0974d1ab83cf6527ed0914bac3865f29d17e04b6ca8f35d";

/// As [`AUDIT_KEY`], for secrets that are read again.
pub const KEK: &str = "5d90e3b7a1f8462cc37e0b94d86a15f22be74c9018ad63f5b20c7fe6349d81a7";

/// What all replicas of one installation share: secrets, database, Lease.
pub(crate) struct Shared {
    pub binary: String,
    pub dir: Scratch,
    pub plane: &'static Plane,
    pub database: String,
    lease: String,
    limits: &'static str,
    site: PathBuf,
}

/// One console to be started.
pub struct Setup {
    binary: String,
    server: Option<String>,
    database: Option<String>,
    limits: &'static str,
    tenant_api: bool,
    site: Option<PathBuf>,
    environment: Vec<(String, String)>,
}

/// The settings of one process.
pub(crate) struct Process {
    pub shared: Arc<Shared>,
    pub url: String,
    /// Its own folder: kubeconfigs and log.
    pub home: PathBuf,
    environment: Vec<(String, String)>,
}

// === impl Setup ===

impl Setup {
    pub(crate) fn new(binary: &str) -> Self {
        Self {
            binary: binary.to_owned(),
            server: None,
            database: None,
            limits: "0",
            tenant_api: true,
            site: None,
            environment: Vec::new(),
        }
    }

    /// Reaches the API server only through a proxy at this address.
    pub fn behind(mut self, server: &str) -> Self {
        self.server = Some(server.to_owned());
        self
    }

    /// Keeps its data there instead of in a SQLite file of its own.
    pub fn on(mut self, database: &str) -> Self {
        self.database = Some(database.to_owned());
        self
    }

    /// With the rate limits that people meet.
    pub fn limited(mut self) -> Self {
        self.limits = "1";
        self
    }

    /// Without a key for the tokens of the tenant API.
    pub fn without_tenant_api(mut self) -> Self {
        self.tenant_api = false;
        self
    }

    /// With the client files of that folder: a browser can do more than read its pages.
    pub fn site(mut self, root: &str) -> Self {
        self.site = Some(PathBuf::from(root));
        self
    }

    /// With one more environment variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> TestApp {
        let app = TestApp::spawned(self.process());
        app.until_ready().await;
        app
    }

    /// As [`Setup::start`]; `more` puts further files into the folder before, and is told the URL.
    pub(crate) async fn start_after(self, more: impl AsyncFnOnce(&Scratch, &str)) -> TestApp {
        let process = self.process();
        more(&process.shared.dir, &process.url).await;
        let app = TestApp::spawned(process);
        app.until_ready().await;
        app
    }

    /// Starts two at the same moment on one database, as on a first deployment.
    pub async fn start_two(self) -> (TestApp, TestApp) {
        let (server, environment) = (self.server.clone(), self.environment.clone());
        let first = self.process();
        let second = Process::new(first.shared.clone(), server.as_deref(), environment);
        let pair = (TestApp::spawned(first), TestApp::spawned(second));
        tokio::join!(pair.0.until_ready(), pair.1.until_ready());
        pair
    }

    fn process(self) -> Process {
        let (plane, dir) = (Plane::current(), Scratch::new());
        dir.secret("pepper", PEPPER);
        dir.secret("audit-key", AUDIT_KEY);
        dir.secret("kek", KEK);
        if self.tenant_api {
            dir.secret("jwt-key", JWT_KEY);
        }
        dir.secret("password", PASSWORD);
        let site = self.site.unwrap_or_else(|| {
            let empty = dir.path().join("site");
            std::fs::create_dir_all(&empty).unwrap();
            empty
        });
        let own_file = || format!("sqlite://{}", dir.path().join("console.sqlite").display());
        let database = self.database.unwrap_or_else(own_file);
        // Tests share one control plane: each installation has a Lease of its own.
        let (binary, lease, limits) = (self.binary, unique("test"), self.limits);
        let shared = Shared { binary, dir, plane, database, lease, limits, site };
        Process::new(Arc::new(shared), self.server.as_deref(), self.environment)
    }
}

// === impl Process ===

impl Process {
    /// One more process of an installation.
    pub fn new(shared: Arc<Shared>, server: Option<&str>, environment: Vec<(String, String)>) -> Self {
        let plane = shared.plane;
        let home = shared.dir.path().join(unique("console"));
        std::fs::create_dir_all(&home).unwrap();
        for identity in ["issuer", "reconciler", "metrics"] {
            let text = std::fs::read_to_string(plane.kubeconfig(identity)).expect("the kubeconfig can be read");
            let text = text.replace(&plane.server(), server.unwrap_or(&plane.server()));
            let file = format!("{}/{identity}.yaml", home.file_name().unwrap().to_str().unwrap());
            shared.dir.secret(&file, &text);
        }
        let url = format!("http://127.0.0.1:{}", free_port());
        Self { shared, url, home, environment }
    }

    pub fn spawn(&self) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.home.join("console.log")).unwrap();
        let (shared, plane) = (&self.shared, self.shared.plane);
        let common = |name: &str| text(&shared.dir.path().join(name));
        let own = |name: &str| text(&self.home.join(name));
        let mut command = Command::new(&shared.binary);
        command.arg("serve");
        command.args(["--listen", self.url.trim_start_matches("http://"), "--public-url", &self.url]);
        command.args(["--database", &shared.database, "--lease", &shared.lease]);
        command.args(["--audit-key-file", &common("audit-key"), "--audit-log-file", &common("audit.jsonl")]);
        if shared.dir.path().join("jwt-key").exists() {
            command.args(["--jwt-key-file", &common("jwt-key")]);
        }
        command.args(["--pepper-file", &common("pepper"), "--issuer-kubeconfig", &own("issuer.yaml")]);
        command.args(["--reconciler-kubeconfig", &own("reconciler.yaml"), "--kek-file", &common("kek")]);
        command.args(["--metrics-kubeconfig", &own("metrics.yaml"), "--kubelet-ca-file", &text(&plane.ca_file())]);
        command.args(["--cluster-server", &plane.server(), "--cluster-ca-file", &text(&plane.ca_file())]);
        command.args(["--site-root", &text(&shared.site), "--bootstrap-email", "admin@remotegpu.local"]);
        command.args(["--bootstrap-password-file", &common("password"), "--rate-limits", shared.limits]);
        if shared.dir.path().join("oidc.json").exists() {
            command.args(["--oidc-config-file", &common("oidc.json"), "--cookie-key-file", &common("cookie-key")]);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
        command.spawn().expect("the console can be started")
    }

    pub fn spawn_nodes(&self, environment: &[(&str, &str)]) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.home.join("nodes.log")).unwrap();
        let (shared, plane) = (&self.shared, self.shared.plane);
        let common = |name: &str| text(&shared.dir.path().join(name));
        let (cert, key) = plane.kubelet_certificate("remotegpu-nodes");
        let mut command = Command::new(&shared.binary);
        command.args(["nodes", "--database", &shared.database]);
        command.args(["--audit-key-file", &common("audit-key"), "--kek-file", &common("kek")]);
        command.arg("--nodes-kubeconfig").arg(plane.kubeconfig("nodes")).args(["--nodes-address", "127.0.0.1"]);
        command.arg("--nodes-tls-cert-file").arg(cert).arg("--nodes-tls-key-file").arg(key);
        command.args(["--outbound-allowed-networks", "127.0.0.0/8"]).envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
        command.spawn().expect("remotegpu nodes can be started")
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path of plain text").to_owned()
}

/// A port for a program that is started later, given to nobody else in this process. Below those that Linux gives to
/// outgoing connections and to whoever asks for any: one of those may be another's before the program listens, and a
/// program that starts again finds this one free. The control plane takes its own from 20000 on.
pub fn free_port() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test programs run one after the other; each begins elsewhere.
    let start = u16::try_from(std::process::id() % 10_000).unwrap_or(0);
    let offset = || start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
    let mut ports = std::iter::repeat_with(|| 10_000 + offset()).take(10_000);
    ports.find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a port is free")
}
