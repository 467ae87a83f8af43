//! The name and the ceilings by which users of the tenant API pick a SKU: `spec.runtimeClassName` of a pod.
//!
//! Source: `tenant-api.md` §6. Everything comes from the SKU itself: the webhook reads nothing else (RULINGS 13).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Sku;

/// First part of every name, `<provider>-<vendor>-<count>x<model>`.
pub const RUNTIME_CLASS_PROVIDER: &str = "remotegpu";
/// What begins the annotations with the ceilings.
const LIMITS: &str = "limits.k8s.gpu/";
/// Annotation: CPU of a pod at most, summed over its containers.
pub const LIMIT_CPU: &str = "limits.k8s.gpu/cpu";
/// Annotation: memory of a pod at most.
pub const LIMIT_MEMORY: &str = "limits.k8s.gpu/memory";
/// Annotation: GPUs of a pod at most.
pub const LIMIT_COUNT: &str = "limits.k8s.gpu/default";

/// A `RuntimeClass` as far as SKUs decide it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeClassShape {
    /// Name of the handler.
    pub handler: String,
    /// The ceilings, as annotations.
    pub limits: BTreeMap<String, String>,
}

/// A `RuntimeClass` that a cluster has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRuntimeClass {
    /// What it says.
    pub shape: RuntimeClassShape,
    /// Whether whoever asks made it.
    pub ours: bool,
}

/// What brings the classes of a cluster to those that are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuntimeClassChanges {
    /// Ours that nobody wants, and ours whose handler is another one: a handler cannot be changed, only made anew.
    pub delete: Vec<String>,
    /// To be written, after the deletions.
    pub write: Vec<String>,
    /// Somebody else's under such a name: left to them.
    pub foreign: Vec<String>,
}

/// What these SKUs come to, by name: those on sale that `may` be used. Of several with one name the first by code counts,
/// as in admission.
pub fn runtime_classes(
    skus: &BTreeMap<String, Sku>,
    may: impl Fn(&Sku) -> bool,
) -> BTreeMap<String, RuntimeClassShape> {
    let mut classes = BTreeMap::new();
    for sku in skus.values().filter(|sku| !sku.spec.retired && may(sku)) {
        let (Some(name), Some(vendor)) = (sku.runtime_class(), sku.gpu_vendor()) else { continue };
        classes.entry(name).or_insert_with(|| {
            let limits = sku.runtime_class_limits().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            RuntimeClassShape { handler: vendor.to_owned(), limits }
        });
    }
    classes
}

/// What is to be done. A class of ours that is as it must be is not written again: there may be ten thousand of them.
pub fn runtime_class_changes(
    found: &BTreeMap<String, FoundRuntimeClass>,
    wanted: &BTreeMap<String, RuntimeClassShape>,
) -> RuntimeClassChanges {
    let same_handler = |name: &String, class: &FoundRuntimeClass| {
        wanted.get(name).is_some_and(|wanted| wanted.handler == class.shape.handler)
    };
    let doomed = found.iter().filter(|(name, class)| class.ours && !same_handler(name, class));
    let delete = doomed.map(|(name, _)| name.clone()).collect();
    let mut changes = RuntimeClassChanges { delete, ..RuntimeClassChanges::default() };
    for (name, shape) in wanted {
        match found.get(name) {
            Some(class) if !class.ours => changes.foreign.push(name.clone()),
            Some(class) if class.shape == *shape => {}
            _ => changes.write.push(name.clone()),
        }
    }
    changes
}

// === impl RuntimeClassShape ===

impl RuntimeClassShape {
    /// What a class of the cluster says: annotations that are no ceilings are anybody's.
    pub fn of(handler: &str, annotations: &BTreeMap<String, String>) -> Self {
        let limits = annotations.iter().filter(|(key, _)| key.starts_with(LIMITS));
        Self { handler: handler.to_owned(), limits: limits.map(|(key, value)| (key.clone(), value.clone())).collect() }
    }

    /// The class as it is written, with the label that says whose it is.
    pub fn object(&self, name: &str, label: (&str, &str)) -> Value {
        let metadata = json!({"name": name, "labels": {(label.0): label.1}, "annotations": self.limits});
        json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": metadata, "handler": self.handler})
    }
}

// === impl Sku ===

impl Sku {
    /// The runtime class that stands for this SKU, for example `remotegpu-nvidia-1xh100`; none without GPUs.
    pub fn runtime_class(&self) -> Option<String> {
        let gpu = self.spec.gpu.as_ref()?;
        Some(format!("{RUNTIME_CLASS_PROVIDER}-{}-{}x{}", self.gpu_vendor()?, gpu.count, gpu.plain_model()))
    }

    /// Who makes its GPUs, from the name of the resource: `nvidia` for `nvidia.com/gpu`.
    pub fn gpu_vendor(&self) -> Option<&str> {
        let domain = self.spec.gpu.as_ref()?.resource.split('/').next()?;
        domain.split('.').next().filter(|vendor| !vendor.is_empty())
    }

    /// The ceilings as that class carries them: quantities as the SKU writes them.
    pub fn runtime_class_limits(&self) -> BTreeMap<&'static str, String> {
        let count = self.spec.gpu.as_ref().map_or(0, |gpu| gpu.count);
        let resources = &self.spec.resources;
        BTreeMap::from([
            (LIMIT_CPU, resources.cpu.clone()),
            (LIMIT_MEMORY, resources.memory.clone()),
            (LIMIT_COUNT, count.to_string()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::NamespacePolicy;

    fn sku(code: &str, count: u32, cpu: &str) -> (String, Sku) {
        let spec = json!({
            "title": "x",
            "gpu": {"model": "H100", "count": count, "memoryGiB": 80, "resource": "nvidia.com/gpu"},
            "resources": {"cpu": cpu, "memory": "8Gi"},
            "price": {"perHour": "0.50", "currency": "EUR"},
        });
        (code.to_owned(), serde_json::from_value(json!({"code": code, "spec": spec})).unwrap())
    }

    fn shape(handler: &str, gpus: &str) -> RuntimeClassShape {
        RuntimeClassShape { handler: handler.to_owned(), limits: [(LIMIT_COUNT.to_owned(), gpus.to_owned())].into() }
    }

    fn found(handler: &str, gpus: &str, ours: bool) -> FoundRuntimeClass {
        FoundRuntimeClass { shape: shape(handler, gpus), ours }
    }

    fn named<T, const N: usize>(all: [(&str, T); N]) -> BTreeMap<String, T> {
        all.into_iter().map(|(name, one)| (name.to_owned(), one)).collect()
    }

    #[test]
    fn only_classes_of_ours_go_when_nobody_wants_them_or_their_handler_changed() {
        let wanted = named(["same", "changed", "foreign"].map(|name| (name, shape("nvidia", "1"))));
        let changes = runtime_class_changes(
            &named([
                ("same", found("nvidia", "1", true)),
                ("changed", found("amd", "1", true)),
                ("unwanted", found("nvidia", "1", true)),
                ("foreign", found("runc", "1", false)),
                ("kata", found("kata", "1", false)),
            ]),
            &wanted,
        );
        assert_eq!(changes.delete, ["changed", "unwanted"]);
        assert_eq!(changes.write, ["changed"], "made anew");
        assert_eq!(changes.foreign, ["foreign"]);
    }

    #[test]
    fn a_class_that_is_as_it_must_be_is_not_written_again() {
        let wanted = named([("same", shape("nvidia", "1"))]);
        let writes = |gpus: &str| runtime_class_changes(&named([("same", found("nvidia", gpus, true))]), &wanted).write;
        assert_eq!(writes("2"), ["same"]);
        assert!(writes("1").is_empty());
        let noted = [(LIMIT_COUNT, "1"), ("somebody.example/note", "x")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(RuntimeClassShape::of("nvidia", &noted.into()), wanted["same"], "other annotations are anybody's");
    }

    #[test]
    fn a_class_is_that_of_the_first_sku_which_may_be_used_and_goes_with_the_last() {
        let mut skus = BTreeMap::from([sku("a", 1, "8"), sku("b", 1, "16"), sku("c", 2, "32")]);
        let cpu = |skus: &BTreeMap<String, Sku>, policy: &NamespacePolicy, class: &str| {
            runtime_classes(skus, |sku| policy.allows(sku)).get(class).map(|shape| shape.limits[LIMIT_CPU].clone())
        };
        let (one, two) = ("remotegpu-nvidia-1xh100", "remotegpu-nvidia-2xh100");
        let of = |codes: &[&str]| NamespacePolicy {
            skus: Some(codes.iter().map(|code| (*code).to_owned()).collect()),
            ..NamespacePolicy::default()
        };
        assert_eq!(cpu(&skus, &NamespacePolicy::default(), one).as_deref(), Some("8"), "every SKU is granted");
        assert_eq!(cpu(&skus, &of(&["b"]), one).as_deref(), Some("16"), "as admission takes the class");
        assert_eq!(cpu(&skus, &of(&["b"]), two), None, "not granted");
        skus.get_mut("b").unwrap().spec.retired = true;
        assert_eq!(cpu(&skus, &of(&["b"]), one), None, "no longer sold");
        let object = runtime_classes(&skus, |_| true)[two].object(two, ("who", "we"));
        assert_eq!((&object["handler"], &object["metadata"]["labels"]["who"]), (&json!("nvidia"), &json!("we")));
        assert_eq!(object["metadata"]["annotations"][LIMIT_COUNT], "2");
    }
}
