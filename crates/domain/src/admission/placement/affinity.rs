//! Affinity: the engines of the SKU as a required node affinity, own preferences within bounds.
//!
//! Required pod (anti-)affinity is refused: seen from other namespaces it keeps strangers off a node.

use serde_json::{Map, Value, json};

use super::super::patch::Draft;
use super::super::spec::{TOPOLOGY_KEYS, is_empty, items};
use super::{ENGINE_LABEL, GPU_LABELS, Refusal, agrees};
use crate::sku::Sku;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const NODE_PATH: [&str; 4] = ["spec", "affinity", "nodeAffinity", REQUIRED];

/// Checks the pod's own affinity and adds the engines of a SKU that has several.
pub(super) fn fill(draft: &mut Draft, sku: &Sku, refusals: &mut Vec<Refusal>) {
    let own = draft.get(&["spec", "affinity"]).and_then(Value::as_object).cloned().unwrap_or_default();
    let before = refusals.len();
    for (kind, affinity) in own.iter().filter(|(_, affinity)| !is_empty(affinity)) {
        match kind.as_str() {
            "nodeAffinity" => check_node(affinity, sku, refusals),
            "podAffinity" | "podAntiAffinity" => check_pod(kind, affinity, refusals),
            _ => refuse(&format!("spec.affinity.{kind}"), "is not known here: remove it", refusals),
        }
    }
    if refusals.len() == before && sku.spec.placement.engines.len() > 1 {
        add_engines(draft, sku);
    }
}

fn add_engines(draft: &mut Draft, sku: &Sku) {
    let engines = json!({"key": ENGINE_LABEL, "operator": "In", "values": sku.spec.placement.engines});
    let terms = items(draft.get(&NODE_PATH).and_then(|required| required.get("nodeSelectorTerms")));
    let named: Vec<bool> = terms.map(|term| expressions(term).any(|e| key(e) == ENGINE_LABEL)).collect();
    if named.is_empty() {
        draft.set(&NODE_PATH, json!({"nodeSelectorTerms": [{"matchExpressions": [engines]}]}));
    }
    // Terms are alternatives: each of them must name the engines.
    for (index, _) in named.iter().enumerate().filter(|(_, named)| !**named) {
        let index = index.to_string();
        let [spec, affinity, node, required] = NODE_PATH;
        let path = [spec, affinity, node, required, "nodeSelectorTerms", &index, "matchExpressions"];
        draft.append(&path, engines.clone());
    }
}

fn check_node(affinity: &Value, sku: &Sku, refusals: &mut Vec<Refusal>) {
    for term in items(affinity.pointer(&format!("/{REQUIRED}/nodeSelectorTerms"))) {
        if term.get("matchFields").is_some_and(|fields| !is_empty(fields)) {
            refuse("spec.affinity.nodeAffinity", "may not name a node: remove matchFields", refusals);
        }
        for expression in expressions(term).filter(|expression| !narrows(expression, sku)) {
            let what = format!("may not require {}: SKU {} decides where this pod runs", key(expression), sku.code);
            refuse("spec.affinity.nodeAffinity", &what, refusals);
        }
    }
}

/// `In` with values of the SKU, or any condition on a label that only tells GPUs apart.
fn narrows(expression: &Value, sku: &Sku) -> bool {
    let key = key(expression);
    if sku.spec.gpu.is_some() && GPU_LABELS.contains(&key) && !sku.spec.placement.node_selector.contains_key(key) {
        return true;
    }
    let mut values = items(expression.get("values")).peekable();
    expression.get("operator").is_some_and(|operator| operator == "In")
        && values.peek().is_some()
        && values.all(|value| value.as_str().is_some_and(|value| agrees(sku, key, value)))
}

fn check_pod(kind: &str, affinity: &Value, refusals: &mut Vec<Refusal>) {
    let field = format!("spec.affinity.{kind}");
    if affinity.get(REQUIRED).is_some_and(|terms| !is_empty(terms)) {
        refuse(&field, "may only be preferred: use preferredDuringSchedulingIgnoredDuringExecution", refusals);
    }
    let none = Map::new();
    for term in items(affinity.get(PREFERRED)) {
        let term = term.get("podAffinityTerm").and_then(Value::as_object).unwrap_or(&none);
        // An empty selector is not absent: it means every namespace.
        let foreign = term.get("namespaceSelector").is_some_and(|value| !value.is_null());
        if foreign || term.get("namespaces").is_some_and(|names| !is_empty(names)) {
            refuse(&field, "may not look at other namespaces: remove namespaces and namespaceSelector", refusals);
        }
        let topology = term.get("topologyKey").and_then(Value::as_str).unwrap_or_default();
        if !TOPOLOGY_KEYS.contains(&topology) {
            refuse(
                &field,
                &format!("has topology key \"{topology}\"; use one of {}", TOPOLOGY_KEYS.join(", ")),
                refusals,
            );
        }
    }
}

fn expressions(term: &Value) -> impl Iterator<Item = &Value> {
    items(term.get("matchExpressions"))
}

fn key(expression: &Value) -> &str {
    expression.get("key").and_then(Value::as_str).unwrap_or_default()
}

fn refuse(field: &str, what: &str, refusals: &mut Vec<Refusal>) {
    refusals.push(Refusal::new("placement", field, format!("{field} {what}")));
}
