//! Whether a SKU can be sold as an operator wrote it: the rules of the custom resource, said field by field.
//!
//! The API server enforces the same through the schema in `deploy/crds/skus.yaml`; here they are sentences at the field.

use super::{GPU_DEVICE, SkuGpu, SkuPlacement, SkuResources, SkuSpec};
use crate::money::{Currency, Money};
use crate::name::{check_dns_label, may_exist};
use crate::quantity::parse_milli;
use crate::{Error, FieldError, Result};

/// Most entries of each list in a placement.
const MOST_ENGINES: usize = 100;
const MOST_LABELS: usize = 20;

struct Wrong(Vec<FieldError>);

// === impl Wrong ===

impl Wrong {
    fn unless(&mut self, good: bool, field: &str, code: &str, message: &str) {
        if !good {
            self.0.push(FieldError::new(field, code, message));
        }
    }
}

impl SkuSpec {
    /// Checks the form of every field; names start with `spec.`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field at once.
    pub fn check(&self) -> Result<()> {
        let mut wrong = Wrong(Vec::new());
        let title = self.title.trim();
        let fits = (1..=100).contains(&title.chars().count()) && !title.chars().any(char::is_control);
        wrong.unless(fits, "spec.title", "length", "Title must be 1 to 100 characters on one line");
        if let Some(gpu) = &self.gpu {
            check_gpu(gpu, &mut wrong);
        }
        check_resources(&self.resources, &mut wrong);
        let currency = Currency::new(&self.price.currency);
        let message = "Currency must be three capital letters, for example EUR";
        wrong.unless(currency.is_ok(), "spec.price.currency", "iso_4217", message);
        let euro = || Currency::new("EUR");
        let price = currency.or_else(|_| euro()).and_then(|currency| Money::parse(&self.price.per_hour, currency));
        let whole = self.price.per_hour.split('.').next().unwrap_or_default();
        let good = price.is_ok() && (1..=9).contains(&whole.len());
        let message = "Write the price of an hour as a decimal with at most six places, for example 3.29";
        wrong.unless(good, "spec.price.perHour", "decimal", message);
        check_placement(&self.placement, &mut wrong);
        if wrong.0.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong.0)) }
    }
}

/// Checks the code of a new SKU: it becomes a label value, and its name in the cluster.
///
/// # Errors
/// [`Error::Invalid`] on `code`.
pub fn check_code(code: &str) -> Result<()> {
    check_dns_label("code", code)
}

fn check_gpu(gpu: &SkuGpu, wrong: &mut Wrong) {
    let model = (1..=63).contains(&gpu.model.chars().count()) && !gpu.model.chars().any(char::is_control);
    wrong.unless(model, "spec.gpu.model", "length", "Model must be 1 to 63 characters, for example H100");
    wrong.unless((1..=1024).contains(&gpu.count), "spec.gpu.count", "range", "GPUs must be 1 to 1024");
    let memory = (1..=65_536).contains(&gpu.memory_gib);
    wrong.unless(memory, "spec.gpu.memoryGiB", "range", "Memory of a GPU must be 1 to 65536 GiB");
    let message = format!("The device must be {GPU_DEVICE}: quotas count no other, and no virtual node gives one");
    wrong.unless(gpu.resource == GPU_DEVICE, "spec.gpu.resource", "format", &message);
}

fn check_resources(resources: &SkuResources, wrong: &mut Wrong) {
    let above_zero = |text: &str| text.len() <= 32 && parse_milli(text).is_ok_and(|milli| milli > 0);
    let cpu = "Write cores above zero, for example 24 or 500m";
    wrong.unless(above_zero(&resources.cpu), "spec.resources.cpu", "quantity", cpu);
    let memory = "Write memory above zero, for example 192Gi";
    wrong.unless(above_zero(&resources.memory), "spec.resources.memory", "quantity", memory);
    let storage = resources.ephemeral_storage.as_deref().is_none_or(above_zero);
    let message = "Write storage above zero, for example 100Gi, or leave it out";
    wrong.unless(storage, "spec.resources.ephemeral-storage", "quantity", message);
}

fn check_placement(placement: &SkuPlacement, wrong: &mut Wrong) {
    let engines = &placement.engines;
    let distinct = engines.iter().collect::<std::collections::BTreeSet<_>>().len() == engines.len();
    let named = engines.iter().all(|engine| is_label_value(engine) && !engine.is_empty());
    let message = "Name each engine once, as its nodes are labelled";
    wrong.unless(distinct && named && engines.len() <= MOST_ENGINES, "spec.placement.engines", "format", message);
    let labels = placement.node_selector.iter().all(|(key, value)| is_label_key(key) && is_label_value(value));
    let few = placement.node_selector.len() <= MOST_LABELS;
    let message = "Write node labels as key=value, one a line";
    wrong.unless(labels && few, "spec.placement.nodeSelector", "format", message);
    let field = "spec.placement.tolerations";
    let good = placement.tolerations.len() <= MOST_LABELS && placement.tolerations.iter().all(is_toleration);
    let message = "Write each toleration as the key of its taint, with a value or an effect where it needs one";
    wrong.unless(good, field, "format", message);
    for (field, name) in [
        ("spec.placement.runtimeClassName", &placement.runtime_class_name),
        ("spec.placement.priorityClassName", &placement.priority_class_name),
    ] {
        wrong.unless(name.is_empty() || may_exist(name), field, "format", "Name a class of the cluster, or none");
    }
}

/// One that names its taint; a toleration of every taint would let pods onto nodes that nobody sells.
fn is_toleration(toleration: &serde_json::Value) -> bool {
    let Some(members) = toleration.as_object() else { return false };
    let text = |name: &str| members.get(name).map_or(Some(""), serde_json::Value::as_str);
    let known = ["key", "operator", "value", "effect", "tolerationSeconds"];
    let (Some(key), Some(operator), Some(value), Some(effect)) =
        (text("key"), text("operator"), text("value"), text("effect"))
    else {
        return false;
    };
    members.keys().all(|name| known.contains(&name.as_str()))
        && members.get("tolerationSeconds").is_none_or(|seconds| seconds.is_null() || seconds.is_i64())
        && is_label_key(key)
        && matches!(operator, "" | "Equal" | "Exists")
        && (operator != "Exists" || value.is_empty())
        && is_label_value(value)
        && matches!(effect, "" | "NoSchedule" | "PreferNoSchedule" | "NoExecute")
}

fn is_label_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(may_exist) && !name.is_empty() && is_label_value(name)
}

fn is_label_value(value: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let ends = |c: char| c.is_ascii_alphanumeric();
    value.is_empty()
        || (value.len() <= 63 && value.chars().all(legal) && value.starts_with(ends) && value.ends_with(ends))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn good() -> Value {
        json!({
            "title": "1 × H100 80 GB",
            "gpu": {"model": "H100", "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"},
            "resources": {"cpu": "24", "memory": "192Gi", "ephemeral-storage": "100Gi"},
            "price": {"perHour": "3.290000", "currency": "EUR"},
            "placement": {"engines": ["simulated"], "nodeSelector": {"remotegpu.ai/gpu-model": "H100"},
                "tolerations": [{"key": "reserved", "operator": "Exists"}, {"key": "a/b", "value": "c", "effect": "NoSchedule"}]},
        })
    }

    fn check(spec: Value) -> Result<()> {
        serde_json::from_value::<SkuSpec>(spec).unwrap().check()
    }

    #[test]
    fn each_wrong_field_is_named_with_what_to_write() {
        check(good()).unwrap();
        for (pointer, value) in [
            ("/title", json!(" ")),
            ("/gpu/model", json!("")),
            ("/gpu/count", json!(0)),
            ("/gpu/memoryGiB", json!(0)),
            ("/gpu/resource", json!("gpu")),
            ("/gpu/resource", json!("amd.com/gpu")),
            ("/resources/cpu", json!("0")),
            ("/resources/memory", json!("many")),
            ("/resources/ephemeral-storage", json!("-1Gi")),
            ("/price/perHour", json!("3.1234567")),
            ("/price/perHour", json!("1000000000")),
            ("/price/perHour", json!("-1")),
            ("/price/currency", json!("eur")),
            ("/placement/engines", json!(["a", "a"])),
            ("/placement/engines", json!(["a b"])),
            ("/placement/nodeSelector", json!({"a b": "c"})),
            ("/placement/tolerations", json!([{"operator": "Exists"}])),
            ("/placement/tolerations", json!([{"key": "a", "operator": "Exists", "value": "b"}])),
            ("/placement/tolerations", json!([{"key": "a", "effect": "Never"}])),
            ("/placement/tolerations", json!(["a"])),
            ("/placement/tolerations", json!([{"key": "a", "tolerationSeconds": "long"}])),
            ("/placement/runtimeClassName", json!("No Class")),
        ] {
            let mut spec = good();
            match spec.pointer_mut(pointer) {
                Some(member) => *member = value.clone(),
                None => spec["placement"]["runtimeClassName"] = value.clone(),
            }
            let Err(Error::Invalid(errors)) = check(spec) else { panic!("{pointer} {value} was taken") };
            let field = format!("spec{}", pointer.replace('/', "."));
            assert_eq!(errors.iter().map(|e| e.field.as_str()).collect::<Vec<_>>(), [field], "{value}");
        }
    }

    #[test]
    fn a_code_is_a_label() {
        assert!(check_code("gpu-h100-1x").is_ok());
        for bad in ["", "GPU", "a.b", "a_b"] {
            assert!(check_code(bad).is_err(), "{bad}");
        }
    }
}
