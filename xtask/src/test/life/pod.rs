//! A pod under a SKU that `up` is stopped and started over: it is the same one, runs again, and has no second container.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use localplane::wait;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::Life;
use crate::shell;
use crate::up::containers::Containers;

const NAME: &str = "outlives";
// The Rust tests import it; it runs until it is told to end, which it does at once.
const IMAGE: &str = "--image=localhost/remotegpu-test:1";
const UNDER_A_SKU: &str = "--labels=remotegpu.ai/sku-code=cpu-shared-8g";
const ACTIVE: Duration = Duration::from_secs(60);
/// How long kubectl waits for a state of the pod.
const LIMIT: &str = "--timeout=120s";

/// Its namespace as the console and as the cluster call it, and its uid.
pub(super) struct Pod {
    path: String,
    namespace: String,
    uid: String,
}

/// Somebody who is signed in at the console. Dropping it forgets the session.
pub(super) struct Session {
    url: String,
    cookies: NamedTempFile,
}

// === impl Pod ===

impl Pod {
    /// Makes a namespace over REST and a pod in it; it is ready.
    ///
    /// # Errors
    /// When it cannot be made, or is not ready in time.
    pub(super) fn run(life: &Life<'_>, env: &BTreeMap<String, String>) -> Result<Self> {
        let console = Session::sign_in(env)?;
        let made = console.ask("/v1/kubernetes/namespaces", Some(&json!({"name": NAME})))?;
        let path = format!("/v1/kubernetes/namespaces/{}", text(&made, "id")?);
        wait::until("the namespace", ACTIVE, life.stop, || {
            Ok((console.ask(&path, None)?["status"] == "active").then_some(()))
        })?;
        let mut pod = Self { path, namespace: text(&made, "kubernetes_name")?, uid: String::new() };
        pod.kubectl(life, env, &["run", NAME, IMAGE, UNDER_A_SKU])?;
        pod.kubectl(life, env, &["wait", "pod", NAME, "--for=condition=Ready", LIMIT])?;
        pod.uid = pod.kubectl(life, env, &["get", "pod", NAME, "--output=jsonpath={.metadata.uid}"])?;
        Ok(pod)
    }

    /// Waits until it runs again after a stop, and takes it away: no later start has to look after it.
    ///
    /// # Errors
    /// When it does not, is another one, or has not exactly one container that runs.
    pub(super) fn runs_again(&self, life: &Life<'_>, env: &BTreeMap<String, String>) -> Result<()> {
        // What its node said before the stop still stands there: ready, and never begun anew.
        let begun_anew = "--for=jsonpath={.status.containerStatuses[0].restartCount}=1";
        self.kubectl(life, env, &["wait", "pod", NAME, begun_anew, LIMIT])?;
        self.kubectl(life, env, &["wait", "pod", NAME, "--for=condition=Ready", LIMIT])?;
        let uid = self.kubectl(life, env, &["get", "pod", NAME, "--output=jsonpath={.metadata.uid}"])?;
        ensure!(uid == self.uid, "another pod has its name: {uid} instead of {}", self.uid);
        let status = Session::sign_in(env)?.ask(&self.path, None)?["status"].take();
        ensure!(status == "active", "its namespace is {status}");

        let id = life.kubectl(env, &["get", "namespace", "kube-system", "--output=jsonpath={.metadata.uid}"])?;
        let socket = socket(&life.data);
        let containers = Containers { socket: &socket, cluster: &id };
        let running = containers.running()?;
        ensure!(running.len() == 1, "of its containers run: {running:?}");
        self.kubectl(life, env, &["delete", "pod", NAME, LIMIT])?;
        let left = containers.running()?;
        ensure!(left.is_empty(), "deleted, it still runs: {left:?}");
        Ok(())
    }

    /// kubectl in its namespace.
    ///
    /// # Errors
    /// As those of [`shell::quiet`].
    pub(super) fn kubectl(
        &self,
        life: &Life<'_>,
        env: &BTreeMap<String, String>,
        arguments: &[&str],
    ) -> Result<String> {
        let place = format!("--namespace={}", self.namespace);
        let all: Vec<&str> = arguments.iter().copied().chain([place.as_str()]).collect();
        life.kubectl(env, &all)
    }
}

// === impl Session ===

impl Session {
    /// Signs in as the user of the first start.
    ///
    /// # Errors
    /// When the console does not answer or refuses.
    pub(super) fn sign_in(env: &BTreeMap<String, String>) -> Result<Self> {
        let cookies = NamedTempFile::new().context("cannot make a file for the session")?;
        let session = Self { url: env["REMOTEGPU_URL"].clone(), cookies };
        let person = json!({"email": env["REMOTEGPU_ADMIN_EMAIL"], "password": env["REMOTEGPU_ADMIN_PASSWORD"]});
        session.ask("/v1/auth/login", Some(&person))?;
        Ok(session)
    }

    /// What a route answers: a GET, or a POST of `body`.
    fn ask(&self, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut curl = Command::new("curl");
        curl.args(["--fail", "--silent", "--show-error", "--noproxy", "*"]);
        curl.arg("--cookie").arg(self.cookies.path()).arg("--cookie-jar").arg(self.cookies.path());
        if let Some(body) = body {
            curl.args(["--header", "content-type: application/json", "--data"]).arg(body.to_string());
        }
        let answer = shell::quiet(path, curl.arg(format!("{}{path}", self.url)))?;
        serde_json::from_str(&answer).with_context(|| format!("{path} does not answer with JSON: {answer}"))
    }
}

fn text(object: &Value, key: &str) -> Result<String> {
    object[key].as_str().map(str::to_owned).with_context(|| format!("no {key} in {object}"))
}

/// Where the container engine of a start listens: the podman that it started, or the machine's Docker.
fn socket(data: &Path) -> PathBuf {
    let podman = data.join("podman.sock");
    if podman.exists() { podman } else { PathBuf::from("/var/run/docker.sock") }
}
