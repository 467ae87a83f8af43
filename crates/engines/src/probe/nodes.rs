//! GPUs of a cluster, counted on its nodes, or as somebody typed them where nodes may not be read (RULINGS 29).

use std::collections::BTreeMap;
use std::time::Duration;

use domain::admission;
use domain::engine::gpu::{GpuNode, by_model, sentence};
use domain::engine::report::{EngineCapacity, GpuCapacity};
use domain::engine::settings::OnPremise;
use domain::engine_manifest::EngineFeature;
use serde_json::Value;
use tokio::time::timeout;

use super::http::Api;
use super::pages::{self, Unread};
use super::{Look, shown};

/// A node's list of images alone takes tens of kilobytes.
const PAGE: &str = "/api/v1/nodes?limit=20";
/// Those that hold something: not over, and on a node.
const PODS: &str = "/api/v1/pods?limit=50&fieldSelector=\
    status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed%2Cspec.nodeName%21%3D";
/// For all pages of pods together: they are worth less than the rows behind this one.
const PODS_LIMIT: Duration = Duration::from_secs(8);
const RUNTIME_CLASS: &str = "/apis/node.k8s.io/v1/runtimeclasses/nvidia";
const NVIDIA: &str = "nvidia.com/";
/// Of taints that Kubernetes sets and takes back by how a node is, which is told in words of its own.
const CONDITION: &str = "node.kubernetes.io/";
const PRODUCT: &str = "/metadata/labels/nvidia.com~1gpu.product";

pub(super) async fn find(api: &Api, at: &OnPremise, look: &mut Look) {
    let typed = || at.gpus.iter().map(|gpu| GpuCapacity { model: gpu.model.clone(), total: gpu.count, free: None });
    if !at.features.contains(&EngineFeature::GpuDiscovery) {
        look.facts.capacity = Some(EngineCapacity { nodes: 0, gpus: typed().collect() });
        return look.skip("gpu", "GPU discovery is not asked for");
    }
    // Each node with the resource of its GPUs.
    let nodes = match pages::all(api, PAGE, gpus).await {
        Ok(nodes) => nodes,
        // What was counted before still stands.
        Err(Unread::Broken) => return look.unanswered("gpu", "Nodes could not be read this time"),
        Err(Unread::Refused) => {
            look.facts.capacity = Some(EngineCapacity { nodes: 0, gpus: typed().collect() });
            return if at.gpus.is_empty() {
                look.warn("gpu", "Nodes may not be read; type the GPUs by hand")
            } else {
                look.warn("gpu", "Nodes may not be read; the GPUs are those that were typed")
            };
        }
    };
    let count = nodes.len();
    let (resources, found): (Vec<String>, Vec<GpuNode>) = nodes.into_iter().flatten().unzip();
    let nodes = u32::try_from(count).unwrap_or(u32::MAX);
    if found.is_empty() {
        look.facts.capacity = Some(EngineCapacity { nodes, gpus: typed().collect() });
        return look.warn("gpu", format!("No GPU found on {count} nodes (device plugin missing?)"));
    }
    let held = held(api).await;
    let of_nvidia = resources.iter().any(|resource| resource.starts_with(NVIDIA));
    let class = if of_nvidia { Some(runtime_class(api).await) } else { None };
    let gpus = by_model(&found, held.as_ref().ok());
    look.pass("gpu", sentence(&found, &gpus, held.err(), class));
    look.facts.capacity = Some(EngineCapacity { nodes, gpus });
}

/// How many GPUs pods hold, by node; or why nobody knows.
async fn held(api: &Api) -> Result<BTreeMap<String, u32>, &'static str> {
    let pods = match timeout(PODS_LIMIT, pages::whole(api, PODS, held_by)).await {
        Ok(Ok(Some(pods))) => pods,
        Ok(Ok(None)) => return Err("there are more pods than can be read"),
        Ok(Err(Unread::Refused)) => return Err("the credential may not list pods"),
        Ok(Err(Unread::Broken)) => return Err("the pods could not be read this time"),
        Err(_) => return Err("the pods could not be read in 8 s"),
    };
    let mut held: BTreeMap<String, u32> = BTreeMap::new();
    for (node, gpus) in pods.into_iter().flatten() {
        let sum = held.entry(node).or_default();
        *sum = sum.saturating_add(gpus);
    }
    Ok(held)
}

/// The node of a pod and how many of its GPUs the pod holds; none without.
fn held_by(pod: &Value) -> Option<(String, u32)> {
    let node = pod.pointer("/spec/nodeName").and_then(Value::as_str)?;
    let asked = admission::requests(pod);
    let gpus = asked.iter().filter(|(resource, _)| is_gpu(resource)).map(|(_, milli)| milli / 1000);
    let gpus = gpus.fold(0u32, |sum, gpus| sum.saturating_add(u32::try_from(gpus).unwrap_or(u32::MAX)));
    (gpus > 0).then(|| (shown(node), gpus))
}

/// Whether the class is there that pods need where the container runtime does not give GPUs by itself.
async fn runtime_class(api: &Api) -> &'static str {
    match api.get(RUNTIME_CLASS).await.map(|answer| answer.status) {
        Ok(200) => "RuntimeClass nvidia is there",
        Ok(404) => "no RuntimeClass nvidia",
        Ok(401 | 403) => "RuntimeClass nvidia unknown: the credential may not read it",
        _ => "RuntimeClass nvidia unknown: it could not be read this time",
    }
}

fn is_gpu(resource: &str) -> bool {
    resource == "nvidia.com/gpu" || resource == "amd.com/gpu" || resource.starts_with("nvidia.com/mig-")
}

/// A node with GPUs, and their resource.
fn gpus(node: &Value) -> Option<(String, GpuNode)> {
    let allocatable = node.pointer("/status/allocatable").and_then(Value::as_object)?;
    let mut total = 0u32;
    let mut kind = "";
    for (name, number) in allocatable.iter().filter(|(name, _)| is_gpu(name)) {
        let number: u32 = number.as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        if number > 0 {
            (total, kind) = (total.saturating_add(number), name.as_str());
        }
    }
    let text = |pointer: &str| node.pointer(pointer).and_then(Value::as_str).map(shown);
    let taints = node.pointer("/spec/taints").and_then(Value::as_array);
    let found = GpuNode {
        name: text("/metadata/name").unwrap_or_default(),
        model: text(PRODUCT).unwrap_or_else(|| kind.to_owned()),
        total,
        open: is_open(node),
        taints: taints.into_iter().flatten().filter_map(taint).collect(),
    };
    (total > 0).then(|| (kind.to_owned(), found))
}

fn is_open(node: &Value) -> bool {
    let cordoned = node.pointer("/spec/unschedulable").and_then(Value::as_bool).unwrap_or(false);
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    let ready = |one: &Value| one["type"] == "Ready" && one["status"] == "True";
    !cordoned && conditions.is_some_and(|all| all.iter().any(ready))
}

fn taint(taint: &Value) -> Option<String> {
    let part = |name: &str| taint[name].as_str().unwrap_or_default();
    let (key, value, effect) = (part("key"), part("value"), part("effect"));
    let text = if value.is_empty() { format!("{key}:{effect}") } else { format!("{key}={value}:{effect}") };
    (!key.starts_with(CONDITION)).then(|| shown(&text))
}
