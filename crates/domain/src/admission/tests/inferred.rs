use super::*;

/// What SkyPilot 0.14.1 makes of `sky launch --gpus MODEL:COUNT`, cut to what admission reads.
fn skypilot(gpus: u32, affinity: &str) -> Value {
    let mut limits = json!({"cpu": (4 * gpus.max(1)).to_string(), "memory": format!("{}G", 16 * gpus.max(1))});
    if gpus > 0 {
        limits["nvidia.com/gpu"] = json!(gpus);
    }
    let mut pod = json!({
        "metadata": {"labels": {"parent": "skypilot", "skypilot-cluster-name": "demo", "ray-node-type": "head"}},
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": "sky-sa",
            "automountServiceAccountToken": true,
            "volumes": [{"name": "dshm", "emptyDir": {"medium": "Memory"}}],
            "containers": [{
                "name": "ray-node", "image": "sky", "imagePullPolicy": "Always", "command": ["/bin/bash", "-c", "--"],
                "ports": [{"containerPort": 22}],
                "env": [{"name": "SKYPILOT_POD_NODE_TYPE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['ray-node-type']"}}}],
                "volumeMounts": [{"name": "dshm", "mountPath": "/dev/shm"}],
                "resources": {"requests": limits, "limits": limits},
            }],
        },
    });
    if gpus > 0 {
        let expressions = json!([{"key": "nvidia.com/gpu.product", "operator": "In", "values": [affinity]}]);
        pod["spec"]["affinity"] = json!({"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": expressions}]},
        }});
        pod["spec"]["tolerations"] = json!([{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]);
    }
    pod
}

fn catalogue() -> BTreeMap<String, Sku> {
    let gpu = |model: &str, count: u32| json!({"model": model, "count": count, "memoryGiB": 80, "resource": "nvidia.com/gpu"});
    let placed = || json!({"engines": ["simulated"]});
    [
        sku("cpu-small", "2", "8Gi", Value::Null, placed()),
        sku("cpu-large", "8", "32Gi", Value::Null, placed()),
        sku("gpu-a10-1x", "24", "192Gi", gpu("A10", 1), placed()),
        sku("gpu-h100-1x", "24", "192Gi", gpu("H100", 1), placed()),
        sku("gpu-h100-2x", "48", "384Gi", gpu("H100", 2), placed()),
    ]
    .into_iter()
    .map(|sku| (sku.code.clone(), sku))
    .collect()
}

fn policy() -> NamespacePolicy {
    NamespacePolicy { service_accounts: vec!["sky-sa".into()], ..NamespacePolicy::default() }
}

fn chosen(pod: &Value, policy: &NamespacePolicy) -> Option<String> {
    let injections = admit(pod, policy, &catalogue()).ok()?;
    let mut stored = pod.clone();
    apply(&mut stored, &injections);
    stored["metadata"]["labels"][crate::sku::SKU_LABEL].as_str().map(str::to_owned)
}

#[test]
fn a_pod_of_skypilots_gets_the_sku_of_its_gpus() {
    assert_eq!(chosen(&skypilot(1, "H100"), &policy()).as_deref(), Some("gpu-h100-1x"));
    assert_eq!(chosen(&skypilot(2, "NVIDIA-H100-80GB-HBM3"), &policy()).as_deref(), Some("gpu-h100-2x"));
    assert_eq!(chosen(&skypilot(1, "A10"), &policy()).as_deref(), Some("gpu-a10-1x"));
    assert_eq!(chosen(&skypilot(0, ""), &policy()).as_deref(), Some("cpu-large"), "the small one has no room");
    for (gpus, model) in [(3, "H100"), (1, "A100")] {
        assert_eq!(chosen(&skypilot(gpus, model), &policy()), None, "{gpus} {model}");
    }
}

#[test]
fn the_label_and_the_default_of_the_namespace_come_first() {
    let mut labelled = skypilot(0, "");
    labelled["metadata"]["labels"][crate::sku::SKU_LABEL] = json!("cpu-small");
    assert!(admit(&labelled, &policy(), &catalogue()).is_err(), "the chosen one has no room");
    let default = NamespacePolicy { default_sku: Some("cpu-large".into()), ..policy() };
    assert_eq!(chosen(&skypilot(0, ""), &default).as_deref(), Some("cpu-large"));
    assert_eq!(chosen(&skypilot(1, "H100"), &default).as_deref(), Some("gpu-h100-1x"), "GPUs say more than a default");
}

#[test]
fn only_granted_skus_are_chosen_and_only_for_skypilot() {
    let granted = NamespacePolicy { skus: Some(vec!["gpu-h100-2x".into()]), ..policy() };
    assert_eq!(chosen(&skypilot(1, "H100"), &granted), None);
    let mut other = skypilot(1, "H100");
    other["metadata"]["labels"]["parent"] = json!("somebody");
    assert_eq!(chosen(&other, &policy()), None);
}

#[test]
fn the_check_prices_what_admission_will_choose() {
    let mut skus = catalogue();
    skus.get_mut("gpu-h100-2x").unwrap().spec.price.per_hour = "6.58".to_owned();
    for default_sku in [None, Some("cpu-large".to_owned())] {
        let policy = NamespacePolicy { default_sku, ..policy() };
        let mut manifest = skypilot(2, "H100");
        manifest["kind"] = json!("Pod");
        let check = crate::deployment::AdmissionCheck { manifest: Some(manifest), ..Default::default() };
        let place = Place { namespace: "team", policy: &policy, skus: &skus, quota: &[], engines: &BTreeMap::new() };
        let verdict = Asked::read(&check, "team").unwrap().judge(&place).unwrap();
        assert_eq!((verdict.allowed, verdict.sku_code.as_str()), (true, "gpu-h100-2x"), "{:?}", verdict.rules);
        assert_eq!(verdict.price.unwrap().per_hour, "6.58");
    }
}

#[test]
fn the_account_of_skypilot_needs_its_place_on_the_list() {
    assert!(admit(&skypilot(1, "H100"), &NamespacePolicy::default(), &catalogue()).is_err());
}
