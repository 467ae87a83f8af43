//! Choosing a SKU by `spec.runtimeClassName`, as users of the tenant API do (`tenant-api.md` §6).

use super::*;
use crate::sku::{LIMIT_COUNT, LIMIT_CPU, LIMIT_MEMORY};

const H100: &str = "remotegpu-nvidia-1xh100";

/// A pod without the label, asking by class.
fn by_class(class: &str) -> Value {
    let mut pod = with("any", "runtimeClassName", json!(class));
    pod["metadata"]["labels"] = json!({});
    pod
}

fn asking(resources: Value) -> Value {
    let mut pod = by_class(H100);
    pod["spec"]["containers"][0]["resources"] = resources;
    pod
}

#[test]
fn a_class_is_named_after_vendor_count_and_model() {
    let skus = skus();
    assert_eq!(skus["gpu-h100-1x"].runtime_class().as_deref(), Some(H100));
    assert_eq!(skus["cpu-shared-8g"].runtime_class(), None);
    let gpu = json!({"model": "RTX 6000 Ada", "count": 4, "memoryGiB": 48, "resource": "nvidia.com/gpu"});
    let odd = sku("x", "1", "1Gi", gpu, json!({}));
    assert_eq!(odd.runtime_class().as_deref(), Some("remotegpu-nvidia-4xrtx6000ada"));
    let limits = skus["gpu-h100-1x"].runtime_class_limits();
    assert_eq!(
        limits,
        [(LIMIT_CPU, "24"), (LIMIT_COUNT, "1"), (LIMIT_MEMORY, "192Gi")].map(|(k, v)| (k, v.to_owned())).into()
    );
}

#[test]
fn the_class_chooses_the_sku_and_is_not_left_to_the_runtime() {
    let stored = admitted(&by_class(H100));
    assert_eq!(stored["metadata"]["labels"]["remotegpu.ai/sku-code"], "gpu-h100-1x", "the first by code of two");
    assert_eq!(stored["spec"]["runtimeClassName"], Value::Null);
    assert_eq!(stored["metadata"]["annotations"]["remotegpu.ai/runtime-class"], H100, "the bill names it");
    assert_eq!(stored["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], "1");
    assert_eq!(decide(&stored).unwrap(), [], "admitted once more it stays as it is");
}

#[test]
fn a_sku_with_a_class_of_its_own_keeps_that() {
    let mut pod = by_class(H100);
    pod["metadata"]["labels"] = json!({"remotegpu.ai/sku-code": "gpu-spread"});
    assert_eq!(admitted(&pod)["spec"]["runtimeClassName"], "nvidia");
}

#[test]
fn of_several_skus_the_first_that_is_granted_counts() {
    let policy = NamespacePolicy { skus: Some(vec!["gpu-spread".into()]), ..NamespacePolicy::default() };
    let mut stored = by_class(H100);
    apply(&mut stored, &admit(&by_class(H100), &policy, &skus()).unwrap());
    assert_eq!(stored["metadata"]["labels"]["remotegpu.ai/sku-code"], "gpu-spread");
    let none = NamespacePolicy { skus: Some(vec!["cpu-shared-8g".into()]), ..NamespacePolicy::default() };
    let refused = admit(&by_class(H100), &none, &skus()).unwrap_err();
    assert_eq!(refused[0].code, "sku_granted");
}

#[test]
fn more_than_the_class_allows_is_refused_with_all_numbers() {
    for (resources, asked) in [
        (json!({"limits": {"nvidia.com/gpu": 2}}), "2 GPU"),
        (json!({"limits": {"cpu": "25"}}), "25 CPU"),
        (json!({"limits": {"cpu": "24500m"}}), "24500m CPU"),
        (json!({"requests": {"memory": "200Gi"}}), "200Gi"),
    ] {
        let sentence = sentence(&asking(resources));
        let wanted = format!("runtime class {H100} allows 1 GPU, 24 CPU, 192Gi; the pod asks for {asked}");
        assert_eq!(sentence, wanted);
    }
}

#[test]
fn two_containers_divide_what_a_class_of_two_gpus_allows() {
    let gpu = json!({"model": "H100", "count": 2, "memoryGiB": 80, "resource": "nvidia.com/gpu"});
    let skus = BTreeMap::from([("gpu-h100-2x".to_owned(), sku("gpu-h100-2x", "48", "384Gi", gpu, json!({})))]);
    let decide = |gpus_each: u32| {
        let limits = json!({"nvidia.com/gpu": gpus_each, "cpu": "24", "memory": "192Gi"});
        let container = |name: &str| json!({"name": name, "image": "nginx:1", "resources": {"limits": limits}});
        let mut pod = by_class("remotegpu-nvidia-2xh100");
        pod["spec"]["containers"] = json!([container("one"), container("two")]);
        admit(&pod, &NamespacePolicy::default(), &skus)
    };
    assert!(decide(1).is_ok());
    let refused = decide(2).unwrap_err().remove(0).message;
    let wanted = "runtime class remotegpu-nvidia-2xh100 allows 2 GPU, 48 CPU, 384Gi; the pod asks for 4 GPU";
    assert_eq!(refused, wanted);
}

#[test]
fn quantities_are_compared_as_quantities() {
    for cpu in ["24", "24000m", "24.0"] {
        assert!(decide(&asking(json!({"limits": {"cpu": cpu}}))).is_ok(), "{cpu}");
    }
}

#[test]
fn a_class_that_stands_for_no_sku_needs_the_label() {
    for class in ["kata", "remotegpu-nvidia-2xh100", "remotegpu-nvidia-1xH100"] {
        assert_eq!(codes(&by_class(class)), ["sku_label"], "{class}");
    }
    let policy = NamespacePolicy { default_sku: Some("cpu-shared-8g".into()), ..NamespacePolicy::default() };
    let refused = admit(&by_class("kata"), &policy, &skus()).unwrap_err();
    assert_eq!(refused[0].code, "runtime_class", "the default SKU does not have it");
}

#[test]
fn nobody_writes_the_class_of_the_bill_but_admission() {
    for sku in ["cpu-shared-8g", "gpu-h100-1x"] {
        let mut pod = template(sku);
        pod["metadata"]["annotations"] = json!({"remotegpu.ai/runtime-class": "remotegpu-nvidia-1xa100"});
        assert_eq!(codes(&pod), ["annotations_fixed"], "{sku}");
    }
}

#[test]
fn a_class_against_the_label_is_refused() {
    let mut pod = by_class(H100);
    pod["metadata"]["labels"] = json!({"remotegpu.ai/sku-code": "cpu-shared-8g"});
    assert_eq!(codes(&pod), ["runtime_class"]);
}
