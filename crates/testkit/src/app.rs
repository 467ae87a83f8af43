//! A console of one's own: the real binary as a process, a database of its own, the shared control plane behind it.

use serde_json::json;
use tokio::process::{Child, Command};

use crate::setup::{PASSWORD, Process, Setup};
use crate::{Client, FaultProxy, Plane, Scratch, eventually, unique};

/// A running `remotegpu serve`.
pub struct TestApp {
    /// Where it listens.
    pub url: String,
    /// The control plane behind it.
    pub plane: &'static Plane,
    process: Process,
    child: Child,
}

impl TestApp {
    /// A console still to be started. `binary` is `env!("CARGO_BIN_EXE_remotegpu")`.
    pub fn setup(binary: &str) -> Setup {
        Setup::new(binary)
    }

    /// Starts a console.
    pub async fn start(binary: &str) -> Self {
        Self::setup(binary).start().await
    }

    /// Starts a console with the rate limits that people meet; elsewhere tests lift them, they come from one address.
    pub async fn start_limited(binary: &str) -> Self {
        Self::setup(binary).limited().start().await
    }

    /// Starts a console that reaches the API server only through `proxy`.
    pub async fn start_behind(binary: &str, proxy: &FaultProxy) -> Self {
        Self::setup(binary).behind(&proxy.server()).start().await
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
        Self::setup(binary).start_after(write).await
    }

    /// Starts another console on the same database and with the same secrets; `server` as in [`Setup::behind`].
    pub async fn replica(&self, server: Option<&str>) -> Self {
        let app = Self::spawned(Process::new(self.process.shared.clone(), server, Vec::new()));
        app.until_ready().await;
        app
    }

    /// Starts it and does not wait.
    pub(crate) fn spawned(process: Process) -> Self {
        let (url, plane, child) = (process.url.clone(), process.shared.plane, process.spawn());
        Self { url, plane, process, child }
    }

    /// kill -9: nothing is said, nothing is written.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("the console can be killed");
    }

    /// Starts `remotegpu nodes` beside it, under its own identity; engines may be on loopback.
    pub fn nodes(&self) -> Child {
        self.process.spawn_nodes(&[])
    }

    /// The same with more of its environment.
    pub fn nodes_with(&self, environment: &[(&str, &str)]) -> Child {
        self.process.spawn_nodes(environment)
    }

    /// What `remotegpu nodes` wrote to its log.
    pub fn nodes_log(&self) -> String {
        std::fs::read_to_string(self.process.home.join("nodes.log")).unwrap_or_default()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Starts the same console again after [`TestApp::kill`].
    pub async fn restart(&mut self) {
        self.child = self.process.spawn();
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
        let password = self.process.shared.dir.path().join("password");
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
        let shared = &self.process.shared;
        let file = |name: &str| shared.dir.path().join(name);
        let mut command = Command::new(&shared.binary);
        command.arg("admin").args(arguments).args(["--database", &shared.database]);
        command.arg("--audit-key-file").arg(file("audit-key")).arg("--audit-log-file").arg(file("audit.jsonl"));
        let output = command.output().await.expect("the command can be started");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// The lines of the audit log file, as JSON.
    pub fn audit_file(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.process.shared.dir.path().join("audit.jsonl")).unwrap_or_default();
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
        self.process.shared.dir.secret(&unique("kubeconfig"), &reply.str("/kubeconfig"))
    }

    /// Writes a secret into a file that only this test reads.
    pub fn secret_file(&self, name: &str, text: &str) -> std::path::PathBuf {
        self.process.shared.dir.secret(&unique(name), text)
    }

    /// Writes a secret into the folder of this installation; gives its path.
    pub fn secret(&self, name: &str, text: &str) -> std::path::PathBuf {
        self.process.shared.dir.secret(name, text)
    }

    /// Where the database is, for tests that read what no route shows.
    pub fn database_url(&self) -> String {
        self.process.shared.database.clone()
    }

    /// The database file, for tests that look for secrets in it.
    pub fn database_bytes(&self) -> Vec<u8> {
        let files = ["console.sqlite", "console.sqlite-wal"].map(|name| self.process.shared.dir.path().join(name));
        files.iter().filter_map(|file| std::fs::read(file).ok()).flatten().collect()
    }

    /// Everything the console logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.process.home.join("console.log")).unwrap_or_default()
    }

    /// A client of another replica with this client's session: as behind one load balancer.
    pub fn continued(&self, client: &Client) -> Client {
        client.cookie().into_iter().fold(self.anonymous(), |other, cookie| other.with("cookie", cookie))
    }

    pub(crate) async fn until_ready(&self) {
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
