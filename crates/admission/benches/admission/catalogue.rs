//! Ten thousand SKUs in the cluster, and reviews of pods that ask for them.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::{Value, json};
use testkit::{KubeApi, Plane, unique};

const SKUS: &str = "/apis/remotegpu.ai/v1alpha1/skus";
const AT_ONCE: usize = 16;
// Between two looks at the statuses: a list of ten thousand takes the API server as long as many writes.
const PACE: Duration = Duration::from_secs(5);
/// The console writes them one after the other.
const PATIENCE: Duration = Duration::from_secs(240);

/// What one run put into the cluster.
pub struct Catalogue {
    api: KubeApi,
    run: String,
    namespace: String,
    count: u32,
}

impl Catalogue {
    /// Makes the SKUs and a namespace that the webhook knows.
    pub async fn fill(plane: &Plane, count: u32) -> Self {
        let (api, run) = (KubeApi::admin(plane), unique("bench"));
        let namespace = json!({"metadata": {"name": run, "labels": {"remotegpu.ai/namespace-id": run}}});
        api.create("/api/v1/namespaces", &namespace).await.done();
        let catalogue = Self { api, namespace: run.clone(), run, count };
        let make = async |n: u32| catalogue.api.create(SKUS, &catalogue.sku(n)).await.done();
        futures::stream::iter(0..count).for_each_concurrent(AT_ONCE, async |n| drop(make(n).await)).await;
        catalogue.counted().await;
        catalogue
    }

    fn code(&self, n: u32) -> String {
        format!("{}-{n}", self.run)
    }

    fn sku(&self, n: u32) -> Value {
        let gpu = json!({"model": "H100", "count": 1 + n % 8, "memoryGiB": 80, "resource": "nvidia.com/gpu"});
        json!({"apiVersion": "remotegpu.ai/v1alpha1", "kind": "Sku", "metadata": {"name": self.code(n), "labels": {"bench": self.run}},
            "spec": {"title": format!("{n} of a bench"), "gpu": gpu, "resources": {"cpu": "24", "memory": "192Gi", "ephemeral-storage": "100Gi"},
                "price": {"perHour": format!("{}.{:02}", n / 100, n % 100), "currency": "EUR"},
                "placement": {"engines": ["simulated"], "nodeSelector": {"remotegpu.ai/gpu-model": "H100"}}}})
    }

    /// A console counts what is free of each: its writes are not what is measured.
    async fn counted(&self) {
        let begun = Instant::now();
        loop {
            let waiting = self.uncounted().await;
            if waiting == 0 {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "no console counted what is free of {waiting} SKUs");
            tokio::time::sleep(PACE).await;
        }
    }

    /// How many SKUs have no status yet, or one from before their GPU class was there.
    async fn uncounted(&self) -> usize {
        let all = self.api.get(&format!("{SKUS}?labelSelector=bench%3D{}", self.run)).await.done();
        let skus = all["items"].as_array().expect("a list");
        let waits = |sku: &&Value| sku["status"]["asOf"].is_null() || sku["status"]["priorityClass"].is_null();
        skus.iter().filter(waits).count()
    }

    /// A thousand reviews of new pods, each of another SKU.
    pub fn reviews(&self) -> Vec<String> {
        let step = (self.count / 1000).max(1);
        (0..self.count).step_by(step as usize).map(|n| self.review(n)).collect()
    }

    fn review(&self, n: u32) -> String {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"generateName": "trainer-7d4b9c-", "namespace": self.namespace,
                "labels": {"app": "trainer", "pod-template-hash": "7d4b9c", "remotegpu.ai/sku-code": self.code(n)}},
            "spec": {
                "containers": [{"name": "app", "image": "registry.example.com/trainer:2", "args": ["--epochs", "3"],
                    "env": [{"name": "A", "value": "1"}], "ports": [{"containerPort": 8080, "protocol": "TCP"}], "resources": {},
                    "terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "IfNotPresent"}],
                "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
                "serviceAccountName": "default", "schedulerName": "default-scheduler", "priority": 0,
                "preemptionPolicy": "PreemptLowerPriority", "enableServiceLinks": true,
                "tolerations": [
                    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                ],
            },
        });
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": format!("705ab4f5-6393-11e8-b7cc-{n:012}"), "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"}, "namespace": self.namespace,
            "operation": "CREATE", "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
            "object": pod, "oldObject": null, "dryRun": false}})
        .to_string()
    }

    /// Takes everything away again.
    pub async fn empty(self) {
        self.api.delete(&format!("{SKUS}?labelSelector=bench%3D{}", self.run)).await.done();
        self.api.delete(&format!("/api/v1/namespaces/{}", self.namespace)).await.done();
    }
}
