use proptest::prelude::*;

use super::*;

/// Any JSON, to show that nothing panics.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z0-9./]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn quantities() -> impl Strategy<Value = Value> {
    let some = |values: &'static [&'static str]| prop::option::of(prop::sample::select(values));
    let cpu = some(&["0", "100m", "1", "2", "12"]);
    (cpu, some(&["0", "1Gi", "4Gi", "500M"]), some(&["0", "1"]), some(&["1Gi"])).prop_map(|(cpu, memory, gpu, disk)| {
        let named = [("cpu", cpu), ("memory", memory), ("nvidia.com/gpu", gpu), ("ephemeral-storage", disk)];
        named
            .into_iter()
            .filter_map(|(k, v)| Some((k.to_owned(), Value::from(v?))))
            .collect::<serde_json::Map<_, _>>()
            .into()
    })
}

fn container() -> impl Strategy<Value = Value> {
    (quantities(), 0..4).prop_map(|(sizes, side)| match side {
        0 => json!({"name": "c"}),
        1 => json!({"name": "c", "resources": {"limits": sizes}}),
        2 => json!({"name": "c", "resources": {"requests": sizes, "limits": null}}),
        _ => json!({"name": "c", "resources": {"requests": sizes, "limits": sizes}}),
    })
}

fn pods() -> impl Strategy<Value = Value> {
    let code = prop::sample::select(&["cpu-shared-8g", "gpu-h100-1x", "gpu-spread"][..]);
    let extras = prop::sample::subsequence(
        vec![
            ("nodeSelector", json!({"kubernetes.io/arch": "amd64"})),
            (
                "affinity",
                json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}, {"matchExpressions": []}]}}}),
            ),
            (
                "tolerations",
                json!([{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}]),
            ),
            ("priority", json!(0)),
            ("preemptionPolicy", json!("PreemptLowerPriority")),
            ("automountServiceAccountToken", json!(false)),
            ("initContainers", json!([{"name": "i"}])),
            (
                "initContainers",
                json!([{"name": "s", "restartPolicy": "Always", "resources": {"limits": {"cpu": "50m", "memory": "1Mi"}}}]),
            ),
        ],
        0..8,
    );
    (code, prop::collection::vec(container(), 1..4), extras).prop_map(|(code, containers, extras)| {
        let mut pod = with(code, "containers", containers.into());
        for (key, value) in extras {
            pod["spec"][key] = value;
        }
        pod
    })
}

fn total(pod: &Value, resource: &str) -> i128 {
    let of =
        |c: &Value| c["resources"]["limits"][resource].as_str().map_or(0, |q| crate::quantity::parse_milli(q).unwrap());
    let sidecars = spec::items(pod["spec"].get("initContainers")).filter(|c| c["restartPolicy"] == "Always");
    spec::items(pod["spec"].get("containers")).chain(sidecars).map(of).sum()
}

proptest! {
    #[test]
    fn admitting_twice_changes_nothing(pod in pods()) {
        if let Ok(injections) = decide(&pod) {
            let mut stored = pod;
            apply(&mut stored, &injections);
            prop_assert_eq!(decide(&stored), Ok(Vec::new()));
        }
    }

    #[test]
    fn no_admitted_pod_exceeds_its_sku_or_runs_unbounded(pod in pods()) {
        if decide(&pod).is_ok() {
            let stored = admitted(&pod);
            let code = stored["metadata"]["labels"]["remotegpu.ai/sku-code"].as_str().unwrap();
            let sku = skus().remove(code).unwrap();
            for (resource, most) in [("cpu", &sku.spec.resources.cpu), ("memory", &sku.spec.resources.memory)] {
                prop_assert!(total(&stored, resource) <= crate::quantity::parse_milli(most).unwrap());
                for list in ["containers", "initContainers"] {
                    for container in spec::items(stored["spec"].get(list)) {
                        let resources = &container["resources"];
                        let limit = resources["limits"][resource].as_str().unwrap_or("0");
                        prop_assert!(crate::quantity::parse_milli(limit).unwrap() > 0);
                        prop_assert_eq!(&resources["limits"][resource], &resources["requests"][resource]);
                    }
                }
            }
            prop_assert!(total(&stored, "nvidia.com/gpu") <= sku.spec.gpu.map_or(0, |gpu| i128::from(gpu.count) * 1000));
        }
    }

    #[test]
    fn injections_never_replace_an_array(pod in pods()) {
        for injection in decide(&pod).unwrap_or_default() {
            let target = pod.pointer(&injection.path);
            prop_assert!(!target.is_some_and(Value::is_array), "{}", injection.path);
        }
    }

    #[test]
    fn whatever_comes_in_nothing_panics(value in anything(), key in "[a-zA-Z]{1,12}") {
        let _ = decide(&value);
        for (name, _) in POD_SPEC_FIELDS {
            let pod = with("gpu-spread", name, value.clone());
            let _ = (decide(&pod), check_update(&template("gpu-spread"), &pod), check_unchanged(&value, &pod));
        }
        let mut pod = template("gpu-spread");
        pod["spec"]["containers"][0][key.as_str()] = value.clone();
        pod["metadata"] = value;
        let _ = decide(&pod);
    }
}
