//! Objects as a real cluster wrote them, cut to what matters.

use serde_json::{Value, json};

use super::*;

fn pod_of(change: Value) -> Pod {
    let mut whole = json!({
        "metadata": {
            "name": "demo-6d4cf56db6-x2x7q",
            "labels": {"app": "demo", "pod-template-hash": "6d4cf56db6"},
            "annotations": {"remotegpu.ai/price-per-hour": "3.29 EUR"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "demo-6d4cf56db6", "uid": "u", "controller": true}]
        },
        "spec": {"nodeName": "simulated-h100", "containers": [{"name": "app", "image": "x"}]},
        "status": {"phase": "Pending"}
    });
    for (key, value) in change.as_object().unwrap() {
        whole["status"][key] = value.clone();
    }
    serde_json::from_value(whole).unwrap()
}

fn container(state: Value) -> Value {
    json!([{"name": "app", "image": "x", "imageID": "", "ready": false, "restartCount": 2, "state": state}])
}

#[test]
fn a_pod_knows_its_deployment_by_the_name_of_its_replica_set() {
    assert_eq!(pod(&pod_of(json!({}))).owner.as_deref(), Some("demo"));
    let mut job = pod_of(json!({}));
    job.metadata.owner_references.as_mut().unwrap()[0].kind = "Job".into();
    assert_eq!(pod(&job).owner, None);
}

#[test]
fn a_waiting_container_says_why() {
    let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}});
    let state = pod(&pod_of(json!({"containerStatuses": container(waiting)}))).state;
    assert_eq!((state.reason.as_deref(), state.message.as_deref()), (Some("ImagePullBackOff"), Some("no such image")));
    assert_eq!((state.restarts, state.ready, state.price.as_deref()), (2, false, Some("3.29 EUR")));
}

#[test]
fn an_unscheduled_pod_says_what_is_missing() {
    let conditions =
        json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]);
    let state = pod(&pod_of(json!({"conditions": conditions}))).state;
    assert_eq!((state.reason.as_deref(), state.message.as_deref()), (Some("Unschedulable"), Some("0/1 nodes")));
}

#[test]
fn a_failed_container_tells_its_exit_code() {
    let ended = json!({"terminated": {"exitCode": 3, "reason": "Error", "startedAt": "2026-01-01T00:00:00Z"}});
    let state = pod(&pod_of(json!({"phase": "Failed", "containerStatuses": container(ended)}))).state;
    assert_eq!((state.reason.as_deref(), state.message.as_deref()), (Some("Error"), Some("exit code 3")));
    assert!(state.started_at.is_some());
}

#[test]
fn a_running_pod_has_no_reason_and_a_start() {
    let running = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
    let ready = json!([{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}]);
    let change = json!({"phase": "Running", "conditions": ready, "containerStatuses": container(running)});
    let state = pod(&pod_of(change)).state;
    assert_eq!((state.ready, state.reason, state.phase.as_str()), (true, None, "Running"));
    assert_eq!(state.started_at.unwrap().to_string(), "2026-01-01T00:00:00Z");
}

#[test]
fn a_refused_replica_is_the_problem_of_its_deployment() {
    let message = r#"admission webhook "validate.remotegpu.ai" denied the request: no SKU"#;
    let whole = json!({
        "metadata": {"name": "demo", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "demo"}},
            "template": {
                "metadata": {"labels": {"app": "demo", "remotegpu.ai/sku-code": "gpu-h100-1x"}},
                "spec": {"containers": [{"name": "app", "image": "x"}]}
            }
        },
        "status": {"conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}]}
    });
    let state = deployment(&serde_json::from_value(whole).unwrap());
    assert_eq!(state.problem.as_deref(), Some("no SKU"));
    assert_eq!((state.sku_code.as_str(), state.image.as_str(), state.replicas), ("gpu-h100-1x", "x", 2));
    let rows = [Arc::new(pod(&pod_of(json!({}))))];
    assert_eq!(with_pods(state, &rows).pods.len(), 1);
}
