//! The home cluster as the fleet needs it: a client, settings of a node, cordon, drain, removal.
//! Each call has a deadline; what fails is tried again with the next look.
use std::{collections::BTreeMap, net::TcpListener, time::Duration};

use anyhow::{Context, Result, anyhow};
use engines::kubernetes::Class;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use kubelet::{Capacity, Gpu, Kubelet, NodeConfig, NodeTaint, TlsFiles};
use serde_json::{Value, json};

use super::{Engine, HomeConfig, Stage};

/// Label of the nodes that a fleet runs.
const RUN_BY: &str = "remotegpu.ai/run-by";
const FLEET: &str = "nodes";
/// Label with the engine of a node.
const ENGINE: &str = "remotegpu.ai/engine";
/// Annotation of a node that this process cordoned; what an operator cordons stays so.
const CLOSED: &str = "remotegpu.ai/closed-by-fleet";
/// Taint of nodes without GPUs.
const PROVIDER_TAINT: &str = "virtual-kubelet.io/provider";
/// Taint of the nodes of an account's engine, which admission tolerates for SKUs that name such an engine.
const ACCOUNT_TAINT: &str = "remotegpu.ai/account";
const CALL: Duration = Duration::from_secs(10);
/// Pods of one engine worked on at the same time.
const WORKERS: usize = 64;
const RECONCILE: Duration = Duration::from_secs(30);

pub(super) struct Home {
    pub(super) client: Client,
    config: HomeConfig,
}

// === impl Home ===

impl Home {
    pub(super) async fn open(config: HomeConfig) -> Result<Self> {
        let path = &config.kubeconfig;
        let file = Kubeconfig::read_from(path).with_context(|| format!("Cannot read {}", path.display()))?;
        let mut access = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
        access.default_retry = false;
        Ok(Self { client: Client::try_from(access)?, config })
    }

    /// Identity of the home cluster, for markers.
    pub(super) async fn cluster_id(&self) -> Result<String> {
        in_time(Kubelet::cluster_id(&self.client)).await
    }

    /// Settings of one node of an engine.
    pub(super) fn node(&self, name: &str, engine: &Engine, class: &Class) -> Result<NodeConfig> {
        let HomeConfig { address, tls, client_ca, require_pod_label, .. } = &self.config;
        // The listener itself opens the port again in a moment.
        let port = TcpListener::bind((*address, 0)).context("No free port for a node")?.local_addr()?.port();
        let mebi = |bytes: u64| format!("{}Mi", bytes >> 20);
        let capacity = Capacity {
            cpu: Some(class.cpus.to_string()),
            memory: Some(mebi(class.memory_bytes)),
            ephemeral_storage: Some(mebi(class.ephemeral_bytes)),
            pods: Some(class.pods),
        };
        let ecosystem = Some(engine.ecosystem.clone()).filter(|text| !text.is_empty());
        Ok(NodeConfig {
            name: name.to_owned(),
            engine: engine.name.clone(),
            address: *address,
            port,
            capacity,
            gpu: class.gpu.clone(),
            taints: taints(engine, class),
            labels: [(RUN_BY.to_owned(), FLEET.to_owned())]
                .into_iter()
                .chain(ecosystem.map(|text| ("remotegpu.ai/ecosystem".to_owned(), text)))
                .collect::<BTreeMap<_, _>>(),
            require_pod_label: require_pod_label.clone(),
            reconcile_interval: RECONCILE,
            tls: tls.clone().map(|(cert, key)| TlsFiles { cert, key }),
            client_ca: client_ca.clone(),
            service_account_tokens: false,
            workers: WORKERS,
        })
    }

    /// Lets new pods onto a node, or not. A node that is not there yet is told at the next look.
    pub(super) async fn cordon(&self, name: &str, stage: Stage) -> Result<()> {
        let api: Api<Node> = Api::all(self.client.clone());
        let Some(node) = in_time(api.get_opt(name)).await? else { return Ok(()) };
        let Some(patch) = settled(&node, stage) else { return Ok(()) };
        in_time(api.patch(name, &PatchParams::default(), &Patch::Merge(patch))).await.map(drop)
    }

    /// Whether a node of this name may be run for the engine: there is none yet, or it is one of an earlier process.
    pub(super) async fn may_run(&self, name: &str, engine: &str) -> Result<bool> {
        let api: Api<Node> = Api::all(self.client.clone());
        Ok(in_time(api.get_opt(name)).await?.is_none_or(|node| is_of(&node, engine)))
    }

    /// Ends the pods of a node; true once there is none.
    pub(super) async fn drain(&self, name: &str) -> Result<bool> {
        let api: Api<Pod> = Api::all(self.client.clone());
        let bound = ListParams::default().fields(&format!("spec.nodeName={name}"));
        let pods = in_time(api.list_metadata(&bound)).await?.items;
        for pod in pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            let (namespace, name) = (pod.metadata.namespace.as_deref(), pod.metadata.name.as_deref());
            let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace.unwrap_or_default());
            let deleted = in_time(api.delete(name.unwrap_or_default(), &DeleteParams::default())).await;
            if let Err(error) = deleted {
                tracing::warn!(%error, pod.name = name, "A pod of an engine that ends could not be deleted");
            }
        }
        Ok(pods.is_empty())
    }

    /// Removes a Node.
    pub(super) async fn remove(&self, name: &str) -> Result<()> {
        let api: Api<Node> = Api::all(self.client.clone());
        match in_time(api.delete(name, &DeleteParams::default())).await {
            Err(error) if !error.to_string().contains("not found") => Err(error),
            _ => Ok(()),
        }
    }

    /// Names of the nodes that an engine has, also those of an earlier process.
    pub(super) async fn nodes_of(&self, engine: &str) -> Result<Vec<String>> {
        let api: Api<Node> = Api::all(self.client.clone());
        let own = ListParams::default().labels(&format!("{RUN_BY}={FLEET},{ENGINE}={engine}"));
        let nodes = in_time(api.list_metadata(&own)).await?;
        Ok(nodes.items.into_iter().filter_map(|node| node.metadata.name).collect())
    }

    /// Removes the nodes of engines that were deleted while nobody ran them. Pods on them have no engine any more.
    pub(super) async fn sweep(&self, engines: &[&str]) -> Result<()> {
        let api: Api<Node> = Api::all(self.client.clone());
        let nodes = in_time(api.list_metadata(&ListParams::default().labels(&format!("{RUN_BY}={FLEET}")))).await?;
        for node in nodes.items {
            let engine = node.metadata.labels.as_ref().and_then(|all| all.get(ENGINE));
            let (Some(name), false) = (&node.metadata.name, engine.is_some_and(|one| engines.contains(&one.as_str())))
            else {
                continue;
            };
            tracing::warn!(node.name = name, "Removing a node whose engine was deleted");
            self.drain(name).await?;
            self.remove(name).await?;
        }
        Ok(())
    }
}

/// The change that makes a node open or closed. Only what this process closed is opened again.
pub(super) fn settled(node: &Node, stage: Stage) -> Option<Value> {
    let closed = node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false);
    let ours = node.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(CLOSED));
    match (stage, closed, ours) {
        (Stage::Open, _, false) | (Stage::Closed | Stage::Ending, true, _) => None,
        // The mark goes with it: a later cordon is somebody else's.
        (Stage::Open, _, true) => {
            Some(json!({"metadata": {"annotations": {CLOSED: null}}, "spec": {"unschedulable": false}}))
        }
        (Stage::Closed | Stage::Ending, false, _) => {
            Some(json!({"metadata": {"annotations": {CLOSED: "true"}}, "spec": {"unschedulable": true}}))
        }
    }
}

/// Whether a fleet made this Node for the engine.
pub(super) fn is_of(node: &Node, engine: &str) -> bool {
    let is = |key: &str, value: &str| {
        node.metadata.labels.as_ref().and_then(|all| all.get(key)).is_some_and(|one| one == value)
    };
    is(RUN_BY, FLEET) && is(ENGINE, engine)
}

/// What keeps pods off that were not meant for the hardware, or not for the account whose engine it is: whoever imports an
/// engine sees the Secrets of the pods that run there.
pub(super) fn taints(engine: &Engine, class: &Class) -> Vec<NodeTaint> {
    let (key, value) = match class.gpu {
        Some(_) => (Gpu::RESOURCE, "present"),
        None => (PROVIDER_TAINT, "kubernetes"),
    };
    let hardware = NodeTaint { key: key.to_owned(), value: value.to_owned() };
    let owner = engine.account.clone().map(|value| NodeTaint { key: ACCOUNT_TAINT.to_owned(), value });
    [hardware].into_iter().chain(owner).collect()
}

async fn in_time<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T> {
    let answer = tokio::time::timeout(CALL, call).await.map_err(|_| anyhow!("The cluster does not answer"))?;
    Ok(answer?)
}
