//! The rule seen from outside: builders here, one file per family of behaviours.

mod checked;
mod classes;
mod counted;
mod denied;
mod inferred;
mod laws;
mod ordered;
mod placed;
mod priced;
mod sized;
mod updated;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

/// `cpu-shared-8g`, `gpu-h100-1x`, `gpu-spread` (two engines, classes) and the retired `gpu-old`.
fn skus() -> BTreeMap<String, Sku> {
    let h100 = json!({"model": "H100", "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"});
    let spread = json!({"engines": ["east", "west"], "nodeSelector": {"tier": "gold"}, "runtimeClassName": "nvidia",
        "priorityClassName": "paid", "tolerations": [{"key": "reserved", "operator": "Exists"}]});
    [
        sku("cpu-shared-8g", "2", "8Gi", Value::Null, json!({"engines": ["local"]})),
        sku("gpu-h100-1x", "24", "192Gi", h100.clone(), json!({"engines": ["simulated"]})),
        sku("gpu-spread", "24", "192Gi", h100, spread),
        retired(sku("gpu-old", "1", "1Gi", Value::Null, json!({}))),
    ]
    .into_iter()
    .map(|sku| (sku.code.clone(), sku))
    .collect()
}

fn retired(mut sku: Sku) -> Sku {
    sku.spec.retired = true;
    sku
}

fn sku(code: &str, cpu: &str, memory: &str, gpu: Value, placement: Value) -> Sku {
    let mut spec = json!({
        "title": code,
        "resources": {"cpu": cpu, "memory": memory, "ephemeral-storage": "20Gi"},
        "price": {"perHour": "3.290000", "currency": "EUR"},
        "placement": placement,
    });
    if !gpu.is_null() {
        spec["gpu"] = gpu;
    }
    let spec = serde_json::from_value(spec).unwrap();
    Sku { code: code.to_owned(), version: "7".to_owned(), spec, status: Default::default() }
}

/// The seed's template: a label and one container.
fn template(code: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "demo", "remotegpu.ai/sku-code": code}},
        "spec": {"containers": [{"name": "app", "image": "nginx:1.27-alpine"}]},
    })
}

/// A template with `value` at `pointer` (parents exist or are objects of the spec).
fn with(code: &str, key: &str, value: Value) -> Value {
    let mut pod = template(code);
    pod["spec"][key] = value;
    pod
}

/// With these tolerations a pod stays while its engine is away.
fn outages() -> [Value; 2] {
    ["not-ready", "unreachable"]
        .map(|key| json!({"key": format!("node.kubernetes.io/{key}"), "operator": "Exists", "effect": "NoExecute"}))
}

fn decide(pod: &Value) -> Result<Vec<Injection>, Vec<Refusal>> {
    admit(pod, &NamespacePolicy::default(), &skus())
}

/// The pod as it would be stored.
fn admitted(pod: &Value) -> Value {
    let mut stored = pod.clone();
    apply(&mut stored, &decide(pod).unwrap());
    stored
}

/// The codes of a refusal.
fn codes(pod: &Value) -> Vec<String> {
    decide(pod).unwrap_err().into_iter().map(|refusal| refusal.code).collect()
}

/// The first sentence of a refusal.
fn sentence(pod: &Value) -> String {
    decide(pod).unwrap_err().remove(0).message
}
