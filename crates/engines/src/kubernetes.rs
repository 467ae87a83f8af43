//! The engine that is another Kubernetes cluster: each pod of the node runs as a pod in one namespace over there.
//! That cluster restarts, probes and initialises containers itself; names are deterministic, so nothing is doubled.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
// Annotations, because a name may be longer than a label; a console over there bills by them.
use domain::usage::{ANNOTATION_ORIGIN_NAMESPACE as POD_NAMESPACE, ANNOTATION_ORIGIN_POD as POD_NAME};
use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::api::core::v1::{Pod, Secret, Toleration};
use kube::{Api, Client};
use kubelet::{
    AttachRequest, ByteStream, Capabilities, EngineInfo, ExecRequest, ExecSession, FileVolume, Instance,
    InstanceRequest, InstanceStats, LogOptions, PortStream, Provider, ProviderError,
};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

mod access;
mod body;
mod cache;
mod classes;
mod content;
mod create;
mod cut;
mod delete;
mod error;
mod exposure;
mod figures;
mod identity;
mod instances;
mod mirror;
mod renewal;
mod streams;
#[cfg(test)]
mod tests;

pub use access::{Access, Login};
pub use classes::{Class, classes, unread};
pub use delete::end_pods;
pub use exposure::{Exposure, Exposures};
pub use identity::is_other;
pub use renewal::Renewal;

use cache::Cache;
use error::{Right, explain};
use figures::Meter;
use mirror::Mirror;

/// Labels that mark what is ours over there, and for which pod.
const CLUSTER: &str = "remotegpu.ai/cluster";
const NODE: &str = "remotegpu.ai/node";
const POD_UID: &str = "remotegpu.ai/pod-uid";
/// JSON: the attempt with which each container began; the other cluster counts on from there.
const ATTEMPTS: &str = "remotegpu.ai/attempts";

/// In [`KubernetesConfig::node_selector`]: which hardware the node stood for is not known at present. What runs goes on;
/// nothing is begun, for a pod over there keeps its selector for ever.
pub const AWAY: &str = "remotegpu.ai/hardware-is-away";

/// Deadline of a call that is not a stream.
const CALL: Duration = Duration::from_secs(20);

/// Where and how pods run over there.
#[derive(Clone, Debug)]
pub struct KubernetesConfig {
    /// Namespace that holds all pods; it must exist.
    pub namespace: String,
    /// Identity of the home cluster, for the marker.
    pub cluster: String,
    /// Name of the virtual node, for the marker.
    pub node: String,
    /// Nodes over there that may run them; empty = any.
    pub node_selector: BTreeMap<String, String>,
    /// Taints over there that they may ignore.
    pub tolerations: Vec<Toleration>,
}

/// A namespace of another cluster.
pub struct Kubernetes {
    config: KubernetesConfig,
    client: Client,
    pods: Api<Pod>,
    secrets: Api<Secret>,
    cache: Cache,
    meter: Meter,
    mirror: Option<Mirror>,
    /// Ended with the engine.
    tasks: Mutex<JoinSet<()>>,
}

// === impl Kubernetes ===

impl Kubernetes {
    /// The engine, which begins at once to watch its pods; needs a Tokio runtime.
    #[must_use]
    pub fn new(client: Client, config: KubernetesConfig) -> Self {
        let pods: Api<Pod> = Api::namespaced(client.clone(), &config.namespace);
        let secrets = Api::namespaced(client.clone(), &config.namespace);
        let cache = Cache::start(pods.clone(), config.selector(None));
        let tasks = Mutex::default();
        Self { config, client, pods, secrets, cache, meter: Meter::default(), mirror: None, tasks }
    }

    /// Also keeps the `RuntimeClasses` of the node's own cluster in step with the SKUs that the namespace over there may
    /// use, from when the node begins to act.
    #[must_use]
    pub fn mirroring(mut self, home: Client) -> Self {
        let (far, namespace, node) = (self.client.clone(), self.config.namespace.clone(), self.config.node.clone());
        self.mirror = Some(Mirror { home, far, namespace, node });
        self
    }

    fn explain(&self, right: Right, error: &kube::Error) -> ProviderError {
        explain(&self.config.namespace, right, error)
    }
}

// === impl KubernetesConfig ===

impl KubernetesConfig {
    /// Whether pods may be begun.
    ///
    /// # Errors
    /// [`ProviderError::Waiting`] while they may not.
    fn begins(&self) -> Result<(), ProviderError> {
        if !self.node_selector.contains_key(AWAY) {
            return Ok(());
        }
        let message = "The engine does not show this node's hardware at present; the pod begins when it does".into();
        Err(ProviderError::Waiting { reason: "ContainerCreating", message })
    }

    /// Label selector of everything of this cluster and node, or of one pod of it.
    fn selector(&self, uid: Option<&str>) -> String {
        let all = format!("{CLUSTER}={},{NODE}={}", label_value(&self.cluster), label_value(&self.node));
        uid.map_or(all.clone(), |uid| format!("{all},{POD_UID}={uid}"))
    }

    /// The marker of one pod.
    fn labels(&self, uid: &str) -> BTreeMap<String, String> {
        let own = [(CLUSTER, label_value(&self.cluster)), (NODE, label_value(&self.node)), (POD_UID, uid.to_owned())];
        own.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

#[async_trait]
impl Provider for Kubernetes {
    fn kind(&self) -> &'static str {
        "kubernetes"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            several_containers: true,
            file_volumes: true,
            security_context: true,
            whole_pods: true,
            ..Capabilities::default()
        }
    }

    fn begins(&self) {
        if let Some(mirror) = self.mirror.clone() {
            self.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(mirror.run());
        }
    }

    async fn describe(&self) -> Result<EngineInfo, ProviderError> {
        let version = error::in_time(self.client.apiserver_version()).await;
        let version = version.map_err(|error| self.explain(Right("get", "version"), &error))?;
        let version = version.git_version.trim_start_matches('v').to_owned();
        let class = match classes(&self.client).await {
            Ok(classes) => classes.into_iter().find(|class| class.node_selector == self.config.node_selector),
            Err(error) => {
                tracing::warn!(%error, "The size of the engine is not known; give --capacity-cpu and --capacity-memory");
                None
            }
        };
        let (cpus, memory_bytes) = (class.as_ref().map(|one| one.cpus), class.as_ref().map(|one| one.memory_bytes));
        Ok(EngineInfo { version, cpus, memory_bytes })
    }

    async fn create(&self, request: &InstanceRequest) -> Result<Arc<Instance>, ProviderError> {
        self.create_pod(request).await
    }

    fn address_of(&self, _pod: &Pod) -> Option<String> {
        Some(crate::POD_IP.to_owned())
    }

    async fn list(&self) -> Result<Vec<Arc<Instance>>, ProviderError> {
        Ok(self.cache.all()?.iter().map(|pod| Arc::new(instances::instance(pod))).collect())
    }

    fn changes(&self) -> BoxStream<'static, ()> {
        tokio_stream::wrappers::WatchStream::from_changes(self.cache.subscribe()).map(|_| ()).boxed()
    }

    async fn delete(&self, uid: &str, grace: Duration) -> Result<Option<Arc<Instance>>, ProviderError> {
        self.delete_pod(uid, grace).await
    }

    async fn logs(&self, uid: &str, container: &str, options: &LogOptions) -> Result<ByteStream, ProviderError> {
        self.container_log(uid, container, options).await
    }

    async fn exec(&self, uid: &str, container: &str, request: &ExecRequest) -> Result<ExecSession, ProviderError> {
        self.run_in_container(uid, container, request).await
    }

    async fn attach(&self, uid: &str, container: &str, request: &AttachRequest) -> Result<ExecSession, ProviderError> {
        self.join(uid, container, request).await
    }

    async fn port_forward(&self, uid: &str, port: u16) -> Result<PortStream, ProviderError> {
        self.connect_inside(uid, port).await
    }

    async fn write_files(&self, pod: &Pod, volumes: &[FileVolume]) -> Result<(), ProviderError> {
        self.replace_files(pod, volumes).await
    }

    async fn stats(&self) -> Result<Vec<InstanceStats>, ProviderError> {
        self.figures().await
    }
}

/// A value as it is if it may be one of a label, else a digest of it.
fn label_value(text: &str) -> String {
    let edge = |character: Option<char>| character.is_some_and(|one| one.is_ascii_alphanumeric());
    let inner = text.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '.'));
    if text.len() <= 63 && inner && edge(text.chars().next()) && edge(text.chars().last()) {
        return text.to_owned();
    }
    hex(&Sha256::digest(text)[..16])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
