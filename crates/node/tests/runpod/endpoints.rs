//! EndpointSlices of a Service whose pods are rented: public addresses by RunPod's own word, under exactly the rights of the
//! chart with `kubelet.endpointSlices` (RULINGS 26).

use serde_json::{Value, json};
use testkit::{Plane, Scratch, eventually, helm, unique};
use tokio::process::Command;

use crate::account::{Account, KUBELET, Node, bound_pod, plenty};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/remotegpu-kubelet");

/// Makes the chart's ServiceAccount and rights, and nothing else of it; its manifest is returned.
pub async fn rights(release: &str, node: &str) -> String {
    let mut command = Command::new(helm());
    command.args(["template", release, CHART, "--namespace", "kube-system", "--set", "kubelet.endpointSlices=true"]);
    command.args(["--set", &format!("kubelet.nodename={node},runpod.existingSecret=none")]);
    command.args(["--show-only", "templates/serviceaccount.yaml", "--show-only", "templates/rbac.yaml"]);
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let manifest = String::from_utf8(output.stdout).unwrap();
    Plane::current().admin_apply(&manifest).await.out();
    manifest
}

async fn slices(service: &str) -> Vec<Value> {
    let selector = format!("kubernetes.io/service-name={service}");
    let ran = Plane::current().admin(&["get", "endpointslices", "--selector", &selector, "--output=json"]).await;
    let list: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
    list["items"].as_array().cloned().unwrap_or_default()
}

/// A Service of one port that has a name in the pod.
fn service(name: &str, annotations: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "annotations": annotations},
        "spec": {"ports": [{"name": "sql", "port": 5432, "targetPort": "pg"}]}})
}

/// Waits until the Service has one slice of one ready endpoint, at this address and port.
async fn reaches(name: &str, address: &str, node: &Node) {
    eventually("the Service reaches the public address", async || {
        let all = slices(name).await;
        let (ip, port) = address.rsplit_once(':').unwrap();
        let wanted = json!([[ip], true, port.parse::<u16>().unwrap(), "sql"]);
        let shown = |slice: &Value| {
            let (endpoint, port) = (&slice["endpoints"][0], &slice["ports"][0]);
            json!([endpoint["addresses"], endpoint["conditions"]["ready"], port["port"], port["name"]])
        };
        let right = all.len() == 1 && shown(&all[0]) == wanted;
        if right { Ok(()) } else { Err((wanted, all, node.log())) }
    })
    .await;
}

async fn until_none(name: &str, node: &Node) {
    eventually("no slice is left", async || {
        let all = slices(name).await;
        if all.is_empty() { Ok(()) } else { Err((all, node.log())) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_asks_for_it_reaches_the_public_addresses_of_its_pods() {
    let plane = Plane::current();
    let account = Account::open(KUBELET, &json!({"boot_seconds": 0, "port_seconds": 0, "quota": plenty()})).await;
    let (name, release) = (unique("endpoints"), unique("kubelet"));
    let manifest = rights(&release, &name).await;
    let taint = format!("--taint-value={name}");
    let flags =
        ["--reconcile-interval=1", "--list-lag=1", "--endpoint-slices", "--health-server-address=", taint.as_str()];
    let node = Node::new(&account, &name, &flags).under("kube-system", &release).await;
    let process = node.started().await;

    let (asking, silent, pod) = (unique("asking"), unique("silent"), unique("db"));
    let notes = json!({"runpod.io/managed-endpoints": "true", "runpod.io/pod-selector": format!("app={pod}")});
    plane.admin_apply(&service(&asking, &notes).to_string()).await.out();
    plane.admin_apply(&service(&silent, &json!({})).to_string()).await.out();
    let mut manifest_of_pod = bound_pod(&pod, &name, &json!({"app": pod}));
    manifest_of_pod["spec"]["containers"][0]["ports"] = json!([{"name": "pg", "containerPort": 5432}]);
    plane.admin_apply(&manifest_of_pod.to_string()).await.out();
    let address = eventually("RunPod has mapped the port", async || {
        let path = "--output=jsonpath={.metadata.annotations.runpod\\.io/addresses}";
        let text = plane.admin(&["get", "pod", &pod, path]).await.stdout;
        text.strip_prefix("5432=").map(str::to_owned).ok_or_else(|| (text.clone(), node.log()))
    })
    .await;
    reaches(&asking, &address, &node).await;
    assert_eq!(slices(&silent).await, Vec::<Value>::new(), "only a Service that asks gets slices");

    // Who may edit a pod may write its annotations; that must not turn a Service's traffic elsewhere.
    plane.admin(&["annotate", "--overwrite", "pod", &pod, "runpod.io/addresses=5432=192.0.2.66:1"]).await.out();
    plane.admin(&["annotate", "--overwrite", "service", &asking, "runpod.io/pod-selector=app=nobody"]).await.out();
    until_none(&asking, &node).await;
    let selector = format!("runpod.io/pod-selector=app={pod}");
    plane.admin(&["annotate", "--overwrite", "service", &asking, &selector]).await.out();
    reaches(&asking, &address, &node).await;

    plane.admin(&["delete", "pod", &pod, "--timeout=60s"]).await.out();
    until_none(&asking, &node).await;
    assert!(!node.log().contains("orbidden"), "no call was refused: {}", node.log());
    plane.admin(&["delete", "service", &asking, &silent]).await.out();
    node.end(process).await;
    let home = Scratch::new();
    let file = home.secret("rights.yaml", &manifest);
    plane.admin(&["delete", "-f", file.to_str().unwrap()]).await.out();
}
