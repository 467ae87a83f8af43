//! Which SKU a SkyPilot pod means that names none: the GPUs it asks for, their model, and room for its CPU and memory.
//!
//! SkyPilot sets labels of its own and requests per GPU; without this each task would need the SKU in its config.
//! Source: `skypilot.md` §5 and §7 (several SKUs in one namespace).

use std::collections::BTreeMap;

use serde_json::Value;

use super::NamespacePolicy;
use super::placement::GPU_LABELS;
use super::spec::items;
use crate::quantity::parse_milli;
use crate::sku::Sku;

const WHOLE: i128 = 1000;

/// The cheapest granted SKU that is exactly what a pod of SkyPilot's asks for; none for other pods, and for one without
/// GPUs where the namespace has a default.
pub(super) fn code<'a>(pod: &Value, policy: &NamespacePolicy, skus: &'a BTreeMap<String, Sku>) -> Option<&'a str> {
    let parent = pod.pointer("/metadata/labels/parent")?;
    let spec = pod.get("spec").filter(|_| parent == "skypilot")?;
    let devices = devices(spec);
    if devices.is_empty() && policy.default_sku.is_some() {
        return None;
    }
    let models = models(spec);
    let fits = |sku: &&Sku| {
        let room = |resource: &str, given: &str| parse_milli(given).is_ok_and(|given| asked(spec, resource) <= given);
        !sku.spec.retired
            && policy.allows(sku)
            && same_devices(sku, &devices, &models)
            && room("cpu", &sku.spec.resources.cpu)
            && room("memory", &sku.spec.resources.memory)
    };
    let priced = skus.values().filter(fits).filter_map(|sku| Some((sku.price().ok()?.micros, sku.code.as_str())));
    priced.min().map(|(_, code)| code)
}

fn same_devices(sku: &Sku, devices: &BTreeMap<String, i128>, models: &[&str]) -> bool {
    match &sku.spec.gpu {
        None => devices.is_empty(),
        Some(gpu) => {
            let count = i128::from(gpu.count) * WHOLE;
            let exactly = devices.len() == 1 && devices.get(&gpu.resource) == Some(&count);
            exactly && (models.is_empty() || models.iter().any(|model| is_model(model, &gpu.model)))
        }
    }
}

/// `NVIDIA-H100-80GB-HBM3` and `h100` are an `H100`; `A100` is no `A10`.
fn is_model(label: &str, model: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase).collect()
    };
    let label = words(label);
    words(model).iter().all(|word| label.contains(word))
}

/// Extended resources by name, in thousandths.
fn devices(spec: &Value) -> BTreeMap<String, i128> {
    let mut found = BTreeMap::new();
    for container in items(spec.get("containers")) {
        for side in ["limits", "requests"] {
            let resources = container.pointer(&format!("/resources/{side}")).and_then(Value::as_object);
            for name in resources.into_iter().flat_map(|map| map.keys()).filter(|name| name.contains('/')) {
                found.insert(name.clone(), asked(spec, name));
            }
        }
    }
    found.retain(|_, asked| *asked > 0);
    found
}

/// The sum over the containers, in thousandths; of request and limit the higher.
fn asked(spec: &Value, resource: &str) -> i128 {
    let of = |container: &Value, side: &str| {
        let value = container.get("resources")?.get(side)?.get(resource)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        parse_milli(&text).ok()
    };
    let highest = |container: &Value| of(container, "limits").max(of(container, "requests")).unwrap_or(0);
    items(spec.get("containers")).map(highest).sum()
}

/// GPU models that the pod requires of its node, as labels name them.
fn models(spec: &Value) -> Vec<&str> {
    let selector = spec.get("nodeSelector").and_then(Value::as_object).into_iter().flatten();
    let selected = selector.filter(|(key, _)| GPU_LABELS.contains(&key.as_str())).filter_map(|(_, v)| v.as_str());
    let required = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let expressions = items(spec.pointer(required)).flat_map(|term| items(term.get("matchExpressions")));
    let named = expressions.filter(|expression| {
        let key = expression.get("key").and_then(Value::as_str).unwrap_or_default();
        GPU_LABELS.contains(&key) && expression.get("operator").is_some_and(|operator| operator == "In")
    });
    selected.chain(named.flat_map(|named| items(named.get("values"))).filter_map(Value::as_str)).collect()
}
