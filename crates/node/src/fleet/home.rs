//! The home cluster as the fleet needs it: a client, settings of a node, closing, drain, removal.
//! Each call has a deadline; what fails is tried again with the next look.
use std::{collections::BTreeMap, net::TcpListener, sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow};
use engines::{
    ACCOUNT_TAINT, ANNOTATION_SERVICE_ACCOUNTS, CLOSED_TAINT, ENGINE_LABEL, PROVIDER_TAINT, RUN_BY_FLEET as FLEET,
    RUN_BY_LABEL as RUN_BY, kubernetes::Class, runpod::SoldGpu,
};
use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use kubelet::{ApiAccess, Capacity, Gpu, Kubelet, NodeConfig, NodeTaint, TaintEffect, TlsFiles};
use serde_json::{Value, json};

use super::{Engine, HomeConfig, Stage, board::Board};

/// Labels by which a node names its GPUs.
const GPU_MODEL: &str = "remotegpu.ai/gpu-model";
const GPU_MEMORY: &str = "nvidia.com/gpu.memory";
/// Annotation of a node that an earlier version of this process cordoned.
const CORDONED: &str = "remotegpu.ai/closed-by-fleet";
const CALL: Duration = Duration::from_secs(10);
/// Pods of one engine worked on at the same time.
const WORKERS: usize = 64;
const RECONCILE: Duration = Duration::from_secs(30);

pub(super) struct Home {
    pub(super) client: Client,
    /// Services that ask to be reached from outside.
    pub(super) exposed: Board,
    config: HomeConfig,
}

// === impl Home ===

impl Home {
    pub(super) async fn open(config: HomeConfig) -> Result<Self> {
        let path = &config.kubeconfig;
        let file = Kubeconfig::read_from(path).with_context(|| format!("Cannot read {}", path.display()))?;
        let mut access = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
        access.default_retry = false;
        let client = Client::try_from(access)?;
        Ok(Self { exposed: Board::new(client.clone()), client, config })
    }

    /// Identity of the home cluster, for markers.
    pub(super) async fn cluster_id(&self) -> Result<String> {
        in_time(Kubelet::cluster_id(&self.client)).await
    }

    /// Settings of one node of an engine.
    pub(super) fn node(&self, name: &str, engine: &Engine, class: &Class) -> Result<NodeConfig> {
        let HomeConfig { address, tls, client_ca, require_pod_label, .. } = &self.config;
        let api_access = self.config.pod_api_server.clone();
        let api_access =
            api_access.map(|server| ApiAccess { annotation: ANNOTATION_SERVICE_ACCOUNTS.to_owned(), server });
        // The listener itself opens the port again in a moment.
        let port = TcpListener::bind((*address, 0)).context("No free port for a node")?.local_addr()?.port();
        let ecosystem = Some(engine.ecosystem.clone()).filter(|text| !text.is_empty());
        Ok(NodeConfig {
            name: name.to_owned(),
            engine: engine.name.clone(),
            address: *address,
            port,
            capacity: size(class).0,
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
            strict: false,
            api_access,
            endpoint_slices: None,
            workers: WORKERS,
        })
    }

    /// Lets new pods onto a node, or not; true if it was so already. One that is not there yet is told at the next look.
    pub(super) async fn settle(&self, name: &str, stage: Stage) -> Result<bool> {
        let api: Api<Node> = Api::all(self.client.clone());
        let Some(node) = in_time(api.get_opt(name)).await? else { return Ok(true) };
        let Some(patch) = settled(&node, stage) else { return Ok(true) };
        in_time(api.patch(name, &PatchParams::default(), &Patch::Merge(patch))).await?;
        Ok(false)
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

    /// Whether pods are bound to a node.
    pub(super) async fn has_pods(&self, name: &str) -> Result<bool> {
        let api: Api<Pod> = Api::all(self.client.clone());
        let bound = ListParams::default().fields(&format!("spec.nodeName={name}")).limit(1);
        Ok(!in_time(api.list_metadata(&bound)).await?.items.is_empty())
    }

    /// Whether pods that have not ended are bound to any of these nodes.
    pub(super) async fn runs_pods(&self, nodes: &[String]) -> Result<bool> {
        let api: Api<Pod> = Api::all(self.client.clone());
        for node in nodes {
            let living = format!("spec.nodeName={node},status.phase!=Succeeded,status.phase!=Failed");
            let living = ListParams::default().fields(&living).limit(1);
            if !in_time(api.list_metadata(&living)).await?.items.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes a Node.
    pub(super) async fn remove(&self, name: &str) -> Result<()> {
        let api: Api<Node> = Api::all(self.client.clone());
        match in_time(api.delete(name, &DeleteParams::default())).await {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// The nodes that an engine has, also those of an earlier process, with the GPUs that their labels name.
    pub(super) async fn nodes_of(&self, engine: &str) -> Result<BTreeMap<String, Option<Gpu>>> {
        let api: Api<Node> = Api::all(self.client.clone());
        let own = ListParams::default().labels(&format!("{RUN_BY}={FLEET},{ENGINE_LABEL}={engine}"));
        let nodes = in_time(api.list_metadata(&own)).await?;
        let named = nodes.items.into_iter().filter_map(|node| {
            let labels = node.metadata.labels.unwrap_or_default();
            let memory = labels.get(GPU_MEMORY).and_then(|mib| mib.parse::<u32>().ok());
            let gpu = labels.get(GPU_MODEL).map(|model| {
                let memory_gib = memory.map(|mib| mib.div_ceil(1024));
                Gpu { model: model.clone(), count: 0, memory_gib }
            });
            Some((node.metadata.name?, gpu))
        });
        Ok(named.collect())
    }

    /// The GPUs of each SKU; those without are not among them.
    pub(super) async fn sold(&self) -> Result<Arc<BTreeMap<String, SoldGpu>>> {
        let kind = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("remotegpu.ai", "v1alpha1", "Sku"), "skus");
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &kind);
        let skus = in_time(api.list(&ListParams::default())).await?.items;
        let sold = skus.into_iter().filter_map(|sku| Some((sku.metadata.name?, gpu_of(&sku.data)?)));
        Ok(Arc::new(sold.collect()))
    }

    /// Removes the nodes of engines that were deleted while nobody ran them, and what Services say of such engines. Pods on
    /// them have no engine any more.
    pub(super) async fn sweep(&self, engines: &[&str]) -> Result<()> {
        let api: Api<Node> = Api::all(self.client.clone());
        let nodes = in_time(api.list_metadata(&ListParams::default().labels(&format!("{RUN_BY}={FLEET}")))).await?;
        for node in nodes.items {
            let engine = node.metadata.labels.as_ref().and_then(|all| all.get(ENGINE_LABEL));
            let (Some(name), false) = (&node.metadata.name, engine.is_some_and(|one| engines.contains(&one.as_str())))
            else {
                continue;
            };
            tracing::warn!(node.name = name, "Removing a node whose engine was deleted");
            self.drain(name).await?;
            self.remove(name).await?;
        }
        self.exposed.sweep(engines).await
    }
}

/// The GPUs that a SKU sells.
pub(super) fn gpu_of(sku: &Value) -> Option<SoldGpu> {
    let gpu = sku.pointer("/spec/gpu")?;
    let memory_gib = gpu["memoryGiB"].as_u64().and_then(|gib| u32::try_from(gib).ok()).unwrap_or_default();
    Some(SoldGpu { model: gpu["model"].as_str()?.to_owned(), memory_gib })
}

/// What a node for these nodes over there offers, and how many GPUs.
pub(super) fn size(class: &Class) -> (Capacity, Option<u32>) {
    let mebi = |bytes: u64| format!("{}Mi", bytes >> 20);
    let capacity = Capacity {
        cpu: Some(class.cpus.to_string()),
        memory: Some(mebi(class.memory_bytes)),
        ephemeral_storage: Some(mebi(class.ephemeral_bytes)),
        pods: Some(class.pods),
    };
    (capacity, class.gpu.as_ref().map(|gpu| gpu.count))
}

/// The change that makes a node open or closed: a taint of our own, so that what an operator cordons stays so, whoever came
/// first.
pub(super) fn settled(node: &Node, stage: Stage) -> Option<Value> {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let (closed, wanted) = (taints.iter().any(|one| one.key == CLOSED_TAINT), stage != Stage::Open);
    let cordoned = node.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(CORDONED));
    if closed == wanted && !cordoned {
        return None;
    }
    let own = Taint { key: CLOSED_TAINT.to_owned(), effect: "NoSchedule".to_owned(), ..Taint::default() };
    let others = taints.iter().filter(|one| one.key != CLOSED_TAINT).cloned();
    let all: Vec<Taint> = others.chain(wanted.then_some(own)).collect();
    // A list is replaced whole: somebody else's taint of this very moment must not be lost.
    let version = &node.metadata.resource_version;
    let mut change = json!({"metadata": {"resourceVersion": version}, "spec": {"taints": all}});
    if cordoned {
        change["metadata"]["annotations"] = json!({CORDONED: null});
        change["spec"]["unschedulable"] = json!(false);
    }
    Some(change)
}

/// Whether a fleet made this Node for the engine.
pub(super) fn is_of(node: &Node, engine: &str) -> bool {
    let is = |key: &str, value: &str| {
        node.metadata.labels.as_ref().and_then(|all| all.get(key)).is_some_and(|one| one == value)
    };
    is(RUN_BY, FLEET) && is(ENGINE_LABEL, engine)
}

/// What keeps pods off that were not meant for the hardware, or not for the account whose engine it is: whoever imports an
/// engine sees the Secrets of the pods that run there.
pub(super) fn taints(engine: &Engine, class: &Class) -> Vec<NodeTaint> {
    let (key, value) = match class.gpu {
        Some(_) => (Gpu::RESOURCE, "present"),
        None => (PROVIDER_TAINT, engine.reach.kind()),
    };
    let effect = TaintEffect::NoSchedule;
    let hardware = NodeTaint { key: key.to_owned(), value: value.to_owned(), effect };
    let owner = engine.account.clone().map(|value| NodeTaint { key: ACCOUNT_TAINT.to_owned(), value, effect });
    [hardware].into_iter().chain(owner).collect()
}

/// Whether the cluster says that there is no such object; its words are nobody's contract.
pub(super) fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<kube::Error>().is_some_and(|error| matches!(error, kube::Error::Api(said) if said.code == 404))
}

pub(super) async fn in_time<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T> {
    let answer = tokio::time::timeout(CALL, call).await.map_err(|_| anyhow!("The cluster does not answer"))?;
    Ok(answer?)
}
