//! The webhook as tenants meet it through kubectl (seed "Deploy workloads", `console-api.md` §6).

mod check;
mod dialects;
mod gpu_class;
mod other_makers;
mod watch;
mod ways_round;
mod webhook;

use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::{Followed, Ran, TestApp, eventually, local_image};

use crate::CONSOLE;

/// A tenant with kubectl at hand.
pub struct Tenant {
    pub app: TestApp,
    pub namespace: String,
    kubeconfig: PathBuf,
    key: String,
}

impl Tenant {
    pub async fn new() -> Self {
        let app = TestApp::start(CONSOLE).await;
        let member = app.operator().await;
        let namespace = app.namespace(&member).await;
        let id = namespace["id"].as_str().unwrap();
        let key = app.key(&member, json!({"all": true})).await;
        let kubeconfig = app.kubeconfig(&member, id, "").await;
        Self { namespace: namespace["kubernetes_name"].as_str().unwrap().to_owned(), app, kubeconfig, key }
    }

    pub async fn kubectl(&self, arguments: &[&str]) -> Ran {
        self.app.plane.kubectl(&self.kubeconfig, arguments, &[("REMOTEGPU_API_KEY", &self.key)]).await
    }

    pub async fn follow(&self, pod: &str) -> Followed {
        let arguments = ["logs", "--follow", pod];
        self.app.plane.follow(&self.kubeconfig, &arguments, &[("REMOTEGPU_API_KEY", &self.key)]).await
    }

    pub async fn apply(&self, manifest: &str) -> Ran {
        self.app.plane.kubectl_apply(&self.kubeconfig, manifest, &[("REMOTEGPU_API_KEY", &self.key)]).await
    }

    pub async fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["-o", "json"]).collect();
        serde_json::from_str(&self.kubectl(&arguments).await.out()).unwrap()
    }

    pub async fn available(&self, deployment: &str) {
        let wait = ["wait", "--for=condition=Available", "--timeout=80s", &format!("deployment/{deployment}")];
        let ran = self.kubectl(&wait).await;
        if !ran.ok {
            let events = self.kubectl(&["get", "pods,events", "-o", "wide"]).await;
            assert!(ran.ok, "{}\n{}", ran.stderr, events.stdout);
        }
    }
}

/// The published page's Deployment; only namespace and image are replaced.
fn example(name: &str, sku: &str, namespace: &str, image: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {namespace}
spec:
  replicas: 1
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
        remotegpu.ai/sku-code: {sku}
    spec:
      containers:
        - name: app
          image: {image}
"
    )
}

fn pod(labels: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: probe, labels: {{{labels}}}}}
spec: {{containers: [{{name: app, image: {image}}}]{spec}}}
",
        image = "localhost/remotegpu-test:1"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn both_published_examples_become_available() {
    let (tenant, image) = (Tenant::new().await, local_image().await);
    for (name, sku) in [("demo-cpu", "cpu-shared-8g"), ("demo-gpu-full", "gpu-h100-1x")] {
        tenant.apply(&example(name, sku, &tenant.namespace, image)).await.out();
    }
    tenant.available("demo-gpu-full").await;
    tenant.available("demo-cpu").await;
    let pods = tenant.json(&["get", "pods", "-l", "app=demo-gpu-full"]).await;
    let pod = &pods["items"][0];
    assert_eq!(pod["spec"]["nodeName"], "simulated-h100");
    assert_eq!(pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], "1");
    assert_eq!(pod["spec"]["containers"][0]["resources"]["limits"]["memory"], "192Gi");
    assert!(pod["metadata"]["annotations"]["remotegpu.ai/price-per-hour"].as_str().unwrap().starts_with("3.29"));
    // The simulated engine has sixteen of these GPUs for all tests.
    tenant.kubectl(&["delete", "deployment", "demo-gpu-full", "--wait=false"]).await.out();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_without_or_with_an_unknown_sku_is_told_what_to_write() {
    let tenant = Tenant::new().await;
    let without = tenant.apply(&pod("app: x", "")).await.refused();
    assert!(without.contains("Pod template needs the label remotegpu.ai/sku-code"), "{without}");
    assert!(without.contains("cpu-shared-8g") && without.contains("gpu-h100-1x"), "{without}");
    let unknown = tenant.apply(&pod("remotegpu.ai/sku-code: gpu-b200-1x", "")).await.refused();
    assert!(unknown.contains("gpu-b200-1x") && unknown.contains("cpu-shared-8g"), "{unknown}");
    let template = example("x", "nope", &tenant.namespace, "x").replace("remotegpu.ai/sku-code: nope", "other: label");
    let deployment = tenant.apply(&template).await.refused();
    assert!(deployment.contains("Pod template needs the label remotegpu.ai/sku-code"), "{deployment}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ways_round_the_sku_are_closed() {
    let tenant = Tenant::new().await;
    let sku = "remotegpu.ai/sku-code: cpu-shared-8g";
    for spec in [
        ", nodeName: local",
        ", schedulerName: mine",
        ", hostNetwork: true",
        ", hostPID: true",
        ", tolerations: [{operator: Exists}]",
        ", nodeSelector: {remotegpu.ai/engine: simulated}",
        ", runtimeClassName: other",
        ", serviceAccountName: someone",
        ", volumes: [{name: h, hostPath: {path: /}}]",
        ", initContainers: [{name: i, image: x, resources: {limits: {nvidia.com/gpu: 1}}}]",
        ", resourceClaims: [{name: gpu, resourceClaimName: x}]",
        ", priorityClassName: system-node-critical",
    ] {
        let refused = tenant.apply(&pod(sku, spec)).await;
        assert!(!refused.ok, "{spec} was admitted");
    }
    let large = pod(sku, "").replace("{name: app,", "{name: app, resources: {limits: {memory: 900Gi}},");
    let refused = tenant.apply(&large).await.refused();
    assert!(refused.contains("900Gi") && refused.contains("8Gi"), "{refused}");

    tenant.apply(&pod(sku, "")).await.out();
    let relabel = tenant.kubectl(&["label", "pod", "probe", "--overwrite", "remotegpu.ai/sku-code=gpu-h100-1x"]).await;
    assert!(!relabel.ok);
    let cheaper =
        tenant.kubectl(&["annotate", "pod", "probe", "--overwrite", "remotegpu.ai/price-per-hour=0 EUR"]).await;
    assert!(!cheaper.ok);
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: t, annotations: {kubernetes.io/service-account.name: default}}\ntype: kubernetes.io/service-account-token\n";
    assert!(!tenant.apply(secret).await.ok, "never-ending tokens are refused by policy");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pod_is_ended_because_its_engine_does_not_answer_for_a_while() {
    let room = ways_round::Room::new().await;
    let stored = room.made("stays").await;
    let ends = stored["spec"]["tolerations"].as_array().unwrap().iter().filter(|one| one["effect"] == "NoExecute");
    let mut ends: Vec<(&str, &Value)> =
        ends.map(|one| (one["key"].as_str().unwrap(), &one["tolerationSeconds"])).collect();
    ends.sort_by_key(|(key, _)| *key);
    // Kubernetes gives every pod 300 seconds before admission is asked.
    let expected = ["not-ready", "unreachable"].map(|key| format!("node.kubernetes.io/{key}"));
    let never = Value::Null;
    assert_eq!(ends, expected.each_ref().map(|key| (key.as_str(), &never)));
    room.admin.delete(&room.path("pods/stays")).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_shows_price_and_what_is_free() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let sku = eventually("availability is counted", async || {
        let sku = member.get("/v1/skus/gpu-h100-1x").await;
        if sku.json()["available"]["total"] == 16 { Ok(sku) } else { Err(sku.text) }
    })
    .await;
    assert_eq!(sku.str("/kind"), "gpu");
    assert_eq!(sku.str("/gpu/model"), "H100");
    assert_eq!(sku.str("/price/amount"), "3.29");
    let codes = member.get("/v1/skus").await.json();
    let codes: Vec<&str> = codes["items"].as_array().unwrap().iter().map(|s| s["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"cpu-shared-8g"), "{codes:?}");
    member.get("/v1/skus/none").await.is_problem(404, "not_found", "Not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn admission_check_gives_the_webhooks_answer_with_numbers() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let path = format!("/v1/kubernetes/namespaces/{}/admission-check", namespace["id"].as_str().unwrap());
    let plan = |sku: &str, replicas: u32| json!({"deployment": {"name": "demo", "sku_code": sku, "replicas": replicas, "image": "x"}, "expected_hours": 2});
    let yes = eventually("the quota is known", async || {
        let reply = member.post(&path, plan("gpu-h100-1x", 2)).await;
        if reply.json()["quota"].as_array().is_some_and(|q| !q.is_empty()) { Ok(reply) } else { Err(reply.text) }
    })
    .await;
    assert_eq!((yes.status, &yes.json()["allowed"]), (200, &json!(true)), "{}", yes.text);
    assert_eq!(yes.str("/price/per_hour"), "6.58");
    assert_eq!(yes.str("/price/for_expected_hours"), "13.16");
    let no = member.post(&path, plan("gpu-h100-1x", 9)).await;
    assert_eq!((no.status, &no.json()["allowed"]), (200, &json!(false)));
    let rules = no.json()["rules"].clone();
    let gpu = rules.as_array().unwrap().iter().find(|r| r["code"] == "quota_gpu").unwrap().clone();
    assert_eq!(gpu["message"], "Needs 9 GPUs, 8 of 8 left");
    let unknown = member.post(&path, plan("none", 1)).await.json();
    assert_eq!(unknown["allowed"], false);
    let manifest: Value = json!({"manifest": {"kind": "Pod", "spec": {"hostNetwork": true, "containers": [{"name": "a", "image": "x"}]},
        "metadata": {"labels": {"remotegpu.ai/sku-code": "cpu-shared-8g"}}}});
    let host = member.post(&path, manifest).await;
    assert!(host.text.contains("hostNetwork"), "{}", host.text);
}
