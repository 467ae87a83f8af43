//! A preflight that tries a command in a probe pod, on a second real control plane: with a node that runs containers it
//! passes, with one that runs no commands it says so, and the pod is gone either way.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use domain::engine_manifest::{EngineFeature, NewEngineManifest};
use serde_json::{Value, json};
use testkit::{Client, OtherPlane, Scratch, TestApp, engine_socket, eventually, unique};
use tokio::process::{Child, Command};

use crate::CONSOLE;

/// What the probe pod asks for.
const IMAGE: &str = "registry.k8s.io/pause:3.10";
/// What is said of a pod that nobody takes.
const LATE: &str = "The probe pod did not start in 8 s";

/// Runs the one node of a cluster, and waits until pods may come.
pub async fn node(there: &OtherPlane, provider: &[&str]) -> Child {
    let (cert, key) = there.kubelet_certificate("worker");
    let port = testkit::free_port();
    let mut command = Command::new(Path::new(CONSOLE).with_file_name("remotegpu-kubelet"));
    command.args(["--nodename", "worker", "--address", "127.0.0.1", "--port", &port.to_string()]).args(provider);
    command.args(["--capacity-cpu", "8", "--capacity-memory", "8Gi"]);
    command.arg("--kubeconfig").arg(there.kubeconfig()).arg("--tls-cert-file").arg(cert).arg("--tls-key-file").arg(key);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let node = command.spawn().expect("remotegpu-kubelet is built");
    eventually("the node over there is ready", async || {
        let question = "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}";
        let ran = there.admin(&["get", "node", "worker", question]).await;
        if ran.stdout == "True" { Ok(()) } else { Err(ran.stderr) }
    })
    .await;
    node
}

/// The row of a preflight with a probe pod; the pod is gone afterwards.
async fn tried(owner: &Client, there: &OtherPlane) -> Value {
    let name = unique("probed");
    let input = NewEngineManifest {
        namespace: name.clone(),
        features: vec![EngineFeature::Pods],
        ..NewEngineManifest::for_engine(&name)
    };
    let input = input.checked().unwrap();
    there.admin_apply(&input.yaml()).await.out();
    eventually("pods may be made", async || {
        let ran = there.admin(&["-n", &name, "get", "serviceaccount", "default"]).await;
        if ran.ok { Ok(()) } else { Err(ran.stderr) }
    })
    .await;
    let token = there.admin(&["-n", &name, "create", "token", &input.service_account, "--duration=24h"]).await.out();
    let form = json!({
        "kind": "on_premise", "name": name, "api_url": there.server(), "load_balancer_ip": "203.0.113.10",
        "ca_data": there.ca(), "bearer_token": token.trim(), "namespaces": [name], "features": ["pods"],
        "exec_probe": true,
    });
    let seen = owner.post("/v1/engines/preflight", form).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    eventually("nothing is left over there", async || {
        let left = there.admin(&["-n", &name, "get", "pods", "--output=name"]).await.out();
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
    let rows = seen.json()["report"]["rows"].as_array().unwrap().clone();
    rows.into_iter().find(|row| row["id"] == "exec").unwrap()
}

/// The same where a node takes the pod: on a busy machine it may once come too late for the limit of the check.
async fn tried_in_time(owner: &Client, there: &OtherPlane) -> Value {
    eventually("the probe pod starts in time", async || {
        let row = tried(owner, there).await;
        if row["message"].as_str().is_some_and(|said| said.starts_with(LATE)) { Err(row) } else { Ok(row) }
    })
    .await
}

/// An image under the name of the real one, which no registry is asked for here: it waits, and it has the command.
async fn pause_image() {
    let root = Scratch::new();
    let bin = root.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::copy("/bin/busybox", bin.join("busybox")).expect("busybox-static is installed");
    for applet in ["sh", "sleep", "echo"] {
        std::os::unix::fs::symlink("busybox", bin.join(applet)).unwrap();
    }
    let command = root.path().join("pause");
    std::fs::write(&command, "#!/bin/sh\necho pause\n").unwrap();
    std::fs::set_permissions(&command, std::fs::Permissions::from_mode(0o755)).unwrap();
    let archive = root.path().join("root.tar");
    let mut tar = Command::new("tar");
    // Somebody who is not root runs it.
    tar.arg("--mode=a+rX").arg("-C").arg(root.path()).arg("-cf").arg(&archive).args(["bin", "pause"]);
    assert!(tar.status().await.expect("tar can be run").success());
    let mut import = Command::new("podman");
    import.args(["import", "--change", "CMD [\"/bin/sh\", \"-c\", \"sleep 1000\"]"]).arg(&archive).arg(IMAGE);
    let output = import.output().await.expect("podman is installed");
    assert!(output.status.success(), "podman import: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_in_a_probe_pod_shows_that_nothing_cuts_the_way() {
    if std::env::var_os("REMOTEGPU_TEST_QUICK").is_some() {
        return testkit::left_out("a command in an engine's probe pod: --quick leaves out containers");
    }
    let app = TestApp::setup(CONSOLE).with("REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8").start().await;
    let (owner, there) = (app.stranger("owner").await, OtherPlane::start().await);
    pause_image().await;
    let endpoint = format!("unix://{}", engine_socket().display());
    let _node = node(&there, &["--provider", "docker", "--provider-endpoint", &endpoint]).await;
    let row = tried_in_time(&owner, &there).await;
    assert_eq!(
        (&row["status"], &row["message"]),
        (&json!("pass"), &json!("A command ran in a probe pod, over WebSocket"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_command_comes_through_the_probe_says_so_and_leaves_nothing() {
    let app = TestApp::setup(CONSOLE).with("REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8").start().await;
    let (owner, there) = (app.stranger("owner").await, OtherPlane::start().await);
    let row = tried(&owner, &there).await;
    assert_eq!(row["status"], "warn", "no node takes the pod: {row}");
    assert!(row["message"].as_str().unwrap().starts_with(LATE), "{row}");
    let _node = node(&there, &["--provider", "simulated"]).await;
    let row = tried_in_time(&owner, &there).await;
    assert_eq!(row["status"], "fail", "a simulated node runs no commands: {row}");
}
