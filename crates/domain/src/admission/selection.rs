//! Which SKU a pod asks for, and what is frozen into the pod about it.
//!
//! The sentences list what would work here, because a tenant reads them in the output of `kubectl apply`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::patch::Draft;
use super::{ANNOTATION_PRICE, ANNOTATION_RUNTIME_CLASS, ANNOTATION_SKU_VERSION, NamespacePolicy, Refusal, inference};
use crate::sku::{SKU_LABEL, Sku};

const LABEL_FIELD: &str = "metadata.labels[remotegpu.ai/sku-code]";
// A sentence for people: with thousands of SKUs the rest is a number.
const CODES_SHOWN: usize = 20;

/// The code of the label, else of the runtime class's SKU (`tenant-api.md` §6), else of the one that SkyPilot's request
/// means, else of the namespace's default; whether there is such a SKU, and whether it may be used, is not asked.
pub(super) fn code<'a>(
    pod: &'a Value,
    policy: &'a NamespacePolicy,
    skus: &'a BTreeMap<String, Sku>,
) -> Option<&'a str> {
    let label = pod.pointer("/metadata/labels").and_then(|labels| labels.get(SKU_LABEL)).filter(|v| !v.is_null());
    match label {
        Some(value) => value.as_str().filter(|text| !text.is_empty()),
        None => by_class(pod, policy, skus)
            .map(|sku| sku.code.as_str())
            .or_else(|| inference::code(pod, policy, skus))
            .or(policy.default_sku.as_deref()),
    }
}

/// The SKU that a pod asks for, if it may be used here.
pub(super) fn select<'a>(
    pod: &Value,
    policy: &NamespacePolicy,
    skus: &'a BTreeMap<String, Sku>,
) -> Result<&'a Sku, Refusal> {
    let refuse = |code: &str, sentence: String| {
        Refusal::new(code, LABEL_FIELD, format!("{sentence}; usable here: {}", usable(policy, skus)))
    };
    let code = code(pod, policy, skus);
    let code = code.ok_or_else(|| refuse("sku_label", format!("Pod template needs the label {SKU_LABEL}")))?;
    let sku = skus.get(code).ok_or_else(|| refuse("sku_known", format!("SKU \"{code}\" does not exist")))?;
    if !policy.allows(sku) {
        return Err(refuse("sku_granted", format!("SKU \"{code}\" is not granted in this namespace")));
    }
    if sku.spec.retired {
        return Err(refuse("sku_retired", format!("SKU \"{code}\" is no longer sold")));
    }
    Ok(sku)
}

/// The runtime class by which a pod asks for this SKU, if it does.
pub(super) fn class<'a>(pod: &'a Value, sku: &Sku) -> Option<&'a str> {
    asked_class(pod).filter(|class| sku.runtime_class().as_deref() == Some(*class))
}

/// The SKU that a pod's runtime class stands for: of several with as many GPUs of a model the first by code that may be
/// used here. One that may not is found too, so that the refusal names it.
fn by_class<'a>(pod: &Value, policy: &NamespacePolicy, skus: &'a BTreeMap<String, Sku>) -> Option<&'a Sku> {
    let class = asked_class(pod)?;
    let meant = || skus.values().filter(|sku| sku.runtime_class().as_deref() == Some(class));
    meant().find(|sku| !sku.spec.retired && policy.allows(sku)).or_else(|| meant().next())
}

fn asked_class(pod: &Value) -> Option<&str> {
    pod.pointer("/spec/runtimeClassName").and_then(Value::as_str).filter(|class| !class.is_empty())
}

/// Label (where the default was taken) and the frozen annotations.
pub(super) fn fill(draft: &mut Draft, sku: &Sku, refusals: &mut Vec<Refusal>) {
    draft.set(&["metadata", "labels", SKU_LABEL], Value::from(sku.code.as_str()));
    let Ok(price) = sku.price() else {
        let message = format!("SKU {} has no legal price: tell the operator", sku.code);
        refusals.push(Refusal::new("sku_broken", LABEL_FIELD, message));
        return;
    };
    let price = price.with_currency();
    let class = sku.runtime_class();
    let frozen = [
        (ANNOTATION_SKU_VERSION, Some(sku.version.as_str())),
        (ANNOTATION_PRICE, Some(price.as_str())),
        (ANNOTATION_RUNTIME_CLASS, class.as_deref()),
    ];
    for (key, value) in frozen {
        let path = ["metadata", "annotations", key];
        if draft.get(&path).is_some_and(|present| value.is_none_or(|value| present != value)) {
            let message = format!("Annotation {key} is set by admission: remove it");
            refusals.push(Refusal::new("annotations_fixed", format!("metadata.annotations[{key}]"), message));
        } else if let Some(value) = value {
            draft.set(&path, Value::from(value));
        }
    }
}

fn usable(policy: &NamespacePolicy, skus: &BTreeMap<String, Sku>) -> String {
    let mut codes = skus.values().filter(|sku| !sku.spec.retired && policy.allows(sku)).map(|s| s.code.as_str());
    let shown: Vec<&str> = codes.by_ref().take(CODES_SHOWN).collect();
    match (shown.is_empty(), codes.count()) {
        (true, _) => "none".to_owned(),
        (false, 0) => shown.join(", "),
        (false, more) => format!("{} and {more} more", shown.join(", ")),
    }
}
