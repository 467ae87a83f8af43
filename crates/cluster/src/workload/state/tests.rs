//! Objects as a real cluster wrote them, cut to what matters.

use k8s_openapi::api::core::v1::Pod;
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
    let row = pod(&pod_of(json!({})));
    assert_eq!(row.owner, Some((WorkloadKind::Deployment, "demo".to_owned())));
    assert_eq!(row.state.owners.len(), 2, "the ReplicaSet, then the Deployment");
    let mut other = pod_of(json!({}));
    other.metadata.owner_references.as_mut().unwrap()[0].kind = "Job".into();
    assert_eq!(pod(&other).owner.unwrap().0, WorkloadKind::Job);
    other.metadata.owner_references.as_mut().unwrap()[0].kind = "DaemonSet".into();
    assert_eq!(pod(&other).owner, None);
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
fn work_in_an_init_container_has_a_start_and_an_end() {
    let times = json!({"exitCode": 1, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:05:00Z"});
    let waiting = container(json!({"waiting": {"reason": "PodInitializing"}}));
    let mut init = container(json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}));
    init[0]["name"] = json!("fetch");
    let change = json!({"initContainerStatuses": init, "containerStatuses": waiting});
    let state = pod(&pod_of(change)).state;
    assert_eq!(state.started_at.unwrap().to_string(), "2026-01-01T00:00:00Z");
    init[0]["state"] = json!({"terminated": times});
    let change = json!({"phase": "Failed", "initContainerStatuses": init, "containerStatuses": waiting});
    let state = pod(&pod_of(change)).state;
    assert_eq!(state.ended_at.unwrap().to_string(), "2026-01-01T00:05:00Z");
    assert!(state.over());
}

fn refused_deployment(message: &str) -> WorkloadState {
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
    deployment(&serde_json::from_value(whole).unwrap())
}

#[test]
fn a_replica_beyond_the_quota_is_said_in_plain_words() {
    let quota = "exceeded quota: remotegpu, requested: pods=1, used: pods=50, limited: pods=50";
    let problem = refused_deployment(&format!(r#"pods "demo-1" is forbidden: {quota}"#)).problem.unwrap();
    assert!(problem.contains("beyond the limits of this namespace. Needs 1 pod, 0 of 50 left"), "{problem}");
}

#[test]
fn a_refused_replica_is_the_problem_of_its_deployment() {
    let state = refused_deployment(r#"admission webhook "validate.remotegpu.ai" denied the request: no SKU"#);
    assert_eq!(state.problem.as_deref(), Some("no SKU"));
    assert_eq!((state.sku_code.as_str(), state.image.as_str(), state.wanted), ("gpu-h100-1x", "x", 2));
    let rows = [Arc::new(pod(&pod_of(json!({}))))];
    assert_eq!(join([state], &rows, true).len(), 1, "the pod is the Deployment's");
    let left = join([], &rows, true);
    assert!(left.is_empty(), "a pod whose Deployment is not listed is no workload of its own");
}

#[test]
fn a_cron_job_waits_for_its_hour() {
    let spec = json!({"schedule": "0 3 * * *", "suspend": true, "jobTemplate": {"spec": {"template": {
        "metadata": {"labels": {"remotegpu.ai/sku-code": "cpu"}}, "spec": {"containers": [{"name": "a", "image": "x"}]}}}}});
    let object = json!({"metadata": {"name": "night"}, "spec": spec,
        "status": {"active": [{}], "lastScheduleTime": "2026-01-01T03:00:00Z"}});
    let state = cron_job(&serde_json::from_value(object).unwrap());
    assert_eq!((state.sku_code.as_str(), state.image.as_str(), state.kind), ("cpu", "x", WorkloadKind::CronJob));
    let schedule = state.schedule.unwrap();
    assert_eq!((schedule.suspended, schedule.running), (true, 1));
    assert_eq!(schedule.last_run_at.as_deref(), Some("2026-01-01T03:00:00Z"));
}

fn job_of(spec: Value, status: Value) -> WorkloadState {
    let mut spec = spec;
    spec["template"] = json!({"spec": {"containers": [{"name": "app", "image": "x"}]}});
    job(&serde_json::from_value(json!({"metadata": {"name": "train"}, "spec": spec, "status": status})).unwrap())
}

#[test]
fn a_job_wants_what_is_still_to_come_and_knows_how_it_ended() {
    let running = job_of(json!({"parallelism": 4, "completions": 5}), json!({"succeeded": 3}));
    assert_eq!((running.wanted, running.ended), (2, None));
    let done = json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]});
    assert_eq!(job_of(json!({"completions": 1}), done).ended, Some(true));
    let why = json!({"conditions": [{"type": "Failed", "status": "True", "message": "too often"}]});
    let failed = job_of(json!({}), why);
    assert_eq!((failed.ended, failed.problem.as_deref()), (Some(false), Some("too often")));
    assert_eq!(job_of(json!({"suspend": true}), json!({})).wanted, 0);
}

#[test]
fn a_restarted_container_tells_how_it_ended_last() {
    let mut statuses = container(json!({"running": {"startedAt": "2026-01-01T00:01:00Z"}}));
    statuses[0]["lastState"] =
        json!({"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-01T00:00:59Z"}});
    let state = pod(&pod_of(json!({"containerStatuses": statuses}))).state;
    let view = state.view(&domain::workload::Waits::new());
    assert_eq!(view.last_exit.as_deref(), Some("Exit code 137 (OOMKilled)"));
    assert_eq!(view.containers[0].last_exit_at.as_deref(), Some("2026-01-01T00:00:59Z"));
}

#[test]
fn an_event_of_either_kind_has_a_time_and_a_count() {
    let about = json!({"kind": "Pod", "name": "demo-1"});
    let old = json!({"metadata": {}, "involvedObject": about, "type": "Warning", "reason": "BackOff", "count": 4,
        "lastTimestamp": "2026-01-01T00:00:00Z"});
    let new = json!({"metadata": {}, "involvedObject": about, "eventTime": "2026-01-01T00:00:01.000000Z"});
    let read = |value: Value| event(&serde_json::from_value(value).unwrap());
    let sorted = newest_first([read(old), read(new)].into_iter());
    assert_eq!((sorted[0].count, sorted[0].warning), (1, false));
    assert_eq!((sorted[1].count, sorted[1].warning, sorted[1].about.name.as_str()), (4, true, "demo-1"));
}
