//! A real browser beside the programs that measure: Chromium, driven by `end2end/bench/live.mjs`, which prints what it sees.

use std::process::Stdio;

use serde_json::{Value, json};
use testkit::Client;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../end2end/bench/live.mjs");

/// The browser of this machine, and the client files that a console needs for it.
pub struct Found {
    chromium: String,
    /// The site root.
    pub site: String,
}

/// One that looks at a page and tells what it sees.
pub struct Browser {
    lines: Lines<BufReader<ChildStdout>>,
    child: Child,
}

/// What `cargo xtask bench` found; it says itself why there is none.
pub fn found() -> Option<Found> {
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    Some(Found { chromium: named("REMOTEGPU_TEST_CHROMIUM")?, site: named("REMOTEGPU_TEST_SITE")? })
}

// === impl Browser ===

impl Browser {
    /// Opens `url` as `person` and does there what the script calls `task`.
    pub fn open(found: &Found, person: &Client, url: &str, task: &Value) -> Self {
        let (name, value) = person.cookie().and_then(|cookie| cookie.split_once('=')).unwrap();
        let cookie = json!({"name": name, "value": value});
        let plan = json!({"chromium": found.chromium, "url": url, "cookie": cookie, "task": task});
        let mut node = Command::new("node");
        node.arg(SCRIPT).env("REMOTEGPU_TEST_PLAN", plan.to_string());
        node.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = node.spawn().expect("node drives the browser");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { lines, child }
    }

    /// The next thing that it tells.
    pub async fn told(&mut self) -> Value {
        let line = self.lines.next_line().await.unwrap().expect("the browser ended before it had told everything");
        serde_json::from_str(&line).unwrap()
    }

    /// Waits until it is closed.
    pub async fn closed(mut self) {
        assert!(self.child.wait().await.unwrap().success());
    }
}
