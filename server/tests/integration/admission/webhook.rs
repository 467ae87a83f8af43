//! The webhook in earnest: a new certificate, two replicas, and everything that can be wrong with it (way 12 of
//! `security.md` §6.2). A webhook of the test's own, so that nobody else's pods wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::{Authority, Balancer, FaultProxy, KubeApi, KubeReply, TestApp, Webhook, eventually};
use tokio::task::JoinHandle;

use super::ways_round::pod;
use crate::CONSOLE;

const PRICE: &str = "/metadata/annotations/remotegpu.ai~1price-per-hour";

fn pods(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods")
}

async fn make(webhook: &Webhook, namespace: &str, sku: &str) -> KubeReply {
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
    webhook.serve_with(&authority, false);
    works_again(&webhook, &namespace).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_was_set_to_ignore_and_is_down_is_backed_by_policies() {
    let authority = Authority::new();
    let webhook = Webhook::new(CONSOLE, &authority);
    webhook.policy("gpu-needs-sku.yaml").await;
    webhook.policy("pods-are-priced.yaml").await;
    let ignore = |text: String| text.replace("failurePolicy: Fail", "failurePolicy: Ignore");
    webhook.register("127.0.0.1:1", &[&authority], ignore).await;
    let namespace = webhook.namespace(&[]).await;
    let sentence = eventually("the policies are in force", async || {
        let reply = make(&webhook, &namespace, "gpu-h100-1x").await;
        if reply.status >= 400 { Ok(reply.refused()) } else { Err(reply.body) }
    })
    .await;
    assert!(sentence.contains("RemoteGPU admission has not priced this pod"), "{sentence}");
    let mut bare = pod(
        "probe",
        "",
        json!({"containers":
        [{"name": "a", "image": "x", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}),
    );
    bare["metadata"]["labels"] = json!({});
    let sentence = webhook.api.create(&pods(&namespace), &bare).await.refused();
    // Both policies say no; the API server prints one of them.
    let either = ["remotegpu.ai/sku-code to ask for devices", "has not priced this pod"];
    assert!(either.iter().any(|words| sentence.contains(words)), "{sentence}");

    // Only the filling half is gone: the other half refuses what was not filled in.
    let replica = webhook.replica(&authority, None).await;
    let half = |text: String| {
        let (mutating, validating) = text.split_once("\n---\n").unwrap();
        let mutating = mutating.replace(&replica.address, "127.0.0.1:1").replace("Policy: Fail", "Policy: Ignore");
        format!("{mutating}\n---\n{validating}")
    };
    webhook.register(&replica.address, &[&authority], half).await;
    let sentence = make(&webhook, &namespace, "gpu-h100-1x").await.refused();
    assert!(sentence.contains("differs from its SKU") || sentence.contains("not priced"), "{sentence}");
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
