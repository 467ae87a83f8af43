use super::*;

#[test]
fn the_seeds_cpu_example_gets_exactly_its_sku() {
    let stored = admitted(&template("cpu-shared-8g"));
    let all = json!({"cpu": "2", "memory": "8Gi", "ephemeral-storage": "20Gi"});
    assert_eq!(stored["spec"]["containers"][0]["resources"], json!({"limits": all, "requests": all}));
    assert_eq!(stored["spec"]["nodeSelector"], json!({"remotegpu.ai/engine": "local"}));
    let [not_ready, unreachable] = outages();
    let provider = json!({"key": "virtual-kubelet.io/provider", "operator": "Exists", "effect": "NoSchedule"});
    assert_eq!(stored["spec"]["tolerations"], json!([provider, not_ready, unreachable]));
    assert_eq!(stored["spec"]["automountServiceAccountToken"], json!(false));
    let annotations = json!({"remotegpu.ai/sku-version": "7", "remotegpu.ai/price-per-hour": "3.29 EUR"});
    assert_eq!(stored["metadata"]["annotations"], annotations);
    assert_eq!(stored["spec"]["containers"][0]["image"], "nginx:1.27-alpine");
}

#[test]
fn the_seeds_gpu_example_gets_its_gpu() {
    let stored = admitted(&template("gpu-h100-1x"));
    assert_eq!(stored["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], "1");
    assert_eq!(stored["spec"]["containers"][0]["resources"]["requests"]["nvidia.com/gpu"], "1");
    let gpu = json!({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"});
    assert_eq!(stored["spec"]["tolerations"][0], gpu);
}

#[test]
fn a_missing_label_is_refused_with_the_label_and_the_codes() {
    let mut pod = template("x");
    pod["metadata"]["labels"] = json!({"app": "demo"});
    let text =
        "Pod template needs the label remotegpu.ai/sku-code; usable here: cpu-shared-8g, gpu-h100-1x, gpu-spread";
    assert_eq!(sentence(&pod), text);
    pod["metadata"] = Value::Null;
    assert_eq!(codes(&pod), ["sku_label"]);
    pod["metadata"] = json!({"labels": {"remotegpu.ai/sku-code": ""}});
    assert_eq!(codes(&pod), ["sku_label"]);
}

#[test]
fn an_unknown_retired_or_foreign_sku_is_refused_with_the_codes() {
    assert_eq!(
        sentence(&template("gpu-x")),
        "SKU \"gpu-x\" does not exist; usable here: cpu-shared-8g, gpu-h100-1x, gpu-spread"
    );
    assert_eq!(codes(&template("gpu-old")), ["sku_retired"]);
    let policy = NamespacePolicy { skus: Some(vec!["cpu-shared-8g".to_owned()]), ..Default::default() };
    let refusals = admit(&template("gpu-h100-1x"), &policy, &skus()).unwrap_err();
    assert_eq!(refusals[0].code, "sku_granted");
    assert!(refusals[0].message.ends_with("usable here: cpu-shared-8g"), "{}", refusals[0].message);
}

#[test]
fn a_catalogue_of_thousands_does_not_make_a_page_of_a_sentence() {
    let many = (0..1000).map(|i| sku(&format!("s{i:04}"), "1", "1Gi", Value::Null, json!({})));
    let many = many.map(|sku| (sku.code.clone(), sku)).collect();
    let refusals = admit(&template("x"), &NamespacePolicy::default(), &many).unwrap_err();
    assert!(refusals[0].message.ends_with("s0019 and 980 more"), "{}", refusals[0].message);
}

#[test]
fn the_default_sku_of_the_namespace_puts_the_label_on() {
    let policy = NamespacePolicy { default_sku: Some("cpu-shared-8g".to_owned()), ..Default::default() };
    let mut pod = json!({"spec": {"containers": [{"name": "app"}]}});
    let injections = admit(&pod, &policy, &skus()).unwrap();
    apply(&mut pod, &injections);
    assert_eq!(pod["metadata"]["labels"], json!({"remotegpu.ai/sku-code": "cpu-shared-8g"}));
    assert_eq!(admit(&pod, &policy, &skus()).unwrap(), []);
}

#[test]
fn a_foreign_price_annotation_is_refused_and_the_right_one_is_fine() {
    let mut pod = template("cpu-shared-8g");
    pod["metadata"]["annotations"] = json!({"remotegpu.ai/price-per-hour": "0.01 EUR"});
    assert_eq!(codes(&pod), ["annotations_fixed"]);
    pod["metadata"]["annotations"] = json!({"remotegpu.ai/price-per-hour": "3.29 EUR"});
    assert!(decide(&pod).is_ok());
}

#[test]
fn a_namespace_that_may_not_spend_gets_no_pods() {
    let policy = NamespacePolicy { spending_stopped: true, ..Default::default() };
    assert_eq!(admit(&template("cpu-shared-8g"), &policy, &skus()).unwrap_err()[0].code, "spending");
}

#[test]
fn a_broken_sku_refuses_pods_and_never_panics() {
    let mut skus = skus();
    for (cpu, price) in [("two", "1"), ("0", "1"), ("2", "-1")] {
        let broken = skus.get_mut("cpu-shared-8g").unwrap();
        broken.spec.resources.cpu = cpu.to_owned();
        broken.spec.price.per_hour = price.to_owned();
        assert!(check_sku(broken).is_err());
        let refusals = admit(&template("cpu-shared-8g"), &NamespacePolicy::default(), &skus).unwrap_err();
        assert_eq!(refusals[0].code, "sku_broken");
    }
}

#[test]
fn a_device_that_no_quota_counts_is_not_sold() {
    let mut skus = skus();
    let sku = skus.get_mut("gpu-h100-1x").unwrap();
    sku.spec.gpu.as_mut().unwrap().resource = "nvidia.com/mig-1g.10gb".to_owned();
    assert_eq!(check_sku(sku).unwrap_err(), "no quota counts nvidia.com/mig-1g.10gb");
    let refusals = admit(&template("gpu-h100-1x"), &NamespacePolicy::default(), &skus).unwrap_err();
    assert_eq!(refusals[0].code, "sku_broken");
}

#[test]
fn all_refusals_come_at_once() {
    let pod = json!({"spec": {"containers": [{"name": "app"}], "hostNetwork": true, "nodeName": "n"}});
    assert_eq!(codes(&pod), ["host_namespaces", "field_denied", "sku_label"]);
}

#[test]
fn an_object_without_containers_is_refused() {
    for pod in [json!(null), json!([]), json!({"spec": {}}), json!({"spec": {"containers": [1]}})] {
        assert_eq!(codes(&pod), ["malformed"], "{pod}");
    }
}

#[test]
fn annotations_of_a_namespace_become_its_policy() {
    let annotations = [("skus", "a, b"), ("default-sku", "a"), ("service-accounts", "sky-sa"), ("spending", "stopped")];
    let annotations = annotations.map(|(key, value)| (format!("remotegpu.ai/{key}"), value.to_owned())).into();
    let policy = NamespacePolicy::from_annotations(&annotations);
    assert!(policy.grants("b") && !policy.grants("c") && policy.spending_stopped);
    assert_eq!(policy.service_accounts, ["sky-sa"]);
    assert!(NamespacePolicy::from_annotations(&BTreeMap::new()).grants("anything"));
}
