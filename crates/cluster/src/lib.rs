//! The home cluster behind the port `Cluster`: tenants, identities, workloads, SKUs, and the watches all of them share.
//!
//! Four identities, never mixed: the issuer (keys' accounts and tokens), the reconciler (tenant namespaces, watches), the
//! one that reads the figures of nodes, and the token of the person who acts (workloads).
//! Must never depend on `store`, `app` or `server`. `kube::Error` never leaves this crate. Start reading at [`KubeCluster`] and `port.rs`.
#![forbid(unsafe_code)]

mod availability;
mod client;
mod config_map;
mod drift;
mod error;
mod identity;
mod leader;
mod live;
mod log;
mod meter;
mod metric;
mod node;
mod object;
mod port;
mod priority_class;
mod requests;
mod rollout;
mod runtime_class;
mod secret;
mod service;
mod sku;
mod skypilot;
mod tenant;
mod terminal;
mod views;
mod watch;
mod workload;

use std::path::PathBuf;
use std::sync::Arc;

use domain::Result;
use tokio_util::sync::CancellationToken;

use client::Clients;
pub use client::api_server;
use drift::Drift;
use identity::known::Known;
pub use leader::{Candidate, Leader, Timing};
pub use metric::MetricsConfig;
use sku::Catalogue;
use views::Views;

/// With what the console reaches its cluster.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// Kubeconfig of `remotegpu-issuer`.
    pub issuer_kubeconfig: PathBuf,
    /// Kubeconfig of `remotegpu-reconciler`.
    pub reconciler_kubeconfig: PathBuf,
    /// How nodes are asked for figures; without it none is.
    pub metrics: Option<MetricsConfig>,
    /// Id of this installation, made once and kept in the database: the label on the identities it makes.
    pub installation: String,
}

/// The home cluster over its Kubernetes API. Cheap to clone.
#[derive(Clone)]
pub struct KubeCluster {
    inner: Arc<Inner>,
}

struct Inner {
    clients: Clients,
    known: Arc<Known>,
    catalogue: Arc<Catalogue>,
    views: Arc<Views>,
    drift: Arc<Drift>,
    metrics: Option<metric::Reader>,
    installation: String,
}

// === impl KubeCluster ===

impl KubeCluster {
    /// Reads the kubeconfigs and starts the watches and the writer of SKU availability as tasks of the current runtime.
    /// Works while the API server is down: the watches come back by themselves. Ends with `shutdown`.
    ///
    /// # Errors
    /// [`domain::Error::Internal`] for a kubeconfig that cannot be read.
    pub async fn start(config: ClusterConfig, shutdown: CancellationToken) -> Result<Self> {
        let clients = Clients::load(&config).await?;
        let metrics = match &config.metrics {
            Some(metrics) => Some(metric::Reader::load(metrics).await?),
            None => None,
        };
        let (known, drift) = (Arc::new(Known::default()), Arc::new(Drift::default()));
        let (catalogue, views) = (Arc::new(Catalogue::default()), Arc::new(Views::default()));
        identity::known::watch(&clients.issuer, &known, &shutdown);
        drift::watch(&clients.reconciler, &drift, &shutdown);
        views::watch(&clients.reconciler, &views, &drift, &shutdown);
        sku::watch(&clients.reconciler, &catalogue, &views, &shutdown);
        availability::start(&clients.reconciler, &catalogue, &views, &shutdown);
        let installation = config.installation;
        Ok(Self { inner: Arc::new(Inner { clients, known, catalogue, views, drift, metrics, installation }) })
    }
}
