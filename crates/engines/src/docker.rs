//! The engine behind a Docker or Podman socket: one container per container, one isolated network per namespace.
//! Labels are the marker and names are deterministic, so neither a crash nor a repeated call doubles anything.
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bollard::{API_DEFAULT_VERSION, Docker as Client, query_parameters::EventsOptionsBuilder};
use futures::{StreamExt, future, stream::BoxStream};
use k8s_openapi::api::core::v1::Pod;
use kubelet::{
    AttachRequest, ByteStream, Capabilities, ContainerInstance, EngineInfo, ExecRequest, ExecSession, FileVolume, Gpu,
    Instance, InstanceRequest, InstanceStats, LogOptions, PortStream, Provider, ProviderError,
};
use tokio::sync::Mutex;

mod address;
mod attach;
mod body;
mod bridge;
mod create;
mod delete;
mod devices;
mod exec;
mod files;
pub mod gpus;
mod image;
mod instances;
mod logs;
mod message;
mod network;
mod oom;
mod ports;
mod raw;
mod relay;
mod stats;
mod tar;
mod volume;

pub use bridge::TlsHost;

/// Labels that mark what is ours, and for which pod.
const CLUSTER: &str = "remotegpu.ai/cluster";
const NODE: &str = "remotegpu.ai/node";
const POD_UID: &str = "remotegpu.ai/pod-uid";
const POD_NAME: &str = "remotegpu.ai/pod-name";
const POD_NAMESPACE: &str = "remotegpu.ai/pod-namespace";
const CONTAINER: &str = "remotegpu.ai/container";
const ATTEMPT: &str = "remotegpu.ai/attempt";
/// Which GPUs a container was given: their numbers.
const GPUS: &str = "remotegpu.ai/gpus";

/// Events after which an instance looks different; exec and resize make many that do not matter.
const CHANGES: [&str; 9] = ["start", "die", "died", "stop", "kill", "oom", "destroy", "remove", "restart"];

/// Deadline of a call that is not a stream.
const CALL: Duration = Duration::from_secs(60);

/// A Docker or Podman engine.
pub struct Docker {
    client: Client,
    socket: PathBuf,
    /// The way to another machine; `None` = the engine is on this one.
    bridge: Option<bridge::Bridge>,
    cluster: String,
    node: String,
    /// What the engine can limit; known after the first [`Provider::describe`].
    limits: OnceLock<Limits>,
    inspected: instances::Inspected,
    private: image::Private,
    /// This process begins to act, and what an earlier one left was not looked for yet.
    begins: AtomicBool,
    /// A network is not removed while a container is being attached to it.
    network_gate: Mutex<()>,
}

/// What a host has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hardware {
    /// Logical CPUs.
    pub cpus: u64,
    /// Memory.
    pub memory_bytes: u64,
    /// Its GPUs; of another machine only their number is known, and the model is empty.
    pub gpu: Option<Gpu>,
}

/// What the engine can limit on this host.
#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    cpu: bool,
    memory: bool,
    swap: bool,
    pids: bool,
    /// Cores of the host; 0 = it does not say.
    cores: i64,
    /// It knows GPUs only by the names of the container device interface, as Podman does.
    cdi: bool,
}

// === impl Docker ===

impl Docker {
    /// The engine at a socket, for one node of one cluster.
    ///
    /// `endpoint` is `unix:///path`; without one the usual places of Docker and Podman are tried.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] with the places that were tried.
    pub fn connect(endpoint: Option<&str>, cluster: &str, node: &str) -> Result<Self, ProviderError> {
        let places = endpoint.map_or_else(usual_places, |one| vec![PathBuf::from(one.trim_start_matches("unix://"))]);
        let found = places.iter().find(|place| place.exists()).ok_or_else(|| {
            let tried: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
            let tried = tried.join(", ");
            ProviderError::Unavailable(format!("No Docker or Podman socket at {tried}; give --provider-endpoint"))
        })?;
        Self::open(found, None, cluster, node)
    }

    /// The engine behind the TLS port of a host, for one node of one cluster. Nothing is asked before the first call.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] if certificates or key cannot be used.
    pub fn connect_over_tls(host: &TlsHost, cluster: &str, node: &str) -> Result<Self, ProviderError> {
        let bridge = bridge::Bridge::open(host)?;
        Self::open(&bridge.socket(), Some(bridge), cluster, node)
    }

    fn open(socket: &Path, bridge: Option<bridge::Bridge>, cluster: &str, node: &str) -> Result<Self, ProviderError> {
        let path = socket.to_string_lossy();
        let client = Client::connect_with_unix(&path, CALL.as_secs(), API_DEFAULT_VERSION).map_err(unavailable)?;
        Ok(Self {
            socket: socket.to_owned(),
            bridge,
            client,
            cluster: cluster.to_owned(),
            node: node.to_owned(),
            limits: OnceLock::new(),
            inspected: instances::Inspected::default(),
            private: image::Private::default(),
            begins: AtomicBool::new(false),
            network_gate: Mutex::default(),
        })
    }

    /// What the host has.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] if it does not answer.
    pub async fn hardware(&self) -> Result<Hardware, ProviderError> {
        let info = self.describe().await?;
        let gpu = if self.is_remote() {
            let info = self.info().await?;
            let count = gpus::named(&info);
            (count > 0).then(|| Gpu { model: String::new(), count, memory_gib: None })
        } else {
            // Asks a tool of this machine.
            gpus::discover().await
        };
        let (cpus, memory_bytes) = (info.cpus.unwrap_or_default(), info.memory_bytes.unwrap_or_default());
        Ok(Hardware { cpus, memory_bytes, gpu })
    }

    /// Whether the engine is on another machine, so that nothing of this one tells anything about its containers.
    fn is_remote(&self) -> bool {
        self.bridge.is_some()
    }

    /// By what it was last seen to be; not before the first [`Provider::describe`].
    fn is_podman(&self) -> bool {
        self.limits.get().is_some_and(|limits| limits.cdi)
    }

    /// Labels of everything of this cluster and node, and of one pod if `uid` is given.
    fn selector(&self, uid: Option<&str>) -> Vec<String> {
        let mut labels = vec![format!("{CLUSTER}={}", self.cluster), format!("{NODE}={}", self.node)];
        labels.extend(uid.map(|uid| format!("{POD_UID}={uid}")));
        labels
    }

    /// Whether labels are those of this cluster and node, and of the pod if `uid` is given.
    ///
    /// Filters of engines differ (Podman ORs those of volumes), and a mistake here would delete what is not ours.
    fn is_ours(&self, labels: &HashMap<String, String>, uid: Option<&str>) -> bool {
        let is = |key: &str, value: &str| labels.get(key).is_some_and(|found| found == value);
        is(CLUSTER, &self.cluster) && is(NODE, &self.node) && uid.is_none_or(|uid| is(POD_UID, uid))
    }

    /// The marker of a pod.
    fn labels(&self, (uid, namespace, name): &(String, String, String)) -> HashMap<String, String> {
        [(CLUSTER, &self.cluster), (NODE, &self.node), (POD_UID, uid), (POD_NAMESPACE, namespace), (POD_NAME, name)]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect()
    }
}

#[async_trait]
impl Provider for Docker {
    fn kind(&self) -> &'static str {
        "docker"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            several_containers: true,
            first_owns_network: true,
            file_volumes: true,
            files_at_start: None,
            init_containers: true,
            probes: true,
            hooks: true,
            probe_allowance: Duration::ZERO,
            security_context: true,
            recreates_lost: false,
            job_annotations: false,
            whole_pods: false,
            other_gpus: &[],
            adopts_by: None,
            list_lag: Duration::ZERO,
        }
    }

    async fn describe(&self) -> Result<EngineInfo, ProviderError> {
        // Speaks the newest version that both sides know.
        let client = self.client.clone().negotiate_version().await.map_err(unavailable)?;
        let info = client.info().await.map_err(unavailable)?;
        let limits = Limits {
            cpu: info.cpu_cfs_quota == Some(true),
            memory: info.memory_limit == Some(true),
            swap: info.swap_limit == Some(true),
            pids: info.pids_limit == Some(true),
            cores: info.ncpu.unwrap_or_default(),
            cdi: self.info().await?.get("BuildahVersion").is_some(),
        };
        if !(limits.cpu && limits.memory) {
            tracing::warn!(?limits, "This engine cannot enforce all limits of its containers");
        }
        let _ = self.limits.set(limits);
        Ok(EngineInfo {
            version: info.server_version.unwrap_or_default(),
            cpus: info.ncpu.and_then(|count| count.try_into().ok()),
            memory_bytes: info.mem_total.and_then(|bytes| bytes.try_into().ok()),
        })
    }

    async fn create(&self, request: &InstanceRequest) -> Result<Arc<Instance>, ProviderError> {
        self.create_all(request).await
    }

    fn address_of(&self, _pod: &Pod) -> Option<String> {
        Some(crate::POD_IP.to_owned())
    }

    fn begins(&self) {
        self.begins.store(true, Ordering::SeqCst);
    }

    async fn list(&self) -> Result<Vec<Arc<Instance>>, ProviderError> {
        // Nothing is made before the first list has been answered.
        if self.begins.swap(false, Ordering::SeqCst)
            && let Err(error) = self.remove_leftovers().await
        {
            tracing::warn!(%error, "What an earlier process left could not be removed; the next one tries again");
        }
        self.instances(None).await
    }

    fn changes(&self) -> BoxStream<'static, ()> {
        let of_type = vec!["container".to_owned()];
        let filters = HashMap::from([("label".to_owned(), self.selector(None)), ("type".to_owned(), of_type)]);
        let client = self.client.clone();
        let options = EventsOptionsBuilder::new().filters(&filters).build();
        let events = async move { client.events(Some(options)) };
        futures::stream::once(events)
            .flatten()
            .take_while(|event| future::ready(event.is_ok()))
            .filter_map(|event| async move {
                let action = event.ok()?.action?;
                CHANGES.contains(&action.as_str()).then_some(())
            })
            .boxed()
    }

    async fn delete(&self, uid: &str, grace: Duration) -> Result<Option<Arc<Instance>>, ProviderError> {
        self.delete_all(uid, grace).await
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

    async fn stop(&self, uid: &str, container: &ContainerInstance, grace: Duration) -> Result<(), ProviderError> {
        self.stop_one(uid, container, grace).await
    }

    async fn write_files(&self, pod: &Pod, volumes: &[FileVolume]) -> Result<(), ProviderError> {
        self.fill(pod, volumes).await
    }

    async fn stats(&self) -> Result<Vec<InstanceStats>, ProviderError> {
        self.all_stats().await
    }
}

fn usual_places() -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from("/var/run/docker.sock"), PathBuf::from("/run/podman/podman.sock")];
    if let Some(own) = std::env::var_os("XDG_RUNTIME_DIR") {
        places.push(PathBuf::from(&own).join("podman/podman.sock"));
        places.push(PathBuf::from(own).join("docker.sock"));
    }
    places
}

fn unavailable(error: bollard::errors::Error) -> ProviderError {
    ProviderError::Unavailable(words(&error))
}

/// The engine's own words, without the wrapping of the client library.
fn words(error: &bollard::errors::Error) -> String {
    match error {
        bollard::errors::Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        bollard::errors::Error::DockerStreamError { error } => error.trim().to_owned(),
        other => other.to_string(),
    }
}

fn status_code(error: &bollard::errors::Error) -> Option<u16> {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}
