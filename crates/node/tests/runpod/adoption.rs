//! A change from the published kubelet: what it rented goes on under this node, and nothing is rented for it again. Then the
//! end of the node: who takes it away is told what still costs money (RULINGS 26).

use serde_json::json;
use testkit::{Plane, eventually, unique};
use tokio::process::Command;

use crate::account::{Account, KUBELET, Node, bound_pod, plenty};

/// What the program says still costs money, and whether it ended well.
async fn told(account: &Account, node: &str) -> (bool, String) {
    let mut command = Command::new(KUBELET);
    command.args(["--list-instances", "--list-lag=3", &format!("--nodename={node}"), "--kubeconfig"]);
    command.arg(Plane::current().kubeconfig("admin"));
    command.env("RUNPOD_API_KEY", "rpa_test").env("RUNPOD_API_URL", account.url());
    let output = command.output().await.unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_of_the_published_kubelet_goes_on_and_its_node_tells_what_still_costs_money() {
    let plane = Plane::current();
    let settings = json!({"boot_seconds": 0, "port_seconds": 0, "list_lag_seconds": 1, "quota": plenty()});
    let account = Account::open(KUBELET, &settings).await;
    let (name, pod) = (unique("moved"), unique("train"));
    let taint = format!("--taint-value={name}");
    let flags = ["--reconcile-interval=1", "--list-lag=3", "--health-server-address=", taint.as_str()];
    // The Node object is there, and nobody works for it: as after the published kubelet was taken away.
    let node = Node::new(&account, &name, &flags);
    let mut process = node.started().await;
    process.kill().await.unwrap();
    plane.admin_apply(&bound_pod(&pod, &name, &json!({})).to_string()).await.out();
    account.control(&json!({"do": "foreign", "name": pod})).await;
    account.control(&json!({"do": "foreign", "name": "somebody-else"})).await;
    let billed = account.billed().await;
    let id = billed.iter().find(|one| one["name"] == pod).unwrap()["id"].as_str().unwrap().to_owned();
    plane.admin(&["annotate", "pod", &pod, &format!("runpod.io/pod-id={id}"), "runpod.io/cost-per-hr=0.4"]).await.out();
    let status = json!({"status": {"phase": "Running", "podIP": "10.0.0.2", "podIPs": [{"ip": "10.0.0.2"}],
        "containerStatuses": [{"name": "app", "image": "placeholder", "imageID": "", "ready": true, "started": true,
            "restartCount": 0, "containerID": format!("runpod://{id}"),
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}});
    let patch = format!("--patch={status}");
    plane.admin(&["patch", "pod", &pod, "--subresource=status", "--type=merge", &patch]).await.out();
    assert_eq!(told(&account, &name).await, (true, format!("No instance of node {name} costs anything\n")));

    let adopting = Node::new(&account, &name, &[&flags[..], &["--adopt-by-annotation"]].concat());
    let mut process = adopting.start();
    eventually("the pod runs on what it had, which is this node's", async || {
        let path = "--output=jsonpath={.metadata.uid} {.metadata.annotations.runpod\\.io/addresses} \
            {.status.containerStatuses[0].image}";
        let ran = plane.admin(&["get", "pod", &pod, path]).await;
        let uid = ran.stdout.split(' ').next().unwrap_or_default().to_owned();
        let names: Vec<_> = account.billed().await.iter().map(|one| (one["id"].clone(), one["name"].clone())).collect();
        let is_ours = |name: &str| name.starts_with("rgpu-") && name.ends_with(&uid);
        let marked = names.iter().any(|(of, name)| *of == id && name.as_str().is_some_and(is_ours));
        let shown = ran.stdout.ends_with("nvidia/cuda:11.7.1-base-ubuntu22.04");
        if marked && shown { Ok(()) } else { Err((ran.stdout, names, adopting.log())) }
    })
    .await;
    process.kill().await.unwrap();

    let process = node.start();
    let (well, list) = told(&account, &name).await;
    assert!(!well && list.starts_with(&id) && list.contains(" $/h  rented  UID "), "{list}");
    plane.admin(&["delete", "pod", &pod, "--timeout=80s"]).await.out();
    let billed = account.billed().await;
    assert!(billed.len() == 1 && billed[0]["name"] == "somebody-else", "{billed:?}");
    assert_eq!(account.calls(Some("POST /v2/pods"), 201).await, 0, "nothing was rented for it again");
    assert_eq!(account.calls(Some("PATCH /v2/pods/{id}"), 200).await, 1, "marked once, and never started anew");
    assert!(told(&account, &name).await.0);
    node.end(process).await;
}
