//! What real clients do with the kubeconfig: every kubectl of this machine, and the official Python client.
//! Calls of the plugin are counted at a proxy in front of the console: curl makes one connection for each.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;
use testkit::{FaultProxy, Plane, Ran, Scratch, TestApp, unique};

use crate::CONSOLE;

struct Stage {
    app: TestApp,
    proxy: FaultProxy,
    folder: Scratch,
    text: String,
    key: String,
    namespace: String,
}

/// A namespace, a key, and the text of a kubeconfig that leads through the counting proxy.
async fn stage() -> Stage {
    let app = TestApp::start_limited(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let file = app.kubeconfig(&member, namespace["id"].as_str().unwrap(), "").await;
    let address = app.url.trim_start_matches("http://").to_owned();
    let proxy = FaultProxy::to(&address).await;
    let text = std::fs::read_to_string(file).unwrap().replace(&address, &proxy.address());
    let key = app.key(&member, json!({"all": true})).await;
    let namespace = namespace["kubernetes_name"].as_str().unwrap().to_owned();
    Stage { app, proxy, folder: Scratch::new(), text, key, namespace }
}

impl Stage {
    /// A copy of the kubeconfig: its discovery cache is cold.
    fn kubeconfig(&self) -> PathBuf {
        self.folder.secret(&unique("kubeconfig"), &self.text)
    }

    /// A run, and how often it called the console.
    async fn run(&self, kubectl: &Path, kubeconfig: &Path, key: &str) -> (Ran, usize) {
        let before = self.proxy.connections();
        let environment = [("REMOTEGPU_API_KEY", key)];
        let ran = self.app.plane.kubectl_with(kubectl, kubeconfig, &["get", "pods"], &environment).await;
        (ran, self.proxy.connections() - before)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kubectl_of_this_machine_asks_once_a_command_cold_and_warm() {
    let stage = stage().await;
    for (name, kubectl) in stage.app.plane.kubectls() {
        let kubeconfig = stage.kubeconfig();
        for cache in ["cold", "warm"] {
            let (ran, calls) = stage.run(&kubectl, &kubeconfig, &stage.key).await;
            assert!(ran.ok, "{name}, {cache}: {}", ran.stderr);
            assert_eq!(calls, 1, "{name}, {cache}");
        }
        eprintln!("ran {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_commands_at_once_make_twenty_calls_and_all_succeed() {
    let stage = std::sync::Arc::new(stage().await);
    for (name, kubectl) in stage.app.plane.kubectls() {
        let (kubeconfig, before) = (stage.kubeconfig(), stage.proxy.connections());
        let runs: Vec<_> = (0..20)
            .map(|_| {
                let (stage, kubectl, kubeconfig) = (stage.clone(), kubectl.clone(), kubeconfig.clone());
                tokio::spawn(async move { stage.run(&kubectl, &kubeconfig, &stage.key).await.0 })
            })
            .collect();
        for run in runs {
            let ran = run.await.unwrap();
            assert!(ran.ok, "{name}: {}", ran.stderr);
        }
        assert_eq!(stage.proxy.connections() - before, 20, "{name}");
    }
}

/// A failing kubectl calls five or six times on a cold cache: a rate limit would hide the reason.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_reads_its_reason_with_every_kubectl_and_no_rate_limit() {
    for (name, kubectl) in Plane::current().kubectls() {
        // Each of them has the limit of an address to itself, as it has at home.
        let stage = stage().await;
        let wrong = testkit::one_off(&stage.key);
        let kubeconfig = stage.kubeconfig();
        for attempt in 0..3 {
            let (ran, calls) = stage.run(&kubectl, &kubeconfig, &wrong).await;
            let stderr = ran.refused();
            assert_eq!(stderr.matches("Invalid API key").count(), calls, "{name}, {attempt}: {stderr}");
            assert!((1..=6).contains(&calls), "{name}: {calls}");
            assert!(!stderr.contains("Too many requests"), "{name}: {stderr}");
            assert!(!stderr.contains(&wrong), "{name}: the key is not printed");
        }
    }
}

const PYTHON: &str = r"
import sys
from kubernetes import client, config
config.load_kube_config(sys.argv[1])
for _ in range(3):
    print(len(client.CoreV1Api().list_namespaced_pod(sys.argv[2]).items))
";

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_client_lists_pods() {
    let given = std::env::var_os("REMOTEGPU_TEST_PYTHON").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let python = given.unwrap_or_else(|| home.join(".cache/remotegpu/tools/python/bin/python"));
    if !python.is_file() {
        let way = "python3 -m venv, pip install kubernetes";
        testkit::left_out(&format!("the official Python client: {} is not there ({way})", python.display()));
        return;
    }
    let stage = stage().await;
    let mut command = tokio::process::Command::new(python);
    command.args(["-c", PYTHON]).arg(stage.kubeconfig()).arg(&stage.namespace);
    command.env("REMOTEGPU_API_KEY", &stage.key).stdin(Stdio::null());
    let before = stage.proxy.connections();
    let output = command.output().await.unwrap();
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(out.split_whitespace().collect::<Vec<_>>(), ["0", "0", "0"], "{errors}");
    let calls = stage.proxy.connections() - before;
    assert!((1..=4).contains(&calls), "{calls} calls");
}
