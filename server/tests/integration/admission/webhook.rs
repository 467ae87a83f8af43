//! The webhook in earnest: a new certificate, two replicas, and everything that can be wrong with it (way 12 of
//! `security.md` §6.2). A webhook of the test's own, so that nobody else's pods wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::{Authority, Balancer, FaultProxy, KubeApi, KubeReply, TestApp, Webhook, eventually};
use tokio::task::JoinHandle;

use super::ways_round::pod;
use crate::CONSOLE;

pub const PRICE: &str = "/metadata/annotations/remotegpu.ai~1price-per-hour";

fn pods(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods")
}

/// Tries to make a pod of a SKU.
pub async fn make(webhook: &Webhook, namespace: &str, sku: &str) -> KubeReply {
    webhook.api.create(&format!("{}?dryRun=All", pods(namespace)), &pod("probe", sku, json!({}))).await
}

async fn works(webhook: &Webhook, namespace: &str) {
    let made = make(webhook, namespace, "gpu-h100-1x").await.done();
    assert_eq!(made.pointer(PRICE), Some(&json!("3.29 EUR")));
}

/// Somebody who makes pods without a pause, and counts.
struct Busy {
    stop: Arc<AtomicBool>,
    made: Arc<AtomicUsize>,
    work: JoinHandle<Vec<Value>>,
}

impl Busy {
    fn start(api: &KubeApi, namespace: &str) -> Self {
        let (stop, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (api, path) = (api.clone(), format!("{}?dryRun=All", pods(namespace)));
        let (ended, count) = (stop.clone(), made.clone());
        let work = tokio::spawn(async move {
            let mut refused = Vec::new();
            while !ended.load(Ordering::SeqCst) {
                let reply = api.create(&path, &pod("busy", "gpu-h100-1x", json!({}))).await;
                count.fetch_add(1, Ordering::SeqCst);
                if reply.status != 201 || reply.body.pointer(PRICE).is_none() {
                    refused.push(reply.body);
                }
            }
            refused
        });
        Self { stop, made, work }
    }

    /// Waits until so many more were made.
    async fn more(&self, wanted: usize) {
        let from = self.made.load(Ordering::SeqCst);
        eventually("pods are made", async || match self.made.load(Ordering::SeqCst) {
            now if now >= from + wanted => Ok(()),
            now => Err(now - from),
        })
        .await;
    }

    async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        assert_eq!(self.work.await.unwrap(), Vec::<Value>::new(), "no pod may be refused");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_rotated_and_no_pod_is_refused_meanwhile() {
    let (old, new) = (Authority::new(), Authority::new());
    let webhook = Webhook::new(CONSOLE, &old);
    let replica = webhook.replica(&old, None).await;
    webhook.register(&replica.address, &[&old], |text| text).await;
    let namespace = webhook.namespace(&[]).await;
    works(&webhook, &namespace).await;

    let busy = Busy::start(&webhook.api, &namespace);
    busy.more(10).await;
    webhook.register(&replica.address, &[&old, &new], |text| text).await;
    webhook.serve_with(&new, false);
    webhook.until_served(&replica.address, &new).await;
    busy.more(10).await;
    webhook.register(&replica.address, &[&new], |text| text).await;
    busy.more(10).await;
    busy.end().await;
    assert_eq!(webhook.log().matches("a new certificate is in use").count(), 1, "{}", webhook.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_each_may_be_replaced_and_no_pod_is_refused_meanwhile() {
    for first in [true, false] {
        one_of_two_is_replaced(first).await;
    }
}

async fn one_of_two_is_replaced(first: bool) {
    let authority = Authority::new();
    let webhook = Webhook::new(CONSOLE, &authority);
    let (one, two) = tokio::join!(webhook.replica(&authority, None), webhook.replica(&authority, None));
    let balancer = Balancer::over_listeners(&[&one.address, &two.address]).await;
    balancer.until_ready(2).await;
    webhook.register(&balancer.address(), &[&authority], |text| text).await;
    let namespace = webhook.namespace(&[]).await;
    works(&webhook, &namespace).await;

    let busy = Busy::start(&webhook.api, &namespace);
    busy.more(10).await;
    let (stopped, stays) = if first { (one, two) } else { (two, one) };
    stopped.stop().await;
    busy.more(20).await;
    busy.end().await;
    works(&webhook, &namespace).await;
    drop(stays);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_webhook_is_down_or_slow_nothing_new_gets_in_and_what_runs_goes_on() {
    let authority = Authority::new();
    let webhook = Webhook::new(CONSOLE, &authority);
    let replica = webhook.replica(&authority, None).await;
    let proxy = FaultProxy::to(&replica.address).await;
    webhook.register(&proxy.address(), &[&authority], |text| text).await;
    let namespace = webhook.namespace(&[]).await;
    let path = pods(&namespace);
    webhook.api.create(&path, &pod("before", "gpu-h100-1x", json!({}))).await.done();

    for fault in [FaultProxy::cut, FaultProxy::hold] {
        fault(&proxy);
        for sku in ["gpu-h100-1x", "none"] {
            let sentence = make(&webhook, &namespace, sku).await.refused();
            assert!(sentence.contains("fill.admission.remotegpu.ai"), "{sentence}");
        }
        // Status, and going away, need nobody's leave.
        let status = json!({"status": {"phase": "Running"}});
        let status = webhook.api.change(&format!("{path}/before/status"), testkit::Dialect::MergePatch, &status).await;
        assert_eq!(status.done()["status"]["phase"], "Running");
        // Open connections of the time before end with the fault.
        proxy.cut();
        proxy.pass();
        works_again(&webhook, &namespace).await;
    }
    proxy.cut();
    webhook.api.delete(&format!("{path}/before")).await.done();
}

async fn works_again(webhook: &Webhook, namespace: &str) {
    eventually("pods are admitted again", async || {
        let reply = make(webhook, namespace, "gpu-h100-1x").await;
        if reply.status == 201 { Ok(()) } else { Err(reply.body) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_and_a_foreign_one_let_nothing_in() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let webhook = Webhook::new(CONSOLE, &authority);
    webhook.serve_with(&stranger, false);
    let replica = webhook.replica(&stranger, None).await;
    webhook.register(&replica.address, &[&authority], |text| text).await;
    let namespace = webhook.namespace(&[]).await;
    let sentence = make(&webhook, &namespace, "gpu-h100-1x").await.refused();
    assert!(sentence.contains("fill.admission.remotegpu.ai") && sentence.contains("unknown authority"), "{sentence}");

    webhook.serve_with(&authority, true);
    let sentence = eventually("the expired certificate is served", async || {
        let sentence = make(&webhook, &namespace, "gpu-h100-1x").await.refused();
        if sentence.contains("expired") { Ok(sentence) } else { Err(sentence) }
    })
    .await;
    assert!(sentence.contains("fill.admission.remotegpu.ai"), "{sentence}");
    eventually("the log says why", async || {
        let log = webhook.log();
        if log.contains("the certificate has ended") { Ok(()) } else { Err(log) }
    })
    .await;
    webhook.serve_with(&authority, false);
    works_again(&webhook, &namespace).await;
}

/// A webhook that was set to `Ignore` and is down, with one policy behind it, and a namespace.
async fn ignored(policy: &str) -> (Webhook, String) {
    let authority = Authority::new();
    let webhook = Webhook::new(CONSOLE, &authority);
    webhook.policy(policy).await;
    let ignore = |text: String| text.replace("failurePolicy: Fail", "failurePolicy: Ignore");
    webhook.register("127.0.0.1:1", &[&authority], ignore).await;
    let namespace = webhook.namespace(&[]).await;
    (webhook, namespace)
}

/// The sentence with which the one policy refuses a pod. Policies come into force a moment after they were made.
async fn refused(webhook: &Webhook, namespace: &str, pod: &Value) -> String {
    eventually("the policy is in force", async || {
        let reply = webhook.api.create(&format!("{}?dryRun=All", pods(namespace)), pod).await;
        if reply.status >= 400 { Ok(reply.refused()) } else { Err(reply.body) }
    })
    .await
}

fn without_sku(spec: Value) -> Value {
    let mut pod = pod("probe", "", spec);
    pod["metadata"]["labels"] = json!({});
    pod
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_webhook_set_to_ignore_no_device_and_no_claim_gets_in_without_a_sku() {
    let (webhook, namespace) = ignored("gpu-needs-sku.yaml").await;
    let gpu = json!([{"name": "a", "image": "x", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]);
    for spec in [
        json!({"containers": gpu}),
        json!({"initContainers": gpu}),
        json!({"resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu"}]}),
    ] {
        let sentence = refused(&webhook, &namespace, &without_sku(spec.clone())).await;
        let words = "Pod template needs the label remotegpu.ai/sku-code to ask for devices";
        assert!(sentence.contains(words), "{spec}: {sentence}");
    }
    // Nothing else stands behind the webhook here: it was this policy.
    for allowed in [without_sku(json!({})), pod("probe", "gpu-h100-1x", json!({"containers": gpu}))] {
        webhook.api.create(&format!("{}?dryRun=All", pods(&namespace)), &allowed).await.done();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_webhook_set_to_ignore_no_pod_gets_in_without_a_price_or_changes_it() {
    let (webhook, namespace) = ignored("pods-are-priced.yaml").await;
    for unpriced in [pod("probe", "gpu-h100-1x", json!({})), without_sku(json!({}))] {
        let sentence = refused(&webhook, &namespace, &unpriced).await;
        let words = "RemoteGPU admission has not priced this pod, so it cannot run; tell the operator";
        assert!(sentence.contains(words), "{sentence}");
    }
    let mut priced = pod("priced", "gpu-h100-1x", json!({}));
    priced["metadata"]["annotations"] =
        json!({"remotegpu.ai/sku-version": "1", "remotegpu.ai/price-per-hour": "3.29 EUR"});
    webhook.api.create(&pods(&namespace), &priced).await.done();
    let path = format!("{}/priced", pods(&namespace));
    for change in [
        json!({"labels": {"remotegpu.ai/sku-code": "cpu-shared-8g"}}),
        json!({"annotations": {"remotegpu.ai/sku-version": "2"}}),
        json!({"annotations": {"remotegpu.ai/price-per-hour": null}}),
        json!({"annotations": {"remotegpu.ai/runtime-class": "other"}}),
    ] {
        let body = json!({"metadata": change});
        let sentence = webhook.api.change(&path, testkit::Dialect::MergePatch, &body).await.refused();
        let words = "SKU, its version and its price cannot change after creation; create a new pod instead";
        assert!(sentence.contains(words), "{change}: {sentence}");
    }
    webhook.api.delete(&path).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_the_filling_half_is_gone_the_other_half_refuses_what_was_not_filled_in() {
    let authority = Authority::new();
    let webhook = Webhook::new(CONSOLE, &authority);
    let replica = webhook.replica(&authority, None).await;
    let half = |text: String| {
        let (mutating, validating) = text.split_once("\n---\n").unwrap();
        let mutating = mutating.replace(&replica.address, "127.0.0.1:1").replace("Policy: Fail", "Policy: Ignore");
        format!("{mutating}\n---\n{validating}")
    };
    webhook.register(&replica.address, &[&authority], half).await;
    let namespace = webhook.namespace(&[]).await;
    let sentence = make(&webhook, &namespace, "gpu-h100-1x").await.refused();
    assert!(sentence.contains("The pod differs from its SKU at"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_webhook_is_down_the_console_says_which_part_is_missing_and_leaves_nothing() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.stranger("member").await;
    let namespace = app.namespace(&member).await;
    let (id, name) = (namespace["id"].as_str().unwrap(), namespace["kubernetes_name"].as_str().unwrap());
    let authority = Authority::new();
    let webhook = Webhook::new(CONSOLE, &authority);
    let replica = webhook.replica(&authority, None).await;
    let proxy = FaultProxy::to(&replica.address).await;
    webhook.register(&proxy.address(), &[&authority], |text| text).await;
    webhook.select(name).await;
    proxy.cut();

    let plan = json!({"name": "demo", "sku_code": "gpu-h100-1x", "image": "registry.invalid/app:1"});
    let (deployments, check) = (
        format!("/v1/kubernetes/namespaces/{id}/deployments"),
        format!("/v1/kubernetes/namespaces/{id}/admission-check"),
    );
    let asked = eventually("the label is seen", async || {
        let reply = member.post(&check, json!({"deployment": plan})).await;
        if reply.status == 503 { Ok(reply) } else { Err(reply.text) }
    })
    .await;
    for reply in [asked, member.post(&deployments, plan.clone()).await] {
        reply.is_problem(503, "admission_unavailable", "RemoteGPU admission is not reachable");
        assert!(!reply.header("retry-after").is_empty());
    }
    assert_eq!(member.get(&deployments).await.json()["items"], json!([]));
    proxy.pass();
    eventually("it goes on by itself", async || {
        let reply = member.post(&check, json!({"deployment": plan})).await;
        if reply.json()["allowed"] == true { Ok(()) } else { Err(reply.text) }
    })
    .await;
}
