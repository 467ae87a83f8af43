//! One instance at RunPod itself, for which somebody pays: only with `cargo xtask test --live-runpod` (RULINGS 27). It is
//! cheap, its price is capped, and whatever goes wrong its pod is deleted before anything is judged.

use std::process::Stdio;

use engines::runpod::PUBLIC_URL;
use serde_json::json;
use testkit::{Plane, left_out, unique};
use tokio::process::Command;

use crate::account::{Account, KUBELET, Node};

/// Runs kubectl for as long as RunPod may take; whether it worked, and what it wrote.
async fn kubectl(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(Plane::current().kubectl_program());
    command.arg("--kubeconfig").arg(Plane::current().kubeconfig("admin")).args(arguments);
    match command.stdin(Stdio::null()).output().await {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            (output.status.success(), String::from_utf8_lossy(&text).into_owned())
        }
        Err(error) => (false, error.to_string()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_account_runs_a_pod_and_is_left_without_it() {
    let key = std::env::var("RUNPOD_API_KEY").unwrap_or_default();
    if std::env::var_os("REMOTEGPU_TEST_LIVE_RUNPOD").is_none() || key.is_empty() {
        return left_out("one instance at RunPod itself: cargo xtask test --live-runpod, with RUNPOD_API_KEY");
    }
    let (plane, name, pod) = (Plane::current(), unique("live"), unique("live-pod"));
    let unused = Account::open(KUBELET, &json!({})).await;
    let taint = format!("--taint-value={name}");
    let flags = ["--reconcile-interval=10", "--max-gpu-price=0.2", "--health-server-address=", taint.as_str()];
    let flags = [&flags[..], &["--max-hourly-cost=0.2"]].concat();
    let node = Node::new(&unused, &name, &flags).env("RUNPOD_API_KEY", &key).env("RUNPOD_API_URL", PUBLIC_URL);
    let process = node.started().await;
    let container = json!({"name": "app", "image": "busybox:1.37",
        "command": ["/bin/sh", "-c", "echo hello from RunPod; while :; do sleep 1; done"]});
    let manifest = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod}, "spec": {
        "nodeName": name, "tolerations": [{"operator": "Exists"}], "activeDeadlineSeconds": 900,
        "containers": [container]}});
    plane.admin_apply(&manifest.to_string()).await.out();

    let place = format!("pod/{pod}");
    let (ready, _) = kubectl(&["wait", "--for=condition=Ready", &place, "--timeout=600s"]).await;
    let (logged, log) = kubectl(&["logs", &pod]).await;
    let (_, shown) = kubectl(&["describe", &place]).await;
    let (gone, deleted) = kubectl(&["delete", &place, "--timeout=600s"]).await;
    assert!(gone, "LOOK AT THE ACCOUNT, something may still cost money: {deleted}\n{shown}\n{}", node.log());
    assert!(ready, "{shown}\n{}", node.log());
    assert!(logged && log.contains("hello from RunPod"), "{log}\n{}", node.log());
    node.end(process).await;
}
