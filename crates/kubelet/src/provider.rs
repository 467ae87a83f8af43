//! The port between the node and an engine, and the values that cross it.
//! An engine only ever sees pods that passed the node's own checks, with environment and command already resolved.
use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use k8s_openapi::api::core::v1::{Container, Pod};

use crate::{
    AttachRequest, ByteStream, ContainerInstance, Cost, ExecRequest, ExecSession, FileVolume, HttpWay, Instance,
    InstanceStats, LogOptions, PortStream, QuotaLeft, RegistryLogin, RouteCalls,
};

/// An engine that runs instances for the pods of one node.
///
/// Every call must be safe to repeat: the node calls again after a time-out, a restart or a lost answer.
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use kubelet::*;
/// /// Runs everything in no time, and forgets it.
/// struct Nowhere;
///
/// #[async_trait::async_trait]
/// impl Provider for Nowhere {
///     fn kind(&self) -> &'static str {
///         "nowhere"
///     }
///     fn capabilities(&self) -> Capabilities {
///         Capabilities { recreates_lost: true, ..Capabilities::default() }
///     }
///     async fn describe(&self) -> Result<EngineInfo, ProviderError> {
///         Ok(EngineInfo { version: "1".into(), ..EngineInfo::default() })
///     }
///     async fn create(&self, request: &InstanceRequest) -> Result<Arc<Instance>, ProviderError> {
///         let (uid, namespace, name) = request.marker();
///         let (pod_ip, containers, disruption) = (None, Vec::new(), None);
///         Ok(Arc::new(Instance { uid, namespace, name, pod_ip, containers, disruption }))
///     }
///     async fn list(&self) -> Result<Vec<Arc<Instance>>, ProviderError> {
///         Ok(Vec::new())
///     }
///     async fn delete(&self, _uid: &str, _grace: Duration) -> Result<Option<Arc<Instance>>, ProviderError> {
///         Ok(None)
///     }
/// }
/// ```
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// Short name of the kind of engine, `docker` or `simulated`: the scheme of container ids and provider ids.
    fn kind(&self) -> &'static str;

    /// What this engine can do; asked once.
    fn capabilities(&self) -> Capabilities;

    /// The node begins to act: until now another process may have acted in its place, on the same instances.
    fn begins(&self) {}

    /// Version and size of the engine.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] if it does not answer.
    async fn describe(&self) -> Result<EngineInfo, ProviderError>;

    /// Makes sure that each container of the request runs at the attempt asked for, and returns the instance.
    ///
    /// Idempotent: a container that exists at that attempt, in whatever state, is left alone. Older attempts are
    /// stopped; the one before the newest is kept for its log. Everything made carries the marker of the request.
    ///
    /// One whose process cannot be started has ended, with [`Ended::START_ERROR`](crate::Ended::START_ERROR).
    ///
    /// # Errors
    /// [`ProviderError::Waiting`] if it cannot run now; the node shows the reason and tries again with back-off.
    async fn create(&self, request: &InstanceRequest) -> Result<Arc<Instance>, ProviderError>;

    /// Takes over what already runs for these pods, by the word of their annotation [`Capabilities::adopts_by`] alone: from
    /// then on it bears the marker, and lists show it. Called before the first list with all pods that have the annotation.
    ///
    /// # Errors
    /// Any error means "could not find out"; the node calls again, and works on no pod before.
    async fn adopt(&self, _pods: &[Pod]) -> Result<(), ProviderError> {
        Ok(())
    }

    /// The instance of this pod with what only the pod says of it: called for one that was listed without a name. `None` =
    /// there is no more to say. Asks nobody.
    fn identify(&self, _pod: &Pod) -> Option<Arc<Instance>> {
        None
    }

    /// What stands for the pod's own address (`status.podIP`) in its environment: the address, if it is known before the pod
    /// starts, or a word in whose place the engine puts it. Pods that ask for it are refused by default. Asks nobody.
    fn address_of(&self, _pod: &Pod) -> Option<String> {
        None
    }

    /// All instances with the marker of this cluster and node, whatever their state. One call per tick.
    ///
    /// # Errors
    /// Any error means "could not find out": the node then concludes nothing.
    async fn list(&self) -> Result<Vec<Arc<Instance>>, ProviderError>;

    /// Yields when some instance may have changed, so that the node lists at once instead of at the next tick.
    fn changes(&self) -> BoxStream<'static, ()> {
        futures::stream::pending().boxed()
    }

    /// What Kubernetes should be told about pods, beside their instances; nothing by default. Asked once.
    fn reports(&self) -> BoxStream<'static, Report> {
        futures::stream::pending().boxed()
    }

    /// The pod's status shows that it is over, or its containers have ended and cannot start again for now: what still costs
    /// something may go, though the pod stays. A later create makes it anew.
    ///
    /// # Errors
    /// As [`Provider::delete`]; the node calls again.
    async fn release(&self, _uid: &str) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Stops the instance, removes it and confirms that it is gone. An unknown UID is a success.
    ///
    /// Returns the state in which the containers ended, if the engine knows.
    ///
    /// # Errors
    /// Any error means that the instance may still be there; the node calls again.
    async fn delete(&self, uid: &str, grace: Duration) -> Result<Option<Arc<Instance>>, ProviderError>;

    /// The log of a container, lines as the container wrote them.
    ///
    /// # Errors
    /// [`ProviderError::NotFound`] for an unknown container or attempt.
    async fn logs(&self, _uid: &str, _container: &str, _options: &LogOptions) -> Result<ByteStream, ProviderError> {
        Err(ProviderError::Unsupported("This engine keeps no logs".into()))
    }

    /// Runs a command in a running container.
    ///
    /// # Errors
    /// [`ProviderError::NotFound`] if the container does not run, [`ProviderError::Unsupported`] if it cannot be done.
    async fn exec(&self, _uid: &str, _container: &str, _request: &ExecRequest) -> Result<ExecSession, ProviderError> {
        Err(ProviderError::Unsupported("This engine cannot run commands in containers".into()))
    }

    /// Joins the streams of a running container itself, from now on.
    ///
    /// # Errors
    /// As [`Provider::exec`].
    async fn attach(
        &self,
        _uid: &str,
        _container: &str,
        _request: &AttachRequest,
    ) -> Result<ExecSession, ProviderError> {
        Err(ProviderError::Unsupported("This engine cannot attach to containers; use kubectl exec or logs".into()))
    }

    /// Connects to a port as the pod's own `localhost` sees it, for `kubectl port-forward`.
    ///
    /// # Errors
    /// As [`Provider::exec`]; [`ProviderError::Unavailable`] if nobody listens there.
    async fn port_forward(&self, _uid: &str, _port: u16) -> Result<PortStream, ProviderError> {
        Err(ProviderError::Unsupported("This engine cannot forward ports".into()))
    }

    /// Connects to a port from outside the pod, for probes and hooks: the pod's address unless the engine says otherwise.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] if nobody listens there; any other error means "could not find out".
    async fn dial(&self, instance: &Instance, port: u16) -> Result<PortStream, ProviderError> {
        let address = instance.pod_ip.as_deref();
        let address = address.ok_or_else(|| ProviderError::Unavailable("The pod has no address yet".into()))?;
        match tokio::net::TcpStream::connect((address, port)).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(ProviderError::Unavailable(format!("dial tcp {address}:{port}: {error}"))),
        }
    }

    /// The way of an HTTP request to a port from outside the pod: [`Provider::dial`], unless a proxy stands before the port.
    ///
    /// # Errors
    /// As [`Provider::dial`].
    async fn dial_http(&self, instance: &Instance, port: u16) -> Result<HttpWay, ProviderError> {
        Ok(HttpWay { wire: self.dial(instance, port).await?, proxy: None })
    }

    /// Where the pod's TCP ports are reached from everywhere; nowhere by default. Asks nobody.
    fn public_ports(&self, _uid: &str) -> Vec<PublicPort> {
        Vec::new()
    }

    /// Ends this attempt of a container and leaves it as ended, so that the restart policy decides what follows.
    /// One that has ended, was replaced or is unknown is a success.
    ///
    /// # Errors
    /// Any error means that it may still run; the node calls again.
    async fn stop(&self, _uid: &str, _container: &ContainerInstance, _grace: Duration) -> Result<(), ProviderError> {
        Err(ProviderError::Unsupported("This engine cannot end a single container".into()))
    }

    /// Replaces the files of volumes that are mounted already, because their source has changed.
    ///
    /// # Errors
    /// Any error means that old files may still be there; the node calls again.
    async fn write_files(&self, _pod: &Pod, _volumes: &[FileVolume]) -> Result<(), ProviderError> {
        Err(ProviderError::Unsupported("This engine cannot change mounted files".into()))
    }

    /// Figures of all running instances; none by default.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] if the engine does not answer.
    async fn stats(&self) -> Result<Vec<InstanceStats>, ProviderError> {
        Ok(Vec::new())
    }

    /// What it rents costs by namespace; nothing by default. Asks nobody.
    fn costs(&self) -> Vec<Cost> {
        Vec::new()
    }

    /// Why its account can pay for nothing new, in the provider's words; `None` if it can, as far as is known. Asks
    /// nobody.
    fn insufficient_balance(&self) -> Option<String> {
        None
    }

    /// How often it called its own API so far, by route and status; nothing by default. Asks nobody.
    fn calls(&self) -> Vec<RouteCalls> {
        Vec::new()
    }

    /// What its provider lets it call yet, by window; empty if it has set no limit, or not said so yet. Asks nobody.
    fn quota_left(&self) -> Vec<QuotaLeft> {
        Vec::new()
    }

    /// How many bytes the provider sent for the last [`Provider::list`] that worked; `None` if there are no such. Asks nobody.
    fn list_bytes(&self) -> Option<u64> {
        None
    }
}

/// What an engine can do beyond one container with environment, command and limits.
#[derive(Clone, Debug, Default)]
pub struct Capabilities {
    /// Pods may have more than one container.
    pub several_containers: bool,
    /// The first container owns the pod's network, so its restart restarts the others.
    pub first_owns_network: bool,
    /// `configMap`, `secret`, `downwardAPI` and `projected` volumes can be mounted.
    pub file_volumes: bool,
    /// An annotation, and the value of it, with which a pod gets file volumes all the same: once, at each start of its
    /// container, and never changed after that. Not for tokens, which end.
    pub files_at_start: Option<(&'static str, &'static str)>,
    /// Containers of `initContainers` may be asked for, one after the other, before any of the pod's own.
    pub init_containers: bool,
    /// [`Provider::exec`] or [`Provider::dial`], and [`Provider::stop`], work: probes are run.
    pub probes: bool,
    /// `postStart` and `preStop` are run by the same means.
    pub hooks: bool,
    /// How long the way to an instance may take, on top of what a pod gives its probes: a way that takes longer is not the
    /// container's fault. Zero = there is no way to speak of.
    pub probe_allowance: Duration,
    /// User, capabilities and read-only root are applied; otherwise the node says that they are not.
    pub security_context: bool,
    /// The annotations of the Job that a pod belongs to are wanted with each request.
    pub job_annotations: bool,
    /// Resources that are GPUs too, besides `nvidia.com/gpu`: containers may ask for them, and the node offers as many.
    pub other_gpus: &'static [&'static str],
    /// Instances do not survive a restart of the engine and are made again without a word.
    pub recreates_lost: bool,
    /// Pods are taken whole: the engine is a Kubernetes of its own that initialises, restarts and probes containers and
    /// runs their hooks. All containers are asked for at once; one is shown as ended only if it stays so.
    pub whole_pods: bool,
    /// The annotation by which a pod names what runs for it already, if [`Provider::adopt`] is to be called.
    pub adopts_by: Option<&'static str>,
    /// For how long after its create an instance may be missing from [`Provider::list`]: a node that has just begun
    /// concludes nothing from a list before this is over.
    pub list_lag: Duration,
}

/// Version and size of an engine.
#[derive(Clone, Debug, Default)]
pub struct EngineInfo {
    /// The engine's own version, shown as container runtime version.
    pub version: String,
    /// Logical CPUs, if there is such a number.
    pub cpus: Option<u64>,
    /// Memory, if there is such a number.
    pub memory_bytes: Option<u64>,
}

/// One pod to run, with everything resolved.
#[derive(Clone, Debug)]
pub struct InstanceRequest {
    /// The pod as the API server has it.
    pub pod: Arc<Pod>,
    /// The containers that should run now.
    pub containers: Vec<ContainerRequest>,
    /// What the pod's file volumes hold; only with [`Capabilities::file_volumes`] or [`Capabilities::files_at_start`].
    pub files: Vec<FileVolume>,
    /// What the pod's pull secrets hold.
    pub registry_logins: Vec<RegistryLogin>,
    /// Annotations of the Job that the pod belongs to; empty without one, or if the engine does not want them.
    pub job_annotations: BTreeMap<String, String>,
}

/// A pod, as far as it must be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodRef {
    /// UID.
    pub uid: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// A port of a pod, and where the world reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicPort {
    /// The port that the container listens on.
    pub private: u16,
    /// The port that others use.
    pub public: u16,
    /// The address that they use.
    pub address: IpAddr,
}

/// Something that an engine wants Kubernetes to know about a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// An event.
    Event {
        /// The pod.
        pod: PodRef,
        /// Warning or Normal.
        warning: bool,
        /// Reason of the event.
        reason: &'static str,
        /// What happened.
        message: String,
    },
    /// Annotations to be set on the pod.
    Annotations {
        /// The pod.
        pod: PodRef,
        /// Names and values.
        annotations: Vec<(String, String)>,
    },
}

/// One container to run.
#[derive(Clone, Debug)]
pub struct ContainerRequest {
    /// Name, image, limits, mounts as the pod has them.
    pub spec: Container,
    /// 0 for the first start, plus one with each restart.
    pub attempt: u32,
    /// Whole environment in its final order; values may be secret.
    pub env: Vec<(String, String)>,
    /// `command` with variables expanded; empty = the image's own.
    pub command: Vec<String>,
    /// `args` with variables expanded; empty = the image's own, unless `command` is given.
    pub args: Vec<String>,
}

/// Why an engine did not do what it was asked. The text is shown in pod status and events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// No such instance, container or attempt, or it does not run.
    #[error("{0}")]
    NotFound(String),
    /// This engine never can.
    #[error("{0}")]
    Unsupported(String),
    /// Not as the pod is written: it stays Pending with this reason, or fails if its policy lets it.
    #[error("{message}")]
    Refused {
        /// Reason of the event and of the waiting containers.
        reason: &'static str,
        /// Field, value, what is supported.
        message: String,
    },
    /// Tried for long enough: the pod fails whatever its policy.
    #[error("{message}")]
    GaveUp {
        /// Reason of the status.
        reason: &'static str,
        /// The last words of the engine.
        message: String,
    },
    /// Not now; `reason` is the waiting reason of the containers.
    #[error("{message}")]
    Waiting {
        /// `ErrImagePull`, `CreateContainerError` …
        reason: &'static str,
        /// The engine's own words.
        message: String,
    },
    /// The engine did not answer, or not in a way that could be understood.
    #[error("{0}")]
    Unavailable(String),
}

// === impl Capabilities ===

impl Capabilities {
    /// Whether this pod gets file volumes.
    pub(crate) fn holds_files(&self, pod: &Pod) -> bool {
        let notes = pod.metadata.annotations.as_ref();
        let says = |(key, value): (&str, &str)| notes.and_then(|all| all.get(key)).is_some_and(|said| said == value);
        self.file_volumes || self.files_at_start.is_some_and(says)
    }
}

// === impl InstanceRequest ===

impl InstanceRequest {
    /// Pod UID, namespace and name: the marker of the instance.
    #[must_use]
    pub fn marker(&self) -> (String, String, String) {
        let meta = &self.pod.metadata;
        (
            meta.uid.clone().unwrap_or_default(),
            meta.namespace.clone().unwrap_or_default(),
            meta.name.clone().unwrap_or_default(),
        )
    }

    /// The login for an image: that of the longest registry or repository it begins with.
    #[must_use]
    pub fn login(&self, image: &str) -> Option<&RegistryLogin> {
        crate::registry::login(&self.registry_logins, image)
    }
}
