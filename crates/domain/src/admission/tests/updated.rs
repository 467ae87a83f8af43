use super::*;

fn pod() -> Value {
    admitted(&template("gpu-h100-1x"))
}

fn changed(pointer: &str, value: Value) -> Value {
    let mut pod = pod();
    *pod.pointer_mut(pointer).unwrap() = value;
    pod
}

#[test]
fn label_and_annotations_are_frozen() {
    for pointer in [
        "/metadata/labels/remotegpu.ai~1sku-code",
        "/metadata/annotations/remotegpu.ai~1sku-version",
        "/metadata/annotations/remotegpu.ai~1price-per-hour",
        "/metadata/annotations/remotegpu.ai~1runtime-class",
    ] {
        for value in [json!("other"), Value::Null] {
            let refusals = check_unchanged(&pod(), &changed(pointer, value)).unwrap_err();
            assert_eq!(refusals[0].code, "immutable");
        }
    }
    assert!(check_unchanged(&pod(), &changed("/metadata/labels/app", json!("other"))).is_ok());
    assert!(check_unchanged(&json!({"metadata": {"labels": null}}), &json!({})).is_ok());
}

#[test]
fn ephemeral_containers_hold_nothing_of_their_own() {
    let debug = |extra: Value| {
        let mut new = pod();
        let mut container = json!({"name": "d", "image": "busybox", "targetContainerName": "app"});
        container.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        new["spec"]["ephemeralContainers"] = json!([container]);
        check_unchanged(&pod(), &new)
    };
    assert!(debug(json!({"resources": {}})).is_ok());
    assert_eq!(debug(json!({"resources": {"limits": {"nvidia.com/gpu": "1"}}})).unwrap_err()[0].code, "gpu_in_init");
    assert_eq!(debug(json!({"securityContext": {"privileged": true}})).unwrap_err()[0].code, "pod_security");
}

#[test]
fn images_and_deadlines_may_change_even_when_the_sku_is_gone() {
    assert!(check_update(&pod(), &changed("/spec/containers/0/image", json!("nginx:2"))).is_ok());
    let mut new = pod();
    new["spec"]["activeDeadlineSeconds"] = json!(60);
    new["metadata"]["finalizers"] = json!([]);
    assert!(check_update(&pod(), &new).is_ok());
}

#[test]
fn whatever_decides_place_or_price_cannot_change() {
    for (pointer, value) in [
        ("/spec/nodeSelector", json!({"remotegpu.ai/engine": "local"})),
        ("/spec/containers/0/resources/limits/cpu", json!("48")),
        ("/spec/tolerations", json!([{"operator": "Exists"}])),
        ("/spec/nodeSelector", Value::Null),
    ] {
        assert!(check_update(&pod(), &changed(pointer, value)).is_err(), "{pointer}");
    }
    let mut new = pod();
    let more = json!({"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"});
    new["spec"]["tolerations"].as_array_mut().unwrap().push(more);
    assert!(check_update(&pod(), &new).is_ok());
    new["spec"]["nodeName"] = json!("other");
    assert!(check_update(&pod(), &new).is_err());
}

#[test]
fn templates_are_found_in_every_kind_that_makes_pods() {
    let template = json!({"spec": {"containers": []}});
    for kind in ["Deployment", "StatefulSet", "ReplicaSet", "DaemonSet", "Job"] {
        assert_eq!(workload_template(kind, &json!({"spec": {"template": template}})), Some(&template));
    }
    let cron = json!({"spec": {"jobTemplate": {"spec": {"template": template}}}});
    assert_eq!(workload_template("CronJob", &cron), Some(&template));
    assert_eq!(workload_template("Deployment", &json!({"spec": {}})), None);
    assert_eq!(workload_template("Pod", &json!({"spec": {"template": template}})), None);
}
