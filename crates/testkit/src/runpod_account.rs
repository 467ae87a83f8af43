//! A simulated account at RunPod, a process of its own: what it bills is what counts.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::{Scratch, eventually};

/// The simulator.
pub struct RunPodAccount {
    url: String,
    _home: Scratch,
    _simulator: Child,
}

// === impl RunPodAccount ===

impl RunPodAccount {
    /// An empty one with these settings, once it answers. The simulator is built beside `program`.
    pub async fn open(program: &str, settings: &Value) -> Self {
        Self::open_with(program, settings, &[]).await
    }

    /// The same of a simulator that was told more.
    pub async fn open_with(program: &str, settings: &Value, arguments: &[&str]) -> Self {
        let home = Scratch::new();
        let file = home.secret("settings.json", &settings.to_string());
        let port = crate::free_port();
        let mut command = Command::new(Path::new(program).with_file_name("runpod-sim"));
        command.args(["--listen", &format!("127.0.0.1:{port}"), "--settings"]).arg(file).args(arguments);
        let log = std::fs::File::create(home.path().join("simulator.log")).unwrap();
        command.stdin(Stdio::null()).kill_on_drop(true).stdout(log.try_clone().unwrap()).stderr(log);
        let simulator = command.spawn().expect("the workspace's programs are built");
        let account = Self { url: format!("http://127.0.0.1:{port}"), _home: home, _simulator: simulator };
        eventually("the simulator answers", async || {
            let report = account.report().await;
            if report["pods"].is_array() { Ok(()) } else { Err(report) }
        })
        .await;
        account
    }

    /// Address of its API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it has seen so far.
    pub async fn report(&self) -> Value {
        let url = format!("{}/control/report", self.url);
        let output = Command::new("curl").args(["-s", &url]).output().await.unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Instances that still cost something.
    pub async fn billed(&self) -> Vec<Value> {
        let report = self.report().await;
        report["pods"].as_array().unwrap().iter().filter(|pod| pod["billed"] == true).cloned().collect()
    }

    /// Does one thing of a script.
    pub async fn control(&self, script: &Value) {
        let url = format!("{}/control", self.url);
        let output = Command::new("curl").args(["-sf", "--data", &script.to_string(), &url]).output().await.unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
    }

    /// Calls of one route, or of all, that were answered with `status`; 0 stands for those that never will be.
    pub async fn calls(&self, route: Option<&str>, status: u16) -> u64 {
        let report = self.report().await;
        let calls = report["calls"].as_object().unwrap();
        let wanted = calls.iter().filter(|(name, _)| route.is_none_or(|route| route == name.as_str()));
        wanted.filter_map(|(_, count)| count[status.to_string()].as_u64()).sum()
    }
}
