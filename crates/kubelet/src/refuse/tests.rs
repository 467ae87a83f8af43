use serde_json::{Value, json};

use super::*;

fn pod(change: impl Fn(&mut Value)) -> Pod {
    let mut pod = json!({
        "metadata": {"uid": "u", "name": "web", "namespace": "team", "labels": {"remotegpu.ai/sku-code": "cpu"}},
        "spec": {"containers": [{"name": "app", "image": "busybox:1"}], "volumes": [
            {"name": "kube-api-access-x", "projected": {"sources": []}}]},
    });
    change(&mut pod);
    serde_json::from_value(pod).unwrap()
}

fn reason(change: impl Fn(&mut Value)) -> Option<(&'static str, String)> {
    let rules = Rules { require_pod_label: Some("remotegpu.ai/sku-code".into()), ..Rules::default() };
    refuse(&pod(change), &rules).map(|refusal| (refusal.reason, refusal.message))
}

#[test]
fn an_ordinary_pod_with_its_token_volume_is_admitted() {
    assert_eq!(reason(|_| ()), None);
}

#[test]
fn a_pod_without_the_label_is_not_entitled() {
    let (reason, message) = reason(|pod| pod["metadata"]["labels"] = json!({})).unwrap();
    assert_eq!(reason, "NotEntitled");
    assert_eq!(message, "This node runs only pods with the label remotegpu.ai/sku-code, and this pod has none");
}

#[test]
fn daemons_static_and_system_pods_belong_elsewhere_and_stay_pending() {
    let daemon = json!([{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "x", "uid": "y"}]);
    let rules = Rules::default();
    for change in [
        json!({"ownerReferences": daemon}),
        json!({"annotations": {"kubernetes.io/config.mirror": "x"}}),
        json!({"namespace": "kube-system"}),
    ] {
        let pod = pod(|pod| {
            for (key, value) in change.as_object().unwrap() {
                pod["metadata"][key] = value.clone();
            }
        });
        let refusal = refuse(&pod, &rules).unwrap();
        assert_eq!((refusal.reason, refusal.stays_pending), ("NotForVirtualNode", true));
    }
}

#[test]
fn each_unsupported_field_is_named() {
    let container = |field: &'static str, value: Value| {
        reason(move |pod| pod["spec"]["containers"][0][field] = value.clone()).map(|(_, message)| message)
    };
    let spec = |field: &'static str, value: Value| {
        reason(move |pod| pod["spec"][field] = value.clone()).map(|(_, message)| message)
    };
    let named = [
        (spec("hostNetwork", json!(true)), "hostNetwork"),
        (spec("hostPID", json!(true)), "hostPID"),
        (spec("initContainers", json!([{"name": "prepare"}])), "prepare"),
        (spec("runtimeClassName", json!("kata")), "runtimeClassName"),
        (spec("resourceClaims", json!([{"name": "gpu"}])), "resourceClaims"),
        (spec("volumes", json!([{"name": "v", "hostPath": {"path": "/"}}])), "hostPath"),
        (spec("volumes", json!([{"name": "v", "secret": {"secretName": "s"}}])), "secret"),
        (spec("containers", json!([{"name": "a", "image": "i"}, {"name": "b", "image": "i"}])), "a, b"),
        (container("securityContext", json!({"privileged": true})), "privileged"),
        (container("securityContext", json!({"capabilities": {"add": ["SYS_ADMIN"]}})), "SYS_ADMIN"),
        (container("securityContext", json!({"seccompProfile": {"type": "Unconfined"}})), "Unconfined"),
        (container("resources", json!({"limits": {"example.com/fpga": "1"}})), "example.com/fpga"),
        (container("volumeMounts", json!([{"name": "v", "mountPath": "/v", "subPath": "x"}])), "subPath"),
        (container("image", json!("")), "no image"),
    ];
    for (message, word) in named {
        assert!(message.as_deref().unwrap_or_default().contains(word), "{word}: {message:?}");
    }
}

#[test]
fn a_mount_path_carries_no_options_for_the_engine() {
    let mount = |list: &'static str, path: &'static str| {
        let rules = Rules {
            capabilities: Capabilities { init_containers: true, ..Capabilities::default() },
            ..Rules::default()
        };
        let pod = pod(|pod| {
            pod["spec"]["volumes"] = json!([{"name": "work", "emptyDir": {}}]);
            pod["spec"]["initContainers"] = json!([{"name": "first", "image": "i"}]);
            pod["spec"][list][0]["volumeMounts"] = json!([{"name": "work", "mountPath": path}]);
        });
        refuse(&pod, &rules).map(|refusal| refusal.message)
    };
    for list in ["containers", "initContainers"] {
        assert_eq!(mount(list, "/work"), None);
        for path in ["/work:O,upperdir=/etc,workdir=/srv", "/work:U", "/work:"] {
            let message = mount(list, path).unwrap_or_default();
            assert!(message.contains("mountPath of work"), "{list} {path}: {message}");
        }
    }
}

#[test]
fn gpus_and_plain_limits_are_no_foreign_device() {
    let limits = json!({"limits": {"nvidia.com/gpu": "1", "cpu": "1", "hugepages-2Mi": "2Mi"}});
    assert_eq!(reason(|pod| pod["spec"]["containers"][0]["resources"] = limits.clone()), None);
}

#[test]
fn gpus_of_another_make_are_for_engines_that_have_them() {
    let limits = json!({"limits": {"amd.com/gpu": "1"}});
    let pod = pod(|pod| pod["spec"]["containers"][0]["resources"] = limits.clone());
    assert!(refuse(&pod, &Rules::default()).unwrap().message.contains("the device amd.com/gpu"));
    let capabilities = Capabilities { other_gpus: &["amd.com/gpu"], ..Capabilities::default() };
    assert_eq!(refuse(&pod, &Rules { capabilities, ..Rules::default() }), None);
}

#[test]
fn fields_without_effect_are_told_once() {
    let probe = json!({"httpGet": {"port": 80}});
    let pod = pod(|pod| {
        pod["spec"]["containers"] = json!([
            {"name": "a", "image": "i", "readinessProbe": probe}, {"name": "b", "image": "i", "readinessProbe": probe}]);
        pod["spec"]["subdomain"] = json!("x");
    });
    let spec = pod.spec.unwrap();
    assert_eq!(ignored_fields(&spec, &Capabilities::default()), ["subdomain", "readinessProbe"]);
}

#[test]
fn a_strict_node_refuses_what_it_would_leave_out() {
    let strict = Rules { strict: true, ..Rules::default() };
    assert_eq!(refuse(&pod(|_| ()), &strict), None);
    let pod = pod(|pod| {
        pod["spec"]["subdomain"] = json!("x");
        pod["spec"]["containers"][0]["securityContext"] = json!({"runAsUser": 1000});
    });
    assert_eq!(refuse(&pod, &Rules::default()), None, "it runs, and events name the fields");
    let refusal = refuse(&pod, &strict).unwrap();
    assert_eq!(refusal.reason, "UnsupportedPod");
    assert_eq!(refusal.message, "This node is strict and cannot apply: runAsUser, subdomain; leave these fields out");
}

#[test]
fn files_at_the_start_are_for_pods_that_ask_for_them() {
    let capabilities = Capabilities { files_at_start: Some(("x/files", "env")), ..Capabilities::default() };
    let rules = Rules { capabilities, ..Rules::default() };
    let asking = |note: &str, volume: Value| {
        let pod = pod(|pod| {
            pod["metadata"]["annotations"] = json!({"x/files": note});
            pod["spec"]["volumes"] = json!([volume]);
        });
        refuse(&pod, &rules).map(|refusal| refusal.message).unwrap_or_default()
    };
    let secret = || json!({"name": "v", "secret": {"secretName": "s"}});
    assert_eq!(asking("env", secret()), "");
    let hint = "; the annotation x/files: env lets it write files at the start, from the environment";
    assert!(asking("", secret()).ends_with(hint), "{}", asking("", secret()));
    let token = json!({"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}});
    assert!(asking("env", token).contains("could not renew"), "a token ends, and files stay as they are");
}
