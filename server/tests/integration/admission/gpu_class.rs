//! GPUs limited by class: set by an operator, enforced by Kubernetes, explained by admission-check, shown to tenants. And
//! that Kubernetes enforces the limits of all GPUs and of a share in the same way.

use serde_json::{Value, json};
use testkit::{Client, KubeApi, TestApp, eventually};

use super::ways_round::pod;
use crate::CONSOLE;

const QUOTA: &str = "remotegpu-gpu-h100";
/// The quota of everything else in a namespace.
const ALL: &str = "remotegpu";
const GPUS: &str = "requests.nvidia.com/gpu";

/// A tenant, and the operator who limits them.
struct Limited {
    app: TestApp,
    operator: Client,
    member: Client,
    account: String,
    id: String,
    namespace: String,
    tenant: KubeApi,
}

impl Limited {
    async fn new() -> Self {
        let app = TestApp::start(CONSOLE).await;
        let (operator, member) = (app.operator().await, app.stranger("member").await);
        let account = member.get("/v1/auth/session").await.str("/account/id");
        let namespace = app.namespace(&member).await;
        let id = namespace["id"].as_str().unwrap().to_owned();
        let key = app.key(&member, json!({"all": true})).await;
        let path = format!("/v1/kubernetes/namespaces/{id}/exec-credential");
        let token = app.anonymous().with("x-api-key", &key).post(&path, json!({})).await.str("/status/token");
        let tenant = KubeApi::with_token(app.plane, &token);
        let namespace = namespace["kubernetes_name"].as_str().unwrap().to_owned();
        Self { app, operator, member, account, id, namespace, tenant }
    }

    fn pods(&self, query: &str) -> String {
        format!("/api/v1/namespaces/{}/pods{query}", self.namespace)
    }

    /// The console marks SKUs with their classes as it starts; the webhook reads that after it.
    async fn marked(&self) {
        eventually("admission gives pods the class of their GPUs", async || {
            let probe = pod("probe", "gpu-h100-1x", json!({}));
            let reply = self.tenant.create(&self.pods("?dryRun=All"), &probe).await;
            if reply.body["spec"]["priorityClassName"] == QUOTA { Ok(()) } else { Err(reply.body) }
        })
        .await;
    }

    async fn limit(&self, limit: Value) {
        let path = format!("/v1/platform/accounts/{}", self.account);
        let changed = self.operator.patch(&path, json!({"quota": {"gpu_classes": {"h100": limit}}})).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        assert_eq!(changed.json()["quota"]["gpu_classes"]["h100"], limit);
    }

    /// What a quota of the namespace says of a resource, used and most, as the cluster has counted it.
    async fn counted(&self, quota: &str, resource: &str) -> Value {
        let ran = ["-n", &self.namespace, "get", "resourcequota", quota, "--ignore-not-found", "-o", "json"];
        let found = self.app.plane.admin(&ran).await.out();
        let status = serde_json::from_str::<Value>(&found).unwrap_or_default()["status"].clone();
        let of = |side: &str| status[side][resource].clone();
        json!([of("used"), of("hard")])
    }

    async fn counts(&self, wanted: Value) {
        self.counts_in(QUOTA, GPUS, wanted).await;
    }

    async fn counts_in(&self, quota: &str, resource: &str, wanted: Value) {
        eventually("the quota is counted", async || {
            let counted = self.counted(quota, resource).await;
            if counted == wanted { Ok(()) } else { Err(counted) }
        })
        .await;
    }

    /// The simulated engine has sixteen of these GPUs for all tests.
    async fn end(self) {
        self.tenant.delete(&self.pods("")).await.done();
    }

    /// The check of so many pods, once the console knows this line of the class.
    async fn checked(&self, replicas: u32, line: Value) -> Value {
        let path = format!("/v1/kubernetes/namespaces/{}/admission-check", self.id);
        let plan = json!({"name": "demo", "sku_code": "gpu-h100-1x", "replicas": replicas, "image": "x"});
        eventually("the check knows the class", async || {
            let verdict = self.member.post(&path, json!({"deployment": plan})).await.json();
            let lines = verdict["quota"].as_array().cloned().unwrap_or_default();
            let found = lines.iter().find(|line| line["gpu_class"] == "h100").cloned().unwrap_or_default();
            let seen = json!([found["used"], found["limit"], found["requested"]]);
            if seen == line { Ok(verdict) } else { Err(verdict) }
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_of_gpus_is_limited_by_kubernetes_and_the_check_says_why() {
    let case = Limited::new().await;
    case.marked().await;
    case.limit(json!(1)).await;
    case.counts(json!(["0", "1"])).await;
    let verdict = case.checked(2, json!(["0", "1", "2"])).await;
    let refused = |verdict: &Value, code: &str| {
        let rules = verdict["rules"].as_array().unwrap().iter();
        rules
            .filter(|rule| rule["code"] == code && rule["ok"] == false)
            .map(|r| r["message"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(refused(&verdict, "quota_gpu_class"), ["Needs 2 GPUs of class h100, 1 of 1 left"]);
    assert!(refused(&verdict, "quota_gpu").is_empty(), "of all GPUs there are enough: {verdict}");

    let stored = case.tenant.create(&case.pods(""), &pod("one", "gpu-h100-1x", json!({}))).await.done();
    assert_eq!((&stored["spec"]["priorityClassName"], &stored["spec"]["priority"]), (&json!(QUOTA), &json!(0)));
    let second = pod("two", "gpu-h100-1x", json!({}));
    let sentence = case.tenant.create(&case.pods(""), &second).await.refused();
    assert!(sentence.contains(&format!("exceeded quota: {QUOTA}")), "{sentence}");
    let elsewhere = pod("two", "gpu-h100-1x", json!({"priorityClassName": "remotegpu-gpu-l4"}));
    assert!(!case.tenant.create(&case.pods(""), &elsewhere).await.refused().is_empty());
    case.tenant.create(&case.pods(""), &pod("small", "cpu-shared-8g", json!({}))).await.done();
    case.checked(1, json!(["1", "1", "1"])).await;

    case.limit(Value::Null).await;
    case.counts(json!([null, null])).await;
    eventually("nothing holds the class back", async || {
        let reply = case.tenant.create(&case.pods(""), &second).await;
        if reply.status < 300 { Ok(()) } else { Err(reply.body) }
    })
    .await;
    case.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_beyond_the_limit_of_all_gpus_or_beyond_a_share_is_refused_by_the_api_server_itself() {
    let case = Limited::new().await;
    let account = format!("/v1/platform/accounts/{}", case.account);
    let limited = case.operator.patch(&account, json!({"quota": {"gpus": 1}})).await;
    assert_eq!(limited.json()["quota"]["gpus"], 1, "{}", limited.text);
    case.counts_in(ALL, GPUS, json!(["0", "1"])).await;
    case.tenant.create(&case.pods(""), &pod("one", "gpu-h100-1x", json!({}))).await.done();
    let second = pod("two", "gpu-h100-1x", json!({}));
    let sentence = case.tenant.create(&case.pods(""), &second).await.refused();
    let beyond = |what: &str| format!("exceeded quota: {ALL}, requested: {what}, used: {what}, limited: {what}");
    assert!(sentence.contains(&beyond("requests.nvidia.com/gpu=1")), "{sentence}");

    let name = case.member.get("/v1/auth/session").await.str("/account/name");
    let admin = case.app.member_of(&name, "admin").await;
    let namespace = format!("/v1/kubernetes/namespaces/{}", case.id);
    let given = admin.patch(&namespace, json!({"share": {"pods": 1}})).await;
    assert_eq!(given.json()["share"], json!({"pods": 1}), "{}", given.text);
    case.counts_in(ALL, "pods", json!(["1", "1"])).await;
    let small = pod("small", "cpu-shared-8g", json!({}));
    let sentence = case.tenant.create(&case.pods(""), &small).await.refused();
    assert!(sentence.contains(&beyond("pods=1")), "{sentence}");

    let lifted = admin.patch(&namespace, json!({"share": {"pods": null}})).await;
    assert_eq!(lifted.status, 200, "{}", lifted.text);
    eventually("only the share held it back", async || {
        let reply = case.tenant.create(&case.pods(""), &small).await;
        if reply.status < 300 { Ok(()) } else { Err(reply.body) }
    })
    .await;
    let sentence = case.tenant.create(&case.pods(""), &second).await.refused();
    assert!(sentence.contains(&beyond("requests.nvidia.com/gpu=1")), "of GPUs there are no more: {sentence}");
    case.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ran_before_a_limit_counts_and_the_quota_cannot_be_taken_away() {
    let case = Limited::new().await;
    case.marked().await;
    case.tenant.create(&case.pods(""), &pod("before", "gpu-h100-1x", json!({}))).await.done();
    case.limit(json!(1)).await;
    case.counts(json!(["1", "1"])).await;
    let quota = format!("/api/v1/namespaces/{}/resourcequotas/{QUOTA}", case.namespace);
    assert!(!case.tenant.delete(&quota).await.refused().is_empty(), "tenants only look");
    KubeApi::admin(case.app.plane).delete(&quota).await.done();
    case.counts(json!(["1", "1"])).await;
    case.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_by_class_are_checked_kept_and_shown_to_the_tenant() {
    let case = Limited::new().await;
    let path = format!("/v1/platform/accounts/{}", case.account);
    for (classes, status) in [
        (json!({"Not A Class": 1}), 400),
        (json!({"remotegpu-gpu-h100": 1}), 400),
        (json!({"h100": 100_001}), 400),
        (json!({"h100": "many"}), 400),
        (json!({"h100": 2, "l4": 0}), 200),
    ] {
        let reply = case.operator.patch(&path, json!({"quota": {"gpu_classes": classes}})).await;
        assert_eq!(reply.status, status, "{classes}: {}", reply.text);
    }
    let unlike = case.operator.patch(&path, json!({"quota": {"gpus": 4}})).await.json();
    assert_eq!(unlike["quota"]["gpu_classes"], json!({"h100": 2, "l4": 0}), "what is not named stays");
    // As the operator's form posts them: what is empty is lifted.
    let form = format!(
        "id={}&quota%5Bgpus%5D=4&gpu_classes%5Bof-h100%5D=2&gpu_classes%5Bof-4090%5D=1&gpu_classes%5Bof-l4%5D=",
        case.account
    );
    case.operator.post_form("/api/platform-account/quota", &form).await;
    assert_eq!(case.operator.get(&path).await.json()["quota"]["gpu_classes"], json!({"4090": 1, "h100": 2}));
    let account = format!("/v1/accounts/{}/quota", case.account);
    let meter = eventually("the account's meters know the class", async || {
        let lines = case.member.get(&account).await.json()["items"].as_array().cloned().unwrap_or_default();
        lines.iter().find(|line| line["gpu_class"] == "h100").cloned().ok_or(lines)
    })
    .await;
    assert_eq!((&meter["used"], &meter["limit"]), (&json!("0"), &json!("2")));
}
