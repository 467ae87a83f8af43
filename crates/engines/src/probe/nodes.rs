//! GPUs of a cluster, counted on its nodes, or as somebody typed them where nodes may not be read (RULINGS 29).

use std::collections::BTreeMap;

use domain::engine::report::{EngineCapacity, GpuCapacity};
use domain::engine::settings::OnPremise;
use domain::engine_manifest::EngineFeature;
use serde_json::Value;

use super::http::Api;
use super::pages::{self, Unread};
use super::{Look, shown};

/// A node's list of images alone takes tens of kilobytes.
const PAGE: &str = "/api/v1/nodes?limit=20";
const PRODUCT: &str = "/metadata/labels/nvidia.com~1gpu.product";

pub(super) async fn find(api: &Api, at: &OnPremise, look: &mut Look) {
    let typed = || at.gpus.iter().map(|gpu| GpuCapacity { model: gpu.model.clone(), total: gpu.count, free: None });
    if !at.features.contains(&EngineFeature::GpuDiscovery) {
        look.facts.capacity = Some(EngineCapacity { nodes: 0, gpus: typed().collect() });
        return look.skip("gpu", "GPU discovery is not asked for");
    }
    // Each node with model and number of its GPUs.
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
    let mut models: BTreeMap<String, u32> = BTreeMap::new();
    for (model, gpus) in nodes.into_iter().flatten() {
        let sum = models.entry(model).or_default();
        *sum = sum.saturating_add(gpus);
    }
    let gpus: Vec<GpuCapacity> =
        models.into_iter().map(|(model, total)| GpuCapacity { model, total, free: None }).collect();
    match gpus.iter().map(|gpu| format!("{} × {}", gpu.total, gpu.model)).collect::<Vec<_>>() {
        none if none.is_empty() => look.warn("gpu", format!("No GPU found on {count} nodes (device plugin missing?)")),
        found => look.pass("gpu", found.join(", ")),
    }
    let nodes = u32::try_from(count).unwrap_or(u32::MAX);
    let gpus = if gpus.is_empty() { typed().collect() } else { gpus };
    look.facts.capacity = Some(EngineCapacity { nodes, gpus });
}

fn gpus(node: &Value) -> Option<(String, u32)> {
    let allocatable = node.pointer("/status/allocatable").and_then(Value::as_object)?;
    let counted = allocatable
        .iter()
        .filter(|(name, _)| *name == "nvidia.com/gpu" || *name == "amd.com/gpu" || name.starts_with("nvidia.com/mig-"));
    let mut total = 0u32;
    let mut kind = "";
    for (name, number) in counted {
        let number: u32 = number.as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        if number > 0 {
            (total, kind) = (total.saturating_add(number), name.as_str());
        }
    }
    let product = node.pointer(PRODUCT).and_then(Value::as_str).map(shown);
    (total > 0).then(|| (product.unwrap_or_else(|| kind.to_owned()), total))
}
