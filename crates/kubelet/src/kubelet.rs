//! The kubelet as a whole: it puts the parts together and runs them until it is told to stop.
//! Stopping ends nothing on the engine: instances go on, and the next start adopts them.
use std::{collections::BTreeMap, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Capacity, EngineInfo, NodeConfig, Provider,
    decide::Rules,
    endpoints,
    events::Events,
    health::{self, Stage},
    hooks::Hooks,
    http,
    leader::{Election, Elector},
    lease,
    metrics::Metrics,
    node, node_object,
    orphans::Orphans,
    pod_store::{ApiPods, PodStore},
    pods,
    prober::Prober,
    queue::{Queue, Uid},
    records::Records,
    refresh::{self, Written},
    reports, size,
    spent::Spent,
    tick::{self, Health},
    worker,
};

/// One virtual node: a Node object, its pods, and the engine that runs them.
pub struct Kubelet {
    pub(crate) client: Client,
    pub(crate) config: NodeConfig,
    pub(crate) provider: Arc<dyn Provider>,
    probes: Option<SocketAddr>,
    sizes: Option<watch::Receiver<size::Size>>,
    election: Option<Election>,
}

/// Why the node could not start, or had to stop. The text says what to change.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub(crate) String);

/// Tells the time.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What stands around a node, beside its engine.
pub(crate) struct Around {
    pub(crate) client: Client,
    pub(crate) pods: Arc<dyn PodStore>,
    pub(crate) events: Events,
    pub(crate) clock: Clock,
    pub(crate) server_version: String,
}

/// What all parts share.
pub(crate) struct Shared {
    pub(crate) client: Client,
    /// The pods, as the API server keeps them.
    pub(crate) pods: Arc<dyn PodStore>,
    clock: Clock,
    pub(crate) config: NodeConfig,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) rules: Rules,
    pub(crate) records: Records,
    pub(crate) queue: Queue,
    pub(crate) events: Events,
    pub(crate) engine: EngineInfo,
    pub(crate) host_ip: String,
    pub(crate) allocatable: watch::Sender<Arc<BTreeMap<String, String>>>,
    pub(crate) server_version: String,
    /// Files that were written into running pods.
    pub(crate) written: Written,
    pub(crate) prober: Prober,
    pub(crate) metrics: Metrics,
    pub(crate) spent: Spent,
    pub(crate) hooks: Hooks,
    pub(crate) health: watch::Sender<Health>,
    pub(crate) orphans: watch::Sender<Orphans>,
    /// Why nothing new can be paid for.
    pub(crate) unpaid: watch::Sender<Option<String>>,
    /// Some pod of this node may look different from before.
    pub(crate) pods_changed: Notify,
    /// The cache of pods is complete.
    pub(crate) pods_known: CancellationToken,
    /// The engine was listed once after that: work may begin.
    pub(crate) engine_known: CancellationToken,
    pub(crate) shutdown: CancellationToken,
}

// === impl Kubelet ===

impl Kubelet {
    /// A node of this cluster with this engine behind it.
    ///
    /// The client should have `default_retry` off: the node has its own back-off.
    #[must_use]
    pub fn new(client: Client, config: NodeConfig, provider: Arc<dyn Provider>) -> Self {
        Self { client, config, provider, probes: None, sizes: None, election: None }
    }

    /// Also answers probes at this address, in plain HTTP: `/healthz` and `/readyz`.
    #[must_use]
    pub fn probed_at(mut self, address: SocketAddr) -> Self {
        self.probes = Some(address);
        self
    }

    /// Offers from now on what it is told, capacity and number of GPUs, instead of what its settings say; the engine fills
    /// the gaps of both.
    #[must_use]
    pub fn sized_by(mut self, sizes: watch::Receiver<(Capacity, Option<u32>)>) -> Self {
        self.sizes = Some(sizes);
        self
    }

    /// Acts only while it leads among the processes with its node's name. Without this whoever runs it sees to that.
    #[must_use]
    pub fn elected(mut self, election: Election) -> Self {
        self.election = Some(election);
        self
    }

    /// The identity of the cluster for markers: the UID of the namespace `kube-system`.
    ///
    /// # Errors
    /// Those of the API server.
    pub async fn cluster_id(client: &Client) -> Result<String, kube::Error> {
        let namespace = Api::<Namespace>::all(client.clone()).get("kube-system").await?;
        Ok(namespace.metadata.uid.unwrap_or_default())
    }

    /// Runs the node until `shutdown` fires.
    ///
    /// # Errors
    /// At the start: a port in use, unreadable certificates, no client CA, an API server that refuses us. Later only the
    /// loss of the lead.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), StartError> {
        let stage = watch::Sender::new(Stage::STARTS);
        let mut probed = JoinSet::new();
        if let Some(address) = self.probes {
            let listener = health::bind(address).await?;
            probed.spawn(health::serve(stage.subscribe(), listener, shutdown.clone()));
        }
        let Some(election) = self.election.take() else { return self.act(&stage, shutdown).await };
        let elector = Elector::new(self.client.clone(), &self.config.name, election)?;
        let working = shutdown.child_token();
        elector.lead(&stage, &shutdown, working.clone(), self.act(&stage, working)).await
    }

    /// Runs all parts until `shutdown` fires.
    async fn act(self, stage: &watch::Sender<Stage>, shutdown: CancellationToken) -> Result<(), StartError> {
        self.provider.begins();
        let (tls, source) = http::tls::server_config(&self.config, &self.client).await?;
        let listener = http::bind(&self.config).await?;
        let sizes = self.sizes.clone();
        let shared = tokio::select! {
            shared = self.share(shutdown.clone()) => Arc::new(shared),
            () = shutdown.cancelled() => return Ok(()),
        };
        stage.send_replace(Stage::Acts(shared.clone(), Instant::now()));
        let mut parts = JoinSet::new();
        parts.spawn(http::serve(shared.clone(), listener, tls));
        parts.spawn(source.follow(shared.clone()));
        if let Some(sizes) = sizes {
            parts.spawn(size::run(shared.clone(), sizes));
        }
        parts.spawn(node::run(shared.clone()));
        parts.spawn(lease::run(shared.clone()));
        parts.spawn(pods::run(shared.clone()));
        parts.spawn(tick::run(shared.clone()));
        parts.spawn(reports::run(shared.clone()));
        parts.spawn(worker::run(shared.clone()));
        if shared.rules.capabilities.file_volumes || shared.rules.capabilities.files_at_start.is_some() {
            parts.spawn(refresh::run(shared.clone()));
        }
        if let Some(prefix) = shared.config.endpoint_slices.clone() {
            parts.spawn(endpoints::run(shared.clone(), prefix));
        }
        tracing::info!(node.name = shared.config.name, node.address = %shared.config.address, "The node is up");
        shutdown.cancelled().await;
        // Work in progress is safe to cut off: it is idempotent and continues at the next start.
        let _ =
            tokio::time::timeout(Duration::from_secs(3), async { while parts.join_next().await.is_some() {} }).await;
        Ok(())
    }

    /// Waits for cluster and engine, which may start later than we do.
    async fn share(self, shutdown: CancellationToken) -> Shared {
        let Self { client, config, provider, .. } = self;
        let version = patiently("Asking the API server for its version", || client.apiserver_version()).await;
        let engine = patiently("Asking the engine for its size", || provider.describe()).await;
        let around = Around {
            pods: Arc::new(ApiPods::new(client.clone(), &config.name)),
            events: Events::start(client.clone(), config.name.clone()),
            clock: Arc::new(Timestamp::now),
            server_version: version.git_version,
            client,
        };
        Shared::new(around, config, provider, engine, shutdown)
    }
}

// === impl Shared ===

impl Shared {
    /// Nothing is known yet.
    pub(crate) fn new(
        around: Around,
        config: NodeConfig,
        provider: Arc<dyn Provider>,
        engine: EngineInfo,
        shutdown: CancellationToken,
    ) -> Self {
        let rules = Rules {
            capabilities: provider.capabilities(),
            require_pod_label: config.require_pod_label.clone(),
            service_account_tokens: config.service_account_tokens,
            strict: config.strict,
        };
        if config.require_pod_label.is_none() {
            tracing::warn!("This node runs every pod that is bound to it: no label is required");
        }
        let allocatable = node_object::capacity(&config, &engine, rules.capabilities.other_gpus);
        Self {
            records: Records::with_lag(rules.capabilities.list_lag).with_api_access(config.api_access.is_some()),
            events: around.events,
            host_ip: config.address.to_string(),
            allocatable: watch::Sender::new(Arc::new(allocatable)),
            server_version: around.server_version,
            rules,
            engine,
            client: around.client,
            pods: around.pods,
            clock: around.clock,
            config,
            provider,
            queue: Queue::default(),
            written: Written::default(),
            prober: Prober::default(),
            metrics: Metrics::default(),
            spent: Spent::default(),
            hooks: Hooks::default(),
            health: watch::Sender::new(Health::default()),
            orphans: watch::Sender::new(Orphans::default()),
            unpaid: watch::Sender::new(None),
            pods_changed: Notify::new(),
            pods_known: CancellationToken::new(),
            engine_known: CancellationToken::new(),
            shutdown,
        }
    }

    /// The time that pods are told.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// What the node offers at this moment.
    pub(crate) fn allocatable(&self) -> Arc<BTreeMap<String, String>> {
        self.allocatable.borrow().clone()
    }

    pub(crate) fn enqueue(&self, uids: impl IntoIterator<Item = Uid>) {
        for uid in uids {
            self.queue.add(uid);
        }
    }
}

/// Repeats until it works: a node that starts before its cluster or engine waits for them.
async fn patiently<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    mut call: impl FnMut() -> F,
) -> T {
    let mut pause = Duration::from_millis(250);
    loop {
        match call().await {
            Ok(value) => return value,
            Err(error) => tracing::warn!(%error, "{what} failed; trying again"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(10));
    }
}
