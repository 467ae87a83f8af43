//! How the console is run: settings, signals, log, metrics, backups (`security.md` §9). A process with flags of the
//! test's own choice; everything else is as `TestApp` has it.

mod backup;
mod canary;
mod pepper;
mod shutdown;
mod start;

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use testkit::{Client, Plane, Scratch, eventually, free_port, unique};
use tokio::process::{Child, Command};

use crate::CONSOLE;

const PASSWORD: &str = "canary-password-of-nobody-else";
const PEPPER: &str = "c4d8016bfa52e7931d0c7ab4f86e2593ca17d45b09e8f2368f1c64d0a2b97e35";
const AUDIT_KEY: &str = "27b45b09e8f2368f1c64d0a2b97e35c4d8016bfa52e7931d0c7ab4f86e2593ca";
const EMAIL: &str = "canary.person@remotegpu.local";

/// A console with the flags of a test.
struct Console {
    url: String,
    dir: Arc<Scratch>,
    flags: Vec<String>,
    child: Child,
}

// === impl Console ===

impl Console {
    async fn start(flags: &[&str]) -> Self {
        let dir = Arc::new(Scratch::new());
        let plane = Plane::current();
        for identity in ["issuer", "reconciler"] {
            let text = std::fs::read_to_string(plane.kubeconfig(identity)).unwrap();
            dir.secret(&format!("{identity}.yaml"), &text);
        }
        dir.secret("pepper", PEPPER);
        dir.secret("audit-key", AUDIT_KEY);
        dir.secret("kek", testkit::KEK);
        dir.secret("password", PASSWORD);
        // Tests share one control plane: each installation has a Lease of its own.
        dir.secret("lease", &unique("test"));
        std::fs::create_dir_all(dir.path().join("site")).unwrap();
        Self::in_dir(dir, flags).await
    }

    /// Another process on the same database.
    async fn twin(&self) -> Self {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        Self::in_dir(self.dir.clone(), &flags).await
    }

    async fn in_dir(dir: Arc<Scratch>, flags: &[&str]) -> Self {
        let url = format!("http://127.0.0.1:{}", free_port());
        let child = serve(&dir, &url, flags).spawn().unwrap();
        let console = Self { url, dir, flags: flags.iter().map(|flag| (*flag).to_owned()).collect(), child };
        eventually("the console is ready", async || {
            let status = console.status("/readyz").await;
            if status == Some(200) { Ok(()) } else { Err(console.log()) }
        })
        .await;
        console
    }

    /// The status at a path, if anybody answers.
    async fn status(&self, path: &str) -> Option<u16> {
        let client = reqwest_client();
        Some(client.get(format!("{}{path}", self.url)).send().await.ok()?.status().as_u16())
    }

    async fn operator(&self) -> Client {
        Client::anonymous(&self.url).sign_in(EMAIL, PASSWORD).await
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("console.log")).unwrap_or_default()
    }

    fn path(&self, name: &str) -> String {
        path(&self.dir, name)
    }

    /// SIGTERM.
    async fn terminate(&self) {
        let pid = self.child.id().expect("it runs").to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    }

    /// How it ended, within `limit`.
    async fn ended(&mut self, limit: Duration) -> std::process::ExitStatus {
        tokio::time::timeout(limit, self.child.wait()).await.expect("the console ends in time").unwrap()
    }

    /// Runs `remotegpu admin …` on this console's database.
    async fn admin(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(CONSOLE);
        command.arg("admin").args(arguments).args(["--database", &database(&self.dir)]);
        command.args(["--audit-key-file", &self.path("audit-key")]);
        command.output().await.unwrap()
    }
}

fn serve(dir: &Scratch, url: &str, flags: &[&str]) -> Command {
    let plane = Plane::current();
    let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.path().join("console.log")).unwrap();
    let mut command = Command::new(CONSOLE);
    command.args(["serve", "--listen", url.trim_start_matches("http://"), "--public-url", url]);
    command.args(["--database", &database(dir), "--audit-key-file", &path(dir, "audit-key")]);
    command.args(["--lease", &std::fs::read_to_string(dir.path().join("lease")).unwrap()]);
    command.args(["--issuer-kubeconfig", &path(dir, "issuer.yaml")]);
    command.args(["--reconciler-kubeconfig", &path(dir, "reconciler.yaml"), "--kek-file", &path(dir, "kek")]);
    command.args(["--cluster-server", &plane.server(), "--cluster-ca-file", plane.ca_file().to_str().unwrap()]);
    command.args(["--site-root", &path(dir, "site"), "--bootstrap-email", EMAIL]);
    command.args(["--bootstrap-password-file", &path(dir, "password")]);
    if !flags.contains(&"--pepper-file") {
        command.args(["--pepper-file", &path(dir, "pepper")]);
    }
    command.args(flags).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
    command
}

fn database(dir: &Scratch) -> String {
    format!("sqlite://{}", path(dir, "console.sqlite"))
}

fn path(dir: &Scratch, name: &str) -> String {
    let path: PathBuf = dir.path().join(name);
    path.to_str().unwrap().to_owned()
}

fn reqwest_client() -> reqwest::Client {
    // The test client chooses the TLS library for the whole process.
    let _chosen = Client::anonymous("http://127.0.0.1");
    reqwest::Client::builder().no_proxy().build().unwrap()
}
