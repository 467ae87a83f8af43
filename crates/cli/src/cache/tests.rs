//! The rules of the cache, with a clock and a console that count.

use std::cell::Cell;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::bail;
use tempfile::TempDir;

use super::*;

const URL: &str = "https://one.example/v1/kubernetes/namespaces/a/exec-credential";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// A cache whose console gives `t1`, `t2`, … that each live an hour from second 0.
struct Stand {
    home: TempDir,
    calls: Cell<u32>,
}

impl Stand {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), calls: Cell::new(0) }
    }

    fn entry(&self, url: &str, key: &str) -> Entry {
        Cache::open(&self.home.path().join("cache")).unwrap().entry(url, key)
    }

    async fn ask_as(&self, entry: &Entry, parent: u32, second: i64) -> String {
        let fetch = async || {
            self.calls.set(self.calls.get() + 1);
            Ok(Credential { token: SecretString::from(format!("t{}", self.calls.get())), expires_at: at(3600) })
        };
        entry.credential(parent, || at(second), fetch).await.unwrap().token.expose_secret().to_owned()
    }

    async fn ask(&self, parent: u32, second: i64) -> String {
        self.ask_as(&self.entry(URL, "key"), parent, second).await
    }
}

#[tokio::test]
async fn the_second_command_asks_nobody() {
    let stand = Stand::new();
    assert_eq!((stand.ask(1, 0).await, stand.ask(2, 1).await), ("t1".into(), "t1".into()));
    assert_eq!(stand.calls.get(), 1);
}

#[tokio::test]
async fn less_than_six_minutes_are_not_enough() {
    let stand = Stand::new();
    stand.ask(1, 0).await;
    assert_eq!(stand.ask(2, 3600 - 360).await, "t1");
    assert_eq!(stand.ask(3, 3600 - 359).await, "t2");
}

#[tokio::test]
async fn a_process_that_asks_again_was_refused_by_the_cluster_and_gets_a_fresh_one() {
    let stand = Stand::new();
    stand.ask(1, 0).await;
    stand.ask(2, 1).await;
    assert_eq!(stand.ask(2, 2).await, "t2");
    assert_eq!(stand.ask(3, 3).await, "t2", "the fresh one is kept");
}

#[tokio::test]
async fn another_namespace_other_rights_and_another_key_never_share() {
    let stand = Stand::new();
    let entries = [
        stand.entry(URL, "key"),
        stand.entry(&URL.replace("/a/", "/b/"), "key"),
        stand.entry(&format!("{URL}?access=view"), "key"),
        stand.entry(&URL.replace("one", "two"), "key"),
        stand.entry(URL, "key of the next generation"),
    ];
    for (n, entry) in entries.iter().enumerate() {
        assert_eq!(stand.ask_as(entry, 1, 0).await, format!("t{}", n + 1));
    }
}

#[tokio::test]
async fn a_refusal_is_passed_on_and_what_was_kept_goes() {
    let stand = Stand::new();
    let entry = stand.entry(URL, "key");
    stand.ask(1, 0).await;
    let refuse = async || bail!(Refused { status: 401, detail: "API key revoked".into() });
    let refused = entry.credential(1, || at(1), refuse).await.unwrap_err();
    assert_eq!(refused.to_string(), "HTTP 401 API key revoked");
    assert!(!entry.file.exists());
}

#[tokio::test]
async fn a_damaged_file_a_clock_that_jumped_and_a_file_open_to_others_count_for_nothing() {
    let stand = Stand::new();
    let entry = stand.entry(URL, "key");
    stand.ask(1, 0).await;
    std::fs::write(&entry.file, "{\"token\":").unwrap();
    assert_eq!(stand.ask(2, 1).await, "t2");
    assert_eq!(stand.ask(3, -48 * 3600).await, "t3");
    std::fs::set_permissions(&entry.file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(stand.ask(4, 1).await, "t4");
}

#[tokio::test]
async fn only_its_owner_reads_what_is_kept_and_no_name_tells_the_key() {
    let stand = Stand::new();
    stand.ask(1, 0).await;
    let folder = stand.home.path().join("cache");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
        // The folder has a name at random.
        assert!(!path.file_name().unwrap().to_string_lossy().contains("key"), "{path:?}");
    }
}

#[tokio::test]
async fn commands_that_start_together_make_one_call() {
    let stand = Stand::new();
    let entry = stand.entry(URL, "key");
    let (one, two, three) =
        tokio::join!(stand.ask_as(&entry, 1, 0), stand.ask_as(&entry, 2, 0), stand.ask_as(&entry, 3, 0));
    assert_eq!((one.as_str(), two.as_str(), three.as_str(), stand.calls.get()), ("t1", "t1", "t1", 1));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_never_given_back_costs_time_and_not_the_command() {
    let stand = Stand::new();
    let entry = stand.entry(URL, "key");
    let held = entry.locked().await.unwrap();
    assert_eq!(stand.ask(1, 0).await, "t1");
    assert!(!entry.file.exists(), "without the lock nothing is kept");
    drop(held);
    assert_eq!(stand.ask(1, 0).await, "t2");
}
