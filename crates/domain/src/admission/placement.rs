//! Where a pod may run: node selector, required affinity and classes from the SKU.
//!
//! Tenants may narrow within the SKU (GPU label, architecture), never widen or point elsewhere.

mod affinity;

use serde_json::Value;

use super::patch::Draft;
use super::{Refusal, tolerations};
use crate::capacity::ENGINE_LABEL;
use crate::sku::Sku;

/// Labels by which clients such as SkyPilot name a GPU model; they only narrow (`skypilot.md` §5).
pub(super) const GPU_LABELS: &[&str] = &[
    "remotegpu.ai/gpu-model",
    "nvidia.com/gpu.product",
    "skypilot.co/accelerator",
    "cloud.google.com/gke-accelerator",
    "karpenter.k8s.aws/instance-gpu-name",
    "gpu.nvidia.com/class",
    "nebius.com/gpu-name",
];

/// Everything of the spec that decides on which node the pod of an account runs, and how.
pub(super) fn fill(draft: &mut Draft, sku: &Sku, account: &str, refusals: &mut Vec<Refusal>) {
    fill_selector(draft, sku, refusals);
    affinity::fill(draft, sku, refusals);
    tolerations::fill(draft, sku, account, refusals);
    fill_runtime_class(draft, sku, refusals);
    fill_priority(draft, sku, refusals);
}

fn fill_selector(draft: &mut Draft, sku: &Sku, refusals: &mut Vec<Refusal>) {
    let own = draft.get(&["spec", "nodeSelector"]).and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, value) in &own {
        if !value.as_str().is_some_and(|value| agrees(sku, key, value)) {
            let message = format!("SKU {} decides where this pod runs: remove {key} from spec.nodeSelector", sku.code);
            refusals.push(Refusal::new("placement", format!("spec.nodeSelector[{key}]"), message));
        }
    }
    for (key, value) in selector(sku) {
        if !own.contains_key(key) {
            draft.set(&["spec", "nodeSelector", key], Value::from(value));
        }
    }
}

/// The node labels that a pod of this SKU requires; several engines become an affinity instead.
fn selector(sku: &Sku) -> impl Iterator<Item = (&str, &str)> {
    let placement = &sku.spec.placement;
    let engine = (placement.engines.len() == 1).then(|| (ENGINE_LABEL, placement.engines[0].as_str()));
    let labels = placement.node_selector.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    labels.filter(move |(key, _)| engine.is_none() || *key != ENGINE_LABEL).chain(engine)
}

/// Whether requiring this node label stays within the SKU.
fn agrees(sku: &Sku, key: &str, value: &str) -> bool {
    if let Some((_, wanted)) = selector(sku).find(|(name, _)| *name == key) {
        return wanted == value;
    }
    match key {
        ENGINE_LABEL => sku.spec.placement.engines.iter().any(|engine| engine == value),
        "kubernetes.io/os" => value == "linux",
        "kubernetes.io/arch" => true,
        "type" => value == "virtual-kubelet",
        _ => sku.spec.gpu.is_some() && GPU_LABELS.contains(&key),
    }
}

fn fill_runtime_class(draft: &mut Draft, sku: &Sku, refusals: &mut Vec<Refusal>) {
    let wanted = sku.spec.placement.runtime_class_name.as_str();
    // A class that only names the SKU has done its work. What runs the pod is decided by the SKU.
    let path = ["spec", "runtimeClassName"];
    let only_names_the_sku = sku.runtime_class().is_some_and(|class| class == draft.text(&path) && class != wanted);
    match (only_names_the_sku, wanted) {
        (true, "") => draft.set(&path, Value::Null),
        (true, wanted) => draft.set(&path, Value::from(wanted)),
        (false, wanted) => fill_class(draft, "runtimeClassName", wanted, ("runtime_class", sku), refusals),
    }
    // With a class the plugin RuntimeClass sets and checks the overhead.
    if wanted.is_empty() && draft.get(&["spec", "overhead"]).is_some_and(|value| !super::spec::is_empty(value)) {
        let message = "spec.overhead belongs to a runtime class: remove it";
        refusals.push(Refusal::new("runtime_class", "spec.overhead", message));
    }
}

/// The class that the operator named; else the one by which quotas count GPUs, as soon as the SKU's status says that it
/// is there. A pod may bring that one itself: what one replica of the webhook wrote is not refused by another that has
/// not read the status yet.
fn priority_class(sku: &Sku, own: &str) -> String {
    let there = |class: &String| sku.status.priority_class.as_ref() == Some(class) || class == own;
    sku.spec.counting_class().filter(there).unwrap_or_else(|| sku.spec.placement.priority_class_name.clone())
}

/// The plugin Priority ran before us and computed `priority` and `preemptionPolicy` from the class it saw. When we set
/// the class these are cleared, and the plugin, which runs again after a change, computes them anew.
fn fill_priority(draft: &mut Draft, sku: &Sku, refusals: &mut Vec<Refusal>) {
    let wanted = priority_class(sku, draft.text(&["spec", "priorityClassName"]));
    let wanted = wanted.as_str();
    let unset = draft.text(&["spec", "priorityClassName"]).is_empty();
    if unset {
        let priority = draft.get(&["spec", "priority"]).is_some_and(|value| value.as_i64() != Some(0));
        let policy = draft.text(&["spec", "preemptionPolicy"]);
        for (foreign, key) in
            [(priority, "priority"), (!matches!(policy, "" | "PreemptLowerPriority"), "preemptionPolicy")]
        {
            if foreign {
                let message = format!("spec.{key} is set by SKU {}: remove it", sku.code);
                refusals.push(Refusal::new("priority", format!("spec.{key}"), message));
            }
        }
    }
    fill_class(draft, "priorityClassName", wanted, ("priority", sku), refusals);
    for path in [["spec", "priority"], ["spec", "preemptionPolicy"]] {
        if unset && !wanted.is_empty() && draft.get(&path).is_some() {
            draft.set(&path, Value::Null);
        }
    }
}

fn fill_class(draft: &mut Draft, key: &str, wanted: &str, (code, sku): (&str, &Sku), refusals: &mut Vec<Refusal>) {
    let path = ["spec", key];
    match draft.text(&path) {
        "" if wanted.is_empty() => {}
        "" => draft.set(&path, Value::from(wanted)),
        own if own == wanted => {}
        own => {
            let message = format!("spec.{key} \"{own}\" is not that of SKU {}: remove it", sku.code);
            refusals.push(Refusal::new(code, format!("spec.{key}"), message));
        }
    }
}
