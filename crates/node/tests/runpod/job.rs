//! What a pod has from its Job when the API server does not show the Job, under exactly the rights of the chart.

use serde_json::{Value, json};
use testkit::{CallProxy, Plane, Scratch, eventually, unique};

use crate::account::{Account, KUBELET, Node, plenty};
use crate::endpoints::rights;

/// The Job alone says where its pod may be.
fn job(name: &str, node: &str) -> Value {
    let annotations = json!({"runpod.io/required-gpu-memory": "40", "runpod.io/datacenter-ids": "EU-RO-1"});
    let container = json!({"name": "app", "image": "job/train", "command": ["train"],
        "resources": {"limits": {"nvidia.com/gpu": "1"}}});
    let pod = json!({"restartPolicy": "Never", "nodeName": node, "terminationGracePeriodSeconds": 1,
        "tolerations": [{"operator": "Exists"}], "containers": [container]});
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "annotations": annotations},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn for_a_pod_whose_job_cannot_be_read_nothing_is_rented_until_it_can() {
    let plane = Plane::current();
    let account = Account::open(KUBELET, &json!({"boot_seconds": 0, "port_seconds": 0, "quota": plenty()})).await;
    let (name, release, work) = (unique("node"), unique("kubelet"), unique("job"));
    let (manifest, proxy) = (rights(&release, &name).await, CallProxy::to(plane).await);
    let refusal = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 403,
        "reason": "Forbidden", "message": "jobs.batch is forbidden"});
    proxy.answer("GET", "/jobs/", 403, refusal);
    let taint = format!("--taint-value={name}");
    let flags = ["--reconcile-interval=1", "--list-lag=1", "--health-server-address=", taint.as_str()];
    let node = Node::new(&account, &name, &flags).under("kube-system", &release).await.through(&proxy.server());
    let process = node.started().await;

    plane.admin_apply(&job(&work, &name).to_string()).await.out();
    let selector = format!("job-name={work}");
    let path = "--output=jsonpath={.items[*].status.containerStatuses[*].state.waiting}";
    eventually("the pod says what it waits for", async || {
        let told = plane.admin(&["get", "pods", "--selector", &selector, path]).await.stdout;
        let wanted = format!("The annotations of Job {work} could not be read");
        let waits = told.contains("CreateContainerConfigError") && told.contains(&wanted);
        if waits { Ok(()) } else { Err((told, node.log())) }
    })
    .await;
    assert_eq!(account.calls(Some("POST /v2/pods"), 201).await, 0, "its Job may forbid what would be rented");

    proxy.pass();
    let billed = eventually("it is rented for once its Job is known", async || {
        let billed = account.billed().await;
        if billed.len() == 1 { Ok(billed) } else { Err((billed, node.log())) }
    })
    .await;
    let rented = (&billed[0]["hardware"], &billed[0]["data_center"]);
    assert_eq!(rented, (&json!("NVIDIA A40"), &json!("EU-RO-1")), "as the Job says");

    plane.admin(&["delete", "job", &work, "--timeout=60s"]).await.out();
    eventually("nothing costs anything any more", async || {
        let billed = account.billed().await;
        if billed.is_empty() { Ok(()) } else { Err((billed, node.log())) }
    })
    .await;
    node.end(process).await;
    let home = Scratch::new();
    let file = home.secret("rights.yaml", &manifest);
    plane.admin(&["delete", "-f", file.to_str().unwrap()]).await.out();
}
