//! The port to the pods of this node as the API server keeps them: what is read of them, and all that is written to them.
//! Behind it stands the API server, and in the seeded kill runs a store in memory, the only stand-in for Kubernetes there is
//! (RULINGS 51).
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions},
    runtime::{
        WatchStreamExt,
        watcher::{self, Event},
    },
};
use serde_json::{Map, Value, json};

use crate::{PodRef, writer};

/// Pods in one page of the first list.
const PAGE: u32 = 500;

/// The pods that are bound to one node.
#[async_trait]
pub(crate) trait PodStore: Send + Sync + 'static {
    /// All pods, then each change, and all of them again whenever changes may have been missed. Ends never.
    fn watch(&self) -> BoxStream<'static, Result<Event<Pod>, watcher::Error>>;

    /// The pod of this name as it is now, whatever node it is bound to.
    async fn get(&self, namespace: &str, name: &str) -> Result<Option<Pod>, kube::Error>;

    /// UIDs of all pods of this node as they are now.
    async fn uids(&self) -> Result<Vec<String>, kube::Error>;

    /// Writes the status if it differs from that of `pod`, to this very pod; the pod afterwards, `None` if nothing was
    /// written. 404 and 409 mean that the pod is gone or another one.
    async fn write_status(&self, pod: &Pod, status: &PodStatus) -> Result<Option<Pod>, kube::Error>;

    /// Sets annotations of this very pod. Errors as for [`PodStore::write_status`].
    async fn annotate(&self, pod: &PodRef, annotations: &[(String, String)]) -> Result<(), kube::Error>;

    /// Lets go of this very pod at once: its object is gone. Errors as for [`PodStore::write_status`].
    async fn remove(&self, pod: &Pod) -> Result<(), kube::Error>;
}

/// Those of an API server.
pub(crate) struct ApiPods {
    client: Client,
    /// What of all pods is this node's.
    field: String,
}

// === impl ApiPods ===

impl ApiPods {
    pub(crate) fn new(client: Client, node: &str) -> Self {
        Self { client, field: format!("spec.nodeName={node}") }
    }

    fn api(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

#[async_trait]
impl PodStore for ApiPods {
    fn watch(&self) -> BoxStream<'static, Result<Event<Pod>, watcher::Error>> {
        let config = watcher::Config::default().fields(&self.field).page_size(PAGE);
        watcher::watcher(Api::<Pod>::all(self.client.clone()), config).default_backoff().boxed()
    }

    async fn get(&self, namespace: &str, name: &str) -> Result<Option<Pod>, kube::Error> {
        self.api(namespace).get_opt(name).await
    }

    async fn uids(&self) -> Result<Vec<String>, kube::Error> {
        let here = ListParams::default().fields(&self.field);
        let pods = Api::<Pod>::all(self.client.clone()).list_metadata(&here).await?;
        Ok(pods.items.into_iter().filter_map(|pod| pod.metadata.uid).collect())
    }

    async fn write_status(&self, pod: &Pod, status: &PodStatus) -> Result<Option<Pod>, kube::Error> {
        writer::write_status(&self.client, pod, status).await
    }

    async fn annotate(&self, pod: &PodRef, annotations: &[(String, String)]) -> Result<(), kube::Error> {
        let annotations: Map<String, Value> =
            annotations.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        let patch = Patch::Merge(json!({"metadata": {"uid": pod.uid, "annotations": annotations}}));
        self.api(&pod.namespace).patch(&pod.name, &PatchParams::default(), &patch).await.map(drop)
    }

    async fn remove(&self, pod: &Pod) -> Result<(), kube::Error> {
        let (Some(namespace), Some(name)) = (&pod.metadata.namespace, &pod.metadata.name) else { return Ok(()) };
        let same = Preconditions { uid: pod.metadata.uid.clone(), resource_version: None };
        let now = DeleteParams::default().grace_period(0).preconditions(same);
        self.api(namespace).delete(name, &now).await.map(drop)
    }
}
