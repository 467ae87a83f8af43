//! Pods bound to a node by name, made and deleted by many writers at once, counted by one watch.

use std::collections::HashSet;
use std::ops::Range;
use std::time::Instant;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, PostParams, WatchEvent, WatchParams};
use kube::{Client, Config, config::Kubeconfig};
use serde_json::json;
use testkit::{Plane, unique};

/// As many as the published figures were made with.
const WRITERS: usize = 40;

pub struct Pods {
    api: Api<Pod>,
    namespace: String,
    node: String,
}

impl Pods {
    /// A namespace of its own.
    pub async fn new(node: &str) -> Self {
        let namespace = unique("bench");
        Plane::current().admin(&["create", "namespace", &namespace]).await.out();
        let file = Kubeconfig::read_from(Plane::current().kubeconfig("admin")).unwrap();
        let config = Config::from_custom_kubeconfig(file, &kube::config::KubeConfigOptions::default()).await.unwrap();
        let api = Api::namespaced(Client::try_from(config).unwrap(), &namespace);
        Self { api, namespace, node: node.to_owned() }
    }

    /// Makes these, all before them being there; seconds from the first writing until the last is Running and ready.
    pub async fn create_until_ready(&self, numbers: Range<usize>) -> f64 {
        let (start, wanted) = (Instant::now(), numbers.end);
        let writing = stream::iter(numbers).for_each_concurrent(WRITERS, async |number| {
            self.api.create(&PostParams::default(), &self.pod(number)).await.unwrap();
        });
        tokio::join!(writing, self.until_ready(wanted));
        start.elapsed().as_secs_f64()
    }

    /// Deletes all; seconds until the last is gone.
    pub async fn delete_until_gone(&self) -> f64 {
        let names: Vec<String> = self.names().await;
        let mut version = self.version().await;
        let (start, mut left) = (Instant::now(), names.len());
        let deleting = stream::iter(&names).for_each_concurrent(WRITERS, async |name| {
            self.api.delete(name, &DeleteParams::default()).await.unwrap();
        });
        let counting = async {
            while left > 0 {
                let mut events = self.api.watch(&WatchParams::default(), &version).await.unwrap().boxed();
                // The API server ends the watch of whoever falls behind; it goes on where it ended.
                while let Some(event) = events.try_next().await.unwrap() {
                    let pod = match event {
                        WatchEvent::Added(pod) | WatchEvent::Modified(pod) => pod,
                        WatchEvent::Deleted(pod) => {
                            left -= 1;
                            pod
                        }
                        WatchEvent::Error(error) => panic!("the watch broke: {error:?}"),
                        WatchEvent::Bookmark(_) => continue,
                    };
                    version = pod.metadata.resource_version.unwrap();
                    if left == 0 {
                        break;
                    }
                }
            }
        };
        tokio::join!(deleting, counting);
        start.elapsed().as_secs_f64()
    }

    /// Takes one out of the cluster at once, without asking its node; its UID, and when that was asked for.
    pub async fn force(&self, number: usize) -> (String, Instant) {
        let name = format!("pod-{number}");
        let uid = self.api.get_metadata(&name).await.unwrap().metadata.uid.unwrap();
        let start = Instant::now();
        self.api.delete(&name, &DeleteParams::default().grace_period(0)).await.unwrap();
        (uid, start)
    }

    /// How many changes of pods a watch tells while `work` goes on.
    pub async fn changes_while(&self, work: impl Future<Output = ()>) -> usize {
        let version = self.version().await;
        let mut events = self.api.watch(&WatchParams::default(), &version).await.unwrap().boxed();
        let mut seen = 0;
        let counting = async {
            while let Some(event) = events.try_next().await.unwrap() {
                seen += usize::from(matches!(event, WatchEvent::Modified(_)));
            }
        };
        tokio::select! { () = work => {}, () = counting => panic!("the watch ended") }
        seen
    }

    /// Takes the namespace away.
    pub async fn end(&self) {
        Plane::current().admin(&["delete", "namespace", &self.namespace, "--timeout=80s"]).await.out();
    }

    async fn until_ready(&self, wanted: usize) {
        let mut ready = HashSet::new();
        let mut events = self.api.watch(&WatchParams::default(), "0").await.unwrap().boxed();
        while ready.len() < wanted {
            match events.try_next().await.unwrap() {
                Some(WatchEvent::Added(pod) | WatchEvent::Modified(pod)) if is_ready(&pod) => {
                    ready.insert(pod.metadata.uid);
                }
                Some(WatchEvent::Error(error)) => panic!("the watch broke: {error:?}"),
                Some(_) => {}
                None => panic!("the watch ended with {} of {wanted} pods", ready.len()),
            }
        }
    }

    async fn names(&self) -> Vec<String> {
        let all = self.api.list_metadata(&kube::api::ListParams::default()).await.unwrap();
        all.items.into_iter().filter_map(|pod| pod.metadata.name).collect()
    }

    async fn version(&self) -> String {
        let none = kube::api::ListParams::default().limit(1);
        self.api.list_metadata(&none).await.unwrap().metadata.resource_version.unwrap()
    }

    fn pod(&self, number: usize) -> Pod {
        let pod = json!({"metadata": {"name": format!("pod-{number}")}, "spec": {
            "nodeName": self.node, "automountServiceAccountToken": false, "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "app", "image": "any"}]}});
        serde_json::from_value(pod).unwrap()
    }
}

fn is_ready(pod: &Pod) -> bool {
    let Some(status) = &pod.status else { return false };
    let ready = status.conditions.iter().flatten().any(|one| one.type_ == "Ready" && one.status == "True");
    ready && status.phase.as_deref() == Some("Running")
}
