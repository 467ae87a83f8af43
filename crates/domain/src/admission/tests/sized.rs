use super::*;

fn containers(code: &str, resources: &[Value]) -> Value {
    let list = resources.iter().enumerate().map(|(i, r)| json!({"name": format!("c{i}"), "resources": r}));
    with(code, "containers", list.collect())
}

fn limits(stored: &Value, index: usize) -> &Value {
    &stored["spec"]["containers"][index]["resources"]["limits"]
}

#[test]
fn explicit_values_are_kept_and_the_rest_goes_to_the_first_container_without_any() {
    let stored =
        admitted(&containers("gpu-h100-1x", &[json!({}), json!({"limits": {"cpu": "500m", "memory": "64Gi"}})]));
    assert_eq!(limits(&stored, 0)["cpu"], "23500m");
    assert_eq!(limits(&stored, 0)["memory"], "128Gi");
    assert_eq!(limits(&stored, 0)["nvidia.com/gpu"], "1");
    let kept = json!({"cpu": "500m", "memory": "64Gi"});
    assert_eq!(stored["spec"]["containers"][1]["resources"], json!({"limits": kept, "requests": kept}));
}

#[test]
fn requests_alone_become_limits_too() {
    let stored = admitted(&containers("gpu-h100-1x", &[json!({"requests": {"cpu": 4, "memory": "16G"}})]));
    assert_eq!(limits(&stored, 0)["cpu"], 4);
    assert_eq!(limits(&stored, 0)["memory"], "16G");
}

#[test]
fn more_than_the_sku_is_refused_with_both_numbers() {
    let six = json!({"limits": {"memory": "6Gi", "cpu": "1"}});
    let pod = containers("cpu-shared-8g", &[six.clone(), six]);
    assert_eq!(sentence(&pod), "Containers ask for 12Gi memory, SKU cpu-shared-8g has 8Gi");
    let pod = containers("gpu-h100-1x", &[json!({"limits": {"nvidia.com/gpu": 2}})]);
    assert_eq!(sentence(&pod), "Containers ask for 2 nvidia.com/gpu, SKU gpu-h100-1x has 1");
}

#[test]
fn resources_that_the_sku_does_not_sell_are_refused() {
    let pod = containers("cpu-shared-8g", &[json!({"limits": {"nvidia.com/gpu": "1"}})]);
    assert_eq!(sentence(&pod), "Container \"c0\" asks for 1 nvidia.com/gpu, SKU cpu-shared-8g has 0");
    for foreign in ["amd.com/gpu", "hugepages-2Mi", "nvidia.com/mig-1g.10gb"] {
        assert_eq!(codes(&containers("gpu-h100-1x", &[json!({"requests": {foreign: "1"}})])), ["resources_fit"]);
    }
    assert!(decide(&containers("cpu-shared-8g", &[json!({"limits": {"nvidia.com/gpu": "0"}})])).is_ok());
}

#[test]
fn requests_below_limits_are_refused() {
    let pod = containers("cpu-shared-8g", &[json!({"limits": {"cpu": "2"}, "requests": {"cpu": "1m"}})]);
    assert_eq!(codes(&pod), ["resources_equal"]);
    let same = containers("cpu-shared-8g", &[json!({"limits": {"cpu": "2"}, "requests": {"cpu": "2000m"}})]);
    assert!(decide(&same).is_ok());
}

#[test]
fn a_second_container_cannot_run_without_a_bound() {
    let refusals = decide(&containers("cpu-shared-8g", &[json!({}), json!({})])).unwrap_err();
    assert!(
        refusals.iter().all(|r| r.code == "resources_unset" && r.message.starts_with("Container \"c1\"")),
        "{refusals:?}"
    );
    let all = json!({"limits": {"cpu": "2", "memory": "8Gi"}});
    assert_eq!(codes(&containers("cpu-shared-8g", &[json!({}), all])), ["resources_unset", "resources_unset"]);
}

#[test]
fn nobody_asks_for_nothing_which_nodes_take_for_no_limit() {
    for (resource, nothing) in [("cpu", "0"), ("cpu", "0m"), ("memory", "0"), ("memory", "999m")] {
        for side in ["limits", "requests"] {
            let asks = containers("cpu-shared-8g", &[json!({side: {resource: nothing}})]);
            assert_eq!(codes(&asks), ["resources_unset"], "{side} {resource} {nothing}");
        }
    }
    assert_eq!(codes(&containers("cpu-shared-8g", &[json!({"limits": {"cpu": null}})])), ["resources_unset"]);
    let init = json!([{"name": "i", "resources": {"limits": {"memory": "0"}}}]);
    assert_eq!(codes(&with("cpu-shared-8g", "initContainers", init)), ["resources_unset"]);
    assert!(decide(&containers("cpu-shared-8g", &[json!({"limits": {"cpu": "1m", "memory": "1"}})])).is_ok());
}

#[test]
fn quantities_nobody_can_read_are_refused() {
    for bad in [json!("two"), json!("-1"), json!(true), json!(["1"])] {
        assert_eq!(codes(&containers("cpu-shared-8g", &[json!({"limits": {"cpu": bad}})])), ["malformed"]);
    }
}

#[test]
fn gpus_before_or_beside_the_app_are_refused() {
    for policy in [Value::Null, json!("Always")] {
        let init = json!({"name": "i", "restartPolicy": policy, "resources": {"limits": {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "1"}}});
        let pod = with("gpu-h100-1x", "initContainers", json!([init]));
        assert_eq!(codes(&pod), ["gpu_in_init"]);
    }
    let foreign = json!([{"name": "i", "resources": {"limits": {"amd.com/gpu": "1"}}}]);
    assert_eq!(codes(&with("cpu-shared-8g", "initContainers", foreign)), ["gpu_in_init"]);
    let debug = json!([{"name": "d", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]);
    assert_eq!(codes(&with("gpu-h100-1x", "ephemeralContainers", debug)), ["gpu_in_init"]);
}

#[test]
fn init_containers_get_what_sidecars_leave_and_sidecars_count() {
    let side =
        json!({"name": "s", "restartPolicy": "Always", "resources": {"limits": {"cpu": "500m", "memory": "2Gi"}}});
    let stored = admitted(&with("cpu-shared-8g", "initContainers", json!([{"name": "i"}, side])));
    assert_eq!(stored["spec"]["initContainers"][0]["resources"]["limits"], json!({"cpu": "1500m", "memory": "6Gi"}));
    assert_eq!(limits(&stored, 0)["cpu"], "1500m");
    let bare = json!([{"name": "s", "restartPolicy": "Always"}]);
    assert_eq!(codes(&with("cpu-shared-8g", "initContainers", bare)), ["resources_unset", "resources_unset"]);
    let big = json!([{"name": "i", "resources": {"limits": {"cpu": "3"}}}]);
    assert_eq!(
        sentence(&with("cpu-shared-8g", "initContainers", big)),
        "Containers ask for 3 cpu, SKU cpu-shared-8g has 2"
    );
}

#[test]
fn claims_and_pod_level_resources_are_refused() {
    assert_eq!(codes(&containers("gpu-h100-1x", &[json!({"claims": [{"name": "gpu"}]})])), ["field_denied"]);
    assert_eq!(codes(&with("gpu-h100-1x", "resourceClaims", json!([{"name": "gpu"}]))), ["field_denied"]);
    assert_eq!(codes(&with("gpu-h100-1x", "resources", json!({"limits": {"cpu": "1"}}))), ["field_denied"]);
}
