//! Each unsafe setting stops the start: a sentence, and no exit code of 0. None needs a cluster or a database.

use std::time::Duration;

use testkit::Scratch;
use tokio::process::Command;

use super::{AUDIT_KEY, PEPPER, path};
use crate::CONSOLE;

struct Start {
    dir: Scratch,
    flags: Vec<(&'static str, String)>,
    environment: Vec<(&'static str, &'static str)>,
}

impl Start {
    /// Good settings for a console that will find no cluster.
    fn new() -> Self {
        let dir = Scratch::new();
        for identity in ["issuer", "reconciler"] {
            dir.secret(identity, &format!("apiVersion: v1\nkind: Config\n# {identity}\n"));
        }
        dir.secret("pepper", PEPPER);
        dir.secret("audit-key", AUDIT_KEY);
        dir.secret("kek", testkit::KEK);
        dir.secret("password", "correct horse battery");
        let flags = vec![
            ("--listen", "127.0.0.1:0".to_owned()),
            ("--database", format!("sqlite://{}", path(&dir, "never-made.sqlite"))),
            ("--pepper-file", path(&dir, "pepper")),
            ("--audit-key-file", path(&dir, "audit-key")),
            ("--kek-file", path(&dir, "kek")),
            ("--issuer-kubeconfig", path(&dir, "issuer")),
            ("--reconciler-kubeconfig", path(&dir, "reconciler")),
            ("--cluster-server", "https://127.0.0.1:1".to_owned()),
        ];
        Self { dir, flags, environment: Vec::new() }
    }

    fn with(mut self, flag: &'static str, value: &str) -> Self {
        self.flags.retain(|(known, _)| *known != flag);
        self.flags.push((flag, value.to_owned()));
        self
    }

    fn without(mut self, flag: &'static str) -> Self {
        self.flags.retain(|(known, _)| *known != flag);
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        self.dir.secret(name, text);
        self
    }

    fn mode(self, name: &str, mode: u32) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(self.dir.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn at(&self, name: &str) -> String {
        path(&self.dir, name)
    }

    /// What it said when it refused.
    async fn refused(self) -> String {
        let mut command = Command::new(CONSOLE);
        command.arg("serve").kill_on_drop(true);
        for (flag, value) in &self.flags {
            command.args([*flag, value]);
        }
        command.envs(self.environment.iter().copied());
        let output = tokio::time::timeout(Duration::from_secs(30), command.output()).await;
        let output = output.expect("it ends by itself").unwrap();
        assert!(!output.status.success(), "it should not have started");
        assert!(!self.dir.path().join("never-made.sqlite").exists(), "nothing was touched before the settings");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    async fn says(self, sentence: &str) {
        let said = self.refused().await;
        assert!(said.contains(sentence), "{said}");
    }
}

#[tokio::test]
async fn a_missing_pepper_is_refused() {
    Start::new().without("--pepper-file").says("--pepper-file").await;
    Start::new().without("--kek-file").says("--kek-file").await;
    let start = Start::new();
    let nowhere = start.at("nowhere");
    start.with("--pepper-file", &nowhere).says("Cannot read").await;
}

#[tokio::test]
async fn a_pepper_that_everybody_knows_is_refused() {
    Start::new().file("pepper", "changeme").says("is a default that everybody knows").await;
}

#[tokio::test]
async fn a_short_pepper_is_refused() {
    Start::new().file("pepper", &PEPPER[..62]).says("is shorter than 32 bytes").await;
}

#[tokio::test]
async fn a_monotonous_pepper_is_refused() {
    Start::new().file("pepper", &"5a".repeat(32)).says("is one byte over and over").await;
    Start::new().file("pepper", &"0123".repeat(20)).says("has too little variety").await;
}

#[tokio::test]
async fn a_missing_or_weak_audit_key_is_refused() {
    Start::new().without("--audit-key-file").says("--audit-key-file").await;
    Start::new().file("audit-key", "changeme").says("is a default that everybody knows").await;
    Start::new().file("audit-key", PEPPER).says("--pepper-file and --audit-key-file hold the same secret").await;
}

#[tokio::test]
async fn a_weak_key_for_the_tokens_of_the_tenant_api_is_refused() {
    let third = format!("{0}\n{0}\n{0}", &AUDIT_KEY.chars().rev().collect::<String>());
    for (text, said) in [
        ("changeme", "is a default that everybody knows"),
        (&AUDIT_KEY[..62], "is shorter than 32 bytes"),
        (&third, "must hold one key or two"),
        (PEPPER, "--pepper-file and --jwt-key-file hold the same secret"),
    ] {
        let start = Start::new().file("jwt-key", text);
        let key = start.at("jwt-key");
        start.with("--jwt-key-file", &key).says(said).await;
    }
}

#[tokio::test]
async fn an_empty_pepper_is_refused() {
    Start::new().file("pepper", "\n").says("is empty").await;
}

#[tokio::test]
async fn a_secret_that_others_may_read_is_refused() {
    for (name, mode) in [("pepper", 0o644), ("pepper", 0o640), ("issuer", 0o644), ("reconciler", 0o640)] {
        Start::new().mode(name, mode).says("can be read by others on this machine: run chmod 600").await;
    }
}

#[tokio::test]
async fn one_secret_in_two_places_is_refused() {
    let start = Start::new();
    let pepper = start.at("pepper");
    let start = start.with("--bootstrap-email", "a@example.com").with("--bootstrap-password-file", &pepper);
    start.says("--pepper-file and --bootstrap-password-file hold the same secret").await;
    let start = Start::new().file("reconciler", "apiVersion: v1\nkind: Config\n# issuer\n");
    start.says("--issuer-kubeconfig and --reconciler-kubeconfig hold the same secret").await;
    let start = Start::new().file("previous", PEPPER);
    let previous = start.at("previous");
    start.with("--previous-pepper-file", &previous).says("hold the same secret").await;
}

#[tokio::test]
async fn an_unknown_setting_in_the_environment_is_refused_with_what_was_meant() {
    let mut start = Start::new();
    start.environment = vec![("REMOTEGPU_PEPER_FILE", "canary-value")];
    let said = start.refused().await;
    assert!(said.contains("Unknown setting REMOTEGPU_PEPER_FILE") && said.contains("REMOTEGPU_PEPPER_FILE?"), "{said}");
    assert!(!said.contains("canary-value"));
}

#[tokio::test]
async fn plain_http_off_loopback_is_refused() {
    let words = "Plain http works on loopback only";
    Start::new().with("--listen", "0.0.0.0:0").says(words).await;
    Start::new().with("--public-url", "http://console.example.com").says(words).await;
}

#[tokio::test]
async fn a_bad_cluster_address_or_listener_is_refused() {
    Start::new().with("--cluster-server", "http://127.0.0.1:1").says("must be like https://").await;
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    Start::new().with("--listen", &address).says("is in use").await;
    Start::new().with("--metrics-listen", &address).says("pass another --metrics-listen").await;
}
