//! What stands behind an engine's nodes: a cluster with its classes of hardware, an account, or a container host.
//! The only place of the fleet that tells the kinds apart.
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use engines::{
    docker::Docker,
    kubernetes::{Access, Class, Exposures, Kubernetes, KubernetesConfig, classes, end_pods, is_other},
    runpod::{ApiKey, RunPod, RunPodConfig, SoldGpu},
};
use kube::Client;
use kubelet::{Provider, ProviderError};
use tokio::{sync::watch, time::timeout};

use super::{Account, Cluster, Engine, Reach, Stage, exposure::Exposing, hardware, home::Home};

/// Between two looks at what is sold.
const SKUS: Duration = Duration::from_secs(10);
/// For creates that are under way when an engine stops. What takes longer is found by its marker.
const QUIET: Duration = Duration::from_secs(20);

/// The other side of an engine's nodes.
pub(super) enum Site {
    Cluster {
        client: Client,
        /// Identity of the home cluster, for markers.
        cluster: String,
        at: Box<Cluster>,
    },
    Account {
        provider: Arc<RunPod>,
        node: String,
        /// What each SKU may rent.
        sold: watch::Sender<Arc<BTreeMap<String, SoldGpu>>>,
    },
    Host {
        provider: Arc<Docker>,
        node: String,
    },
}

// === impl Site ===

impl Site {
    /// Opens the way. Accounts and hosts are not asked anything yet.
    pub(super) async fn open(home: &Home, engine: &Engine, refused: &Arc<AtomicBool>) -> Result<Self> {
        let cluster = home.cluster_id().await.context("The home cluster")?;
        // No other installation and no other engine has this marker, whatever it is called.
        let marker = format!("{cluster}/{}", engine.id);
        let node = hardware::node_name(&engine.name, engine.reach.kind());
        Ok(match &engine.reach {
            Reach::Cluster(at) => {
                let access = Access::Values {
                    server: at.server.clone(),
                    address: at.address,
                    ca: at.ca.clone(),
                    login: at.login.clone(),
                };
                let client = access.connect_noting(refused).await?;
                Self::Cluster { client, cluster, at: Box::new(at.clone()) }
            }
            Reach::Account(at) => Self::account(at, &marker, node)?,
            Reach::Socket(endpoint) => {
                Self::Host { provider: Arc::new(Docker::connect(Some(endpoint.as_str()), &marker, &node)?), node }
            }
            Reach::Host(at) => Self::Host { provider: Arc::new(Docker::connect_over_tls(at, &marker, &node)?), node },
        })
    }

    fn account(at: &Account, marker: &str, node: String) -> Result<Self> {
        let sold = watch::Sender::new(Arc::new(BTreeMap::new()));
        let config = RunPodConfig {
            max_price_micros: at.max_price_micros,
            data_centers: at.data_centers.clone(),
            clouds: at.clouds,
            sold: Some(sold.subscribe()),
            cpu_pods: false,
            addresses: at.addresses.clone(),
            ..RunPodConfig::new(marker, node.as_str())
        };
        let provider = RunPod::over_https(config, &at.url, ApiKey::Text(at.key.clone()));
        Ok(Self::Account { provider: Arc::new(provider.context("The API cannot be called")?), node, sold })
    }

    /// The nodes that the engine has now, and what each offers.
    pub(super) async fn hardware(&self, home: &Home, engine: &str) -> Result<BTreeMap<String, Class>> {
        match self {
            Self::Cluster { client, at, .. } => {
                let found = match classes(client).await {
                    Ok(found) => found,
                    // The right to read nodes is missing: what was typed counts (RULINGS 29).
                    Err(ProviderError::Unsupported(_)) => hardware::typed(&at.typed),
                    Err(error) => return Err(error.into()),
                };
                Ok(hardware::by_name(engine, found))
            }
            Self::Account { node, sold, .. } => {
                let now = home.sold().await.context("The SKUs")?;
                sold.send_if_modified(|known| *std::mem::replace(known, now.clone()) != *now);
                Ok(BTreeMap::from([(node.clone(), hardware::rented())]))
            }
            Self::Host { provider, node } => {
                Ok(BTreeMap::from([(node.clone(), hardware::of_host(provider.hardware().await?))]))
            }
        }
    }

    /// What runs the pods of one node.
    pub(super) fn provider(&self, node: &str, class: &Class) -> Arc<dyn Provider> {
        match self {
            Self::Cluster { client, cluster, at } => {
                let config = KubernetesConfig {
                    namespace: at.namespace.clone(),
                    cluster: cluster.clone(),
                    node: node.to_owned(),
                    node_selector: class.node_selector.clone(),
                    tolerations: class.tolerations.clone(),
                };
                Arc::new(Kubernetes::new(client.clone(), config))
            }
            Self::Account { provider, .. } => provider.clone(),
            Self::Host { provider, .. } => provider.clone(),
        }
    }

    /// What Services are reached by from outside: only a cluster has an ingress controller.
    pub(super) fn exposing(&self, home: &Arc<Home>, engine: &str) -> Option<Exposing> {
        let Self::Cluster { client, cluster, at } = self else { return None };
        let exposures = Exposures::new(client.clone(), &at.namespace, cluster, engine, at.ingress);
        Some(Exposing::new(home, engine, exposures))
    }

    /// Time between two looks where it is shorter than usual: a SKU that was made a moment ago is to be rented for.
    pub(super) fn pause(&self) -> Option<Duration> {
        matches!(self, Self::Account { .. }).then_some(SKUS)
    }

    /// Before anything is ended.
    ///
    /// # Errors
    /// When another cluster is at the address now: it has none of the engine's pods, and would say that all have ended.
    pub(super) async fn is_itself(&self, stage: Stage) -> Result<()> {
        let Self::Cluster { client, at, .. } = self else { return Ok(()) };
        if stage != Stage::Forgotten && is_other(client, &at.uid).await {
            bail!("Another cluster is at the address of this engine: nothing is ended there");
        }
        Ok(())
    }

    /// Ends whatever is left of these nodes although no pod is; true once nothing is there and nothing can appear any more.
    pub(super) async fn is_empty(&self, nodes: &[String], stage: Stage) -> Result<bool> {
        match self {
            Self::Cluster { .. } if stage == Stage::Forgotten => Ok(true),
            // A pod that was deleted by force is gone at home before it has ended there.
            Self::Cluster { client, cluster, at } => Ok(end_pods(client, &at.namespace, cluster, nodes).await?),
            Self::Account { provider, .. } => {
                let quiet = timeout(QUIET, provider.quiet()).await.is_ok();
                Ok(end_all(&**provider).await? && quiet && provider.knows_all())
            }
            Self::Host { provider, .. } => end_all(&**provider).await,
        }
    }

    /// Rents nothing more, and lets creates that were sent come to their end, so that whoever goes on with the engine sees
    /// what they made.
    pub(super) async fn quiet(&self) {
        let Self::Account { provider, .. } = self else { return };
        provider.retire();
        if timeout(QUIET, provider.quiet()).await.is_err() {
            tracing::warn!("A create has not ended yet; what it makes is found by its marker");
        }
    }
}

/// True if there was nothing.
async fn end_all(provider: &impl Provider) -> Result<bool> {
    let left = provider.list().await?;
    for instance in &left {
        provider.delete(&instance.uid, Duration::ZERO).await?;
    }
    Ok(left.is_empty())
}
