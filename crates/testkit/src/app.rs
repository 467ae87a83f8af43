//! A console of one's own: the real binary as a process, a database of its own, the shared control plane behind it.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tokio::process::{Child, Command};

use crate::{Client, FaultProxy, Plane, Scratch, eventually, unique};

const NO_LIMITS: &str = "0";
/// Random once, the same for all tests.
const AUDIT_KEY: &str = "c7d20f95e1684ab3902f7be45d186ca30e9b5d72f846c1a08d37e2b96f50a41c";
const PEPPER: &str = "8f1c64d0a2b97e35c4d8016bfa52e7931d0c7ab4f86e2593ca17d45b09e8f236";
const PASSWORD: &str = "a-password-for-tests";

/// A running `remotegpu serve`.
pub struct TestApp {
    /// Where it listens.
    pub url: String,
    /// The control plane behind it.
    pub plane: &'static Plane,
    binary: String,
    limits: &'static str,
    dir: Scratch,
    child: Child,
}

impl TestApp {
    /// Starts a console. `binary` is `env!("CARGO_BIN_EXE_remotegpu")`.
    pub async fn start(binary: &str) -> Self {
        Self::start_with(binary, &Plane::current().server(), NO_LIMITS, async |_, _| ()).await
    }

    /// Starts a console with the rate limits that people meet; elsewhere tests lift them, they come from one address.
    pub async fn start_limited(binary: &str) -> Self {
        Self::start_with(binary, &Plane::current().server(), "1", async |_, _| ()).await
    }

    /// Starts a console that reaches the API server only through `proxy`.
    pub async fn start_behind(binary: &str, proxy: &FaultProxy) -> Self {
        Self::start_with(binary, &proxy.server(), NO_LIMITS, async |_, _| ()).await
    }

    /// Starts a console with identity providers. `settings` gets its URL and the path of the file that holds `secret`.
    pub async fn start_with_oidc(
        binary: &str,
        secret: &str,
        settings: impl AsyncFnOnce(&str, &str) -> serde_json::Value,
    ) -> Self {
        let write = async |dir: &Scratch, url: &str| {
            let file = dir.secret("client-secret", secret);
            let text = settings(url, file.to_str().unwrap()).await.to_string();
            dir.secret("oidc.json", &text);
            let key: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
            dir.secret("cookie-key", &key);
        };
        Self::start_with(binary, &Plane::current().server(), NO_LIMITS, write).await
    }

    async fn start_with(
        binary: &str,
        server: &str,
        limits: &'static str,
        more: impl AsyncFnOnce(&Scratch, &str),
    ) -> Self {
        let (plane, dir) = (Plane::current(), Scratch::new());
        for identity in ["issuer", "reconciler"] {
            let text = std::fs::read_to_string(plane.kubeconfig(identity)).expect("the kubeconfig can be read");
            dir.secret(&format!("{identity}.yaml"), &text.replace(&plane.server(), server));
        }
        dir.secret("pepper", PEPPER);
        dir.secret("audit-key", AUDIT_KEY);
        dir.secret("password", PASSWORD);
        std::fs::create_dir_all(dir.path().join("site")).unwrap();
        let url = format!("http://127.0.0.1:{}", free_port());
        more(&dir, &url).await;
        let child = spawn(binary, dir.path(), &url, plane, limits);
        let app = Self { url, plane, binary: binary.to_owned(), limits, dir, child };
        app.until_ready().await;
        app
    }

    /// kill -9: nothing is said, nothing is written.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("the console can be killed");
    }

    /// Starts the same console again after [`TestApp::kill`].
    pub async fn restart(&mut self) {
        self.child = spawn(&self.binary, self.dir.path(), &self.url, self.plane, self.limits);
        self.until_ready().await;
    }

    /// SIGTERM, as a service manager sends it; true when it ended by itself with exit code 0.
    pub async fn stop(&mut self) -> bool {
        let pid = self.child.id().expect("it runs").to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill can be run");
        let limit = std::time::Duration::from_secs(30);
        let ended = tokio::time::timeout(limit, self.child.wait()).await.expect("the console ends on SIGTERM");
        ended.unwrap().success()
    }

    /// Nobody in particular.
    pub fn anonymous(&self) -> Client {
        Client::anonymous(&self.url)
    }

    /// The user of the first start: operator, and owner of the account `default`.
    pub async fn operator(&self) -> Client {
        self.anonymous().sign_in("admin@remotegpu.local", PASSWORD).await
    }

    /// Somebody with `role` in an account of their own, made by the command line.
    pub async fn stranger(&self, role: &str) -> Client {
        let account = unique("account");
        self.admin(&["create-account", "--name", &account]).await;
        self.member_of(&account, role).await
    }

    /// Somebody with `role` in an account that exists.
    pub async fn member_of(&self, account: &str, role: &str) -> Client {
        let email = format!("{}@example.com", unique(role));
        let password = self.dir.path().join("password");
        let password = password.to_str().unwrap();
        let user =
            ["create-user", "--email", &email, "--account", account, "--role", role, "--password-file", password];
        self.admin(&user).await;
        self.anonymous().sign_in(&email, PASSWORD).await
    }

    /// Runs `remotegpu admin …` on this console's database.
    pub async fn admin(&self, arguments: &[&str]) {
        let (ok, text) = self.try_admin(arguments).await;
        assert!(ok, "{arguments:?}: {text}");
    }

    /// The same for commands that may fail: whether it did not, and everything it printed.
    pub async fn try_admin(&self, arguments: &[&str]) -> (bool, String) {
        let file = |name: &str| self.dir.path().join(name);
        let mut command = Command::new(&self.binary);
        command.arg("admin").args(arguments).args(["--database", &database(self.dir.path())]);
        command.arg("--audit-key-file").arg(file("audit-key")).arg("--audit-log-file").arg(file("audit.jsonl"));
        let output = command.output().await.expect("the command can be started");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// The lines of the audit log file, as JSON.
    pub fn audit_file(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.dir.path().join("audit.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// Makes a namespace and waits until it is active; gives its JSON.
    pub async fn namespace(&self, client: &Client) -> serde_json::Value {
        let created = client.post("/v1/kubernetes/namespaces", json!({"name": unique("team")})).await;
        assert_eq!(created.status, 201, "{}", created.text);
        let path = format!("/v1/kubernetes/namespaces/{}", created.str("/id"));
        eventually("the namespace is active", async || {
            let found = client.get(&path).await;
            if found.json()["status"] == "active" { Ok(found.json()) } else { Err(found.text) }
        })
        .await
    }

    /// Makes an API key with a scope; gives the whole key text.
    pub async fn key(&self, client: &Client, scopes: serde_json::Value) -> String {
        let created = client.post("/v1/api-keys", json!({"name": "test", "scopes": scopes})).await;
        assert_eq!(created.status, 201, "{}", created.text);
        created.str("/key")
    }

    /// Downloads a namespace's kubeconfig into a file.
    pub async fn kubeconfig(&self, client: &Client, namespace: &str, query: &str) -> std::path::PathBuf {
        let reply = client.get(&format!("/v1/kubernetes/namespaces/{namespace}/kubeconfig{query}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        self.dir.secret(&unique("kubeconfig"), &reply.str("/kubeconfig"))
    }

    /// Where the database is, for tests that read what no route shows.
    pub fn database_url(&self) -> String {
        database(self.dir.path())
    }

    /// The database file, for tests that look for secrets in it.
    pub fn database_bytes(&self) -> Vec<u8> {
        let files = ["console.sqlite", "console.sqlite-wal"].map(|name| self.dir.path().join(name));
        files.iter().filter_map(|file| std::fs::read(file).ok()).flatten().collect()
    }

    /// Everything the console logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("console.log")).unwrap_or_default()
    }

    async fn until_ready(&self) {
        let http = self.anonymous();
        let probe = format!("{}/readyz", self.url);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        drop(http);
        eventually("the console is ready", async || match client.get(&probe).send().await {
            Ok(reply) if reply.status() == 200 => Ok(()),
            other => Err(format!("{other:?}; log: {}", self.log())),
        })
        .await;
    }
}

fn spawn(binary: &str, dir: &Path, url: &str, plane: &Plane, limits: &str) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("console.log")).unwrap();
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let mut command = Command::new(binary);
    command.arg("serve");
    command.args(["--listen", url.trim_start_matches("http://"), "--public-url", url]);
    command.args(["--database", &database(dir), "--pepper-file", &file("pepper")]);
    command.args(["--audit-key-file", &file("audit-key"), "--audit-log-file", &file("audit.jsonl")]);
    command.args(["--issuer-kubeconfig", &file("issuer.yaml"), "--reconciler-kubeconfig", &file("reconciler.yaml")]);
    command.args(["--cluster-server", &plane.server(), "--cluster-ca-file", plane.ca_file().to_str().unwrap()]);
    command.args(["--site-root", &file("site"), "--bootstrap-email", "admin@remotegpu.local"]);
    command.args(["--bootstrap-password-file", &file("password"), "--rate-limits", limits]);
    if dir.join("oidc.json").exists() {
        command.args(["--oidc-config-file", &file("oidc.json"), "--cookie-key-file", &file("cookie-key")]);
    }
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
    command.spawn().expect("the console can be started")
}

fn database(dir: &Path) -> String {
    format!("sqlite://{}", dir.join("console.sqlite").display())
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
