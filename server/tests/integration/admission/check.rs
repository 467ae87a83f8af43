//! admission-check with a manifest, and what the API server says behind it (`console-api.md` §6).

use serde_json::{Value, json};
use testkit::{Client, TestApp, eventually};

use crate::CONSOLE;

struct Desk {
    app: TestApp,
    member: Client,
    path: String,
    namespace: String,
}

impl Desk {
    async fn new() -> Self {
        let app = TestApp::start(CONSOLE).await;
        let member = app.stranger("member").await;
        let namespace = app.namespace(&member).await;
        let path = format!("/v1/kubernetes/namespaces/{}/admission-check", namespace["id"].as_str().unwrap());
        let namespace = namespace["kubernetes_name"].as_str().unwrap().to_owned();
        Self { app, member, path, namespace }
    }

    async fn check(&self, manifest: Value) -> Value {
        let reply = self.member.post(&self.path, json!({"manifest": manifest, "expected_hours": 24})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }
}

fn workload(kind: &str, spec: &str) -> String {
    let (version, pod) = match kind {
        "Job" => ("batch/v1", "restartPolicy: Never, "),
        _ => ("apps/v1", ""),
    };
    let selector = if kind == "Job" { "" } else { "selector: {matchLabels: {app: x}}\n  " };
    format!(
        "# as a person writes it
apiVersion: {version}
kind: {kind}
metadata: {{name: x}}
spec:
  {selector}{spec}
  template:
    metadata: {{labels: {{app: x, remotegpu.ai/sku-code: gpu-h100-1x}}}}
    spec: {{{pod}containers: [{{name: app, image: \"registry.invalid/app:1\"}}]}}
"
    )
}

fn failed(verdict: &Value) -> Vec<(String, String)> {
    let rules = verdict["rules"].as_array().unwrap().iter().filter(|rule| rule["ok"] == false);
    rules.map(|r| (r["code"].as_str().unwrap().to_owned(), r["message"].as_str().unwrap().to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_each_kind_in_yaml_and_json_is_judged_with_numbers() {
    let desk = Desk::new().await;
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "labels": {"remotegpu.ai/sku-code": "gpu-h100-1x"}},
        "spec": {"containers": [{"name": "app", "image": "registry.invalid/app:1"}]}});
    for (manifest, price, day, prefix) in [
        (json!(workload("Deployment", "replicas: 2")), "6.58", "157.92", "/spec/template/spec/"),
        (json!(workload("StatefulSet", "replicas: 1")), "3.29", "78.96", "/spec/template/spec/"),
        (json!(workload("Job", "parallelism: 2")), "6.58", "157.92", "/spec/template/spec/"),
        (pod.clone(), "3.29", "78.96", "/spec/"),
        (json!(pod.to_string()), "3.29", "78.96", "/spec/"),
    ] {
        let verdict = eventually("the quota is known", async || {
            let verdict = desk.check(manifest.clone()).await;
            if verdict["quota"].as_array().is_some_and(|quota| !quota.is_empty()) { Ok(verdict) } else { Err(verdict) }
        })
        .await;
        assert_eq!(verdict["allowed"], true, "{verdict}");
        assert_eq!(
            (&verdict["price"]["per_hour"], &verdict["price"]["for_expected_hours"]),
            (&json!(price), &json!(day))
        );
        let gpu =
            verdict["quota"].as_array().unwrap().iter().find(|q| q["resource"] == "requests.nvidia.com/gpu").unwrap();
        assert_eq!((&gpu["limit"], &gpu["used"]), (&json!("8"), &json!("0")), "{gpu}");
        let codes: Vec<&str> =
            verdict["rules"].as_array().unwrap().iter().map(|r| r["code"].as_str().unwrap()).collect();
        assert!(
            codes.contains(&"sku_known") && codes.contains(&"quota_gpu") && codes.ends_with(&["dry_run"]),
            "{codes:?}"
        );
        let injected = verdict["injected"].as_array().unwrap();
        let path = format!("{prefix}nodeSelector");
        assert!(injected.iter().any(|i| i["path"].as_str().unwrap().starts_with(&path)), "{injected:?}");
        assert!(verdict["capacity"]["free"].is_u64(), "{verdict}");
    }
    // Nothing was made.
    let deployments = desk.path.replace("admission-check", "deployments");
    assert_eq!(desk.member.get(&deployments).await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_api_server_knows_is_a_rule_too() {
    let desk = Desk::new().await;
    // A field of no schema.
    let typo = workload("Deployment", "replicaz: 2");
    let failures = failed(&desk.check(json!(typo)).await);
    assert!(
        matches!(failures.as_slice(), [(code, why)] if code == "dry_run" && why.contains("replicaz")),
        "{failures:?}"
    );
    // A selector that misses its own template.
    let selector = workload("Deployment", "replicas: 1").replace("matchLabels: {app: x}", "matchLabels: {app: other}");
    let failures = failed(&desk.check(json!(selector)).await);
    assert!(
        matches!(failures.as_slice(), [(code, why)] if code == "dry_run" && why.contains("selector")),
        "{failures:?}"
    );
    // A name that is taken, for a plan; a manifest would change what is there.
    let plan = json!({"name": "taken", "sku_code": "gpu-h100-8x", "replicas": 0, "image": "registry.invalid/app:1"});
    let deployments = desk.path.replace("admission-check", "deployments");
    assert_eq!(desk.member.post(&deployments, plan.clone()).await.status, 201);
    let verdict = desk.member.post(&desk.path, json!({"deployment": plan})).await.json();
    assert_eq!(failed(&verdict), [("dry_run".to_owned(), "Deployment taken already exists".to_owned())]);
    // Pod Security only warns about `restricted`; the warning reaches the person.
    let verdict = desk.check(json!(workload("Deployment", "replicas: 1"))).await;
    assert!(verdict["warnings"].to_string().contains("restricted"), "{}", verdict["warnings"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_or_belongs_elsewhere_is_said() {
    let desk = Desk::new().await;
    for (manifest, field) in [
        (json!("kind: ["), "manifest"),
        (json!("kind: Pod\n---\nkind: Pod\n"), "manifest"),
        (json!({"kind": "DaemonSet"}), "manifest.kind"),
        (json!(7), "manifest.kind"),
    ] {
        let reply = desk.member.post(&desk.path, json!({"manifest": manifest})).await;
        assert_eq!((reply.status, reply.str("/errors/0/field")), (400, field.to_owned()), "{manifest}");
    }
    let elsewhere = workload("Deployment", "replicas: 1").replace("{name: x}", "{name: x, namespace: kube-system}");
    let failures = failed(&desk.check(json!(elsewhere)).await);
    let expected = format!("The manifest is for namespace kube-system, this one is {}: leave it out", desk.namespace);
    assert_eq!(failures, [("namespace".to_owned(), expected)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_hears_the_rules_verdict() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.stranger("owner").await;
    let namespace = app.namespace(&owner).await;
    let account = owner.get("/v1/auth/session").await.str("/account/name");
    let viewer = app.member_of(&account, "viewer").await;
    let path = format!("/v1/kubernetes/namespaces/{}/admission-check", namespace["id"].as_str().unwrap());
    let verdict = viewer.post(&path, json!({"manifest": workload("Deployment", "replicas: 1")})).await.json();
    assert_eq!(verdict["allowed"], true, "{verdict}");
    assert!(!verdict["rules"].to_string().contains("dry_run"), "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_is_what_others_took_and_unknown_for_what_gets_no_place() {
    let desk = Desk::new().await;
    let pod = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": desk.namespace, "labels": {"remotegpu.ai/sku-code": "gpu-h100-1x"}},
            "spec": {"containers": [{"name": "app", "image": "registry.invalid/app:1"}]}})
    };
    let ran = desk.app.plane.admin_apply(&pod("first").to_string()).await;
    assert!(ran.ok, "{ran:?}");
    eventually("the wait is known from the first pod", async || {
        let verdict = desk.check(pod("second")).await;
        if verdict["expected_wait_seconds"].is_u64() { Ok(()) } else { Err(verdict.to_string()) }
    })
    .await;
    let mut refused = pod("second");
    refused["spec"]["hostNetwork"] = json!(true);
    assert_eq!(desk.check(refused).await["expected_wait_seconds"], Value::Null);
    // The simulated engine has sixteen of these GPUs for all tests.
    desk.app.plane.admin(&["delete", "pod", "first", "-n", &desk.namespace, "--wait=false"]).await.out();
}
