use serde_json::{Value, json};

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn pod(policy: &str, status: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"uid": "u", "name": "web", "namespace": "team", "generation": 3},
        "spec": {"restartPolicy": policy, "containers": [{"name": "app", "image": "busybox:1"}]},
        "status": status,
    }))
    .unwrap()
}

fn end(exit_code: i32) -> Ended {
    Ended {
        exit_code,
        reason: if exit_code == 0 { "Completed" } else { "Error" }.into(),
        message: String::new(),
        started: Some(at(-5)),
        finished: Some(at(0)),
        id: "docker://1".into(),
    }
}

fn instance(attempt: u32, run: ContainerRun) -> Instance {
    Instance {
        uid: "u".into(),
        namespace: "team".into(),
        name: "web".into(),
        pod_ip: Some("10.0.0.7".into()),
        disruption: None,
        containers: vec![ContainerInstance {
            hold: None,
            name: "app".into(),
            id: "docker://1".into(),
            image_id: "sha256:1".into(),
            attempt,
            run,
            previous: None,
        }],
    }
}

fn shown(pod: &Pod, instance: Option<&Instance>, waiting: Option<&Waiting>) -> PodStatus {
    let calm = CalmAttempts::new();
    let probes = Probes::new();
    let (calm, probes) = (&calm, &probes);
    status(&Situation { pod, instance, waiting, calm, probes, probed: true, host_ip: "192.168.0.9", now: at(1) })
}

fn condition<'a>(status: &'a PodStatus, type_: &str) -> &'a k8s_openapi::api::core::v1::PodCondition {
    status.conditions.iter().flatten().find(|one| one.type_ == type_).unwrap()
}

fn state(status: &PodStatus) -> &ContainerState {
    status.container_statuses.as_ref().unwrap()[0].state.as_ref().unwrap()
}

#[test]
fn a_running_container_makes_the_pod_running_and_ready() {
    let running = instance(0, ContainerRun::Running { started: at(0) });
    let status = shown(&pod("Always", json!({"phase": "Pending", "qosClass": "BestEffort"})), Some(&running), None);
    assert_eq!(status.phase.as_deref(), Some("Running"));
    for type_ in ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"] {
        assert_eq!(condition(&status, type_).status, "True", "{type_}");
    }
    assert_eq!(status.pod_ip.as_deref(), Some("10.0.0.7"));
    assert_eq!(status.host_ip.as_deref(), Some("192.168.0.9"));
    assert_eq!(status.start_time, Some(seconds(at(1))));
    assert_eq!(status.qos_class.as_deref(), Some("BestEffort"));
    assert_eq!(status.observed_generation, Some(3));
}

#[test]
fn a_container_that_is_held_runs_but_is_not_ready() {
    let mut running = instance(0, ContainerRun::Running { started: at(0) });
    running.containers[0].hold = Some(crate::Hold { reason: "PortsNotMapped".into(), message: "not yet".into() });
    let status = shown(&pod("Always", json!({})), Some(&running), None);
    assert_eq!((status.phase.as_deref(), condition(&status, "Ready").status.as_str()), (Some("Running"), "False"));
    running.containers[0].run = ContainerRun::Created;
    let status = shown(&pod("Always", json!({})), Some(&running), None);
    let waiting = state(&status).waiting.as_ref().unwrap();
    assert_eq!((waiting.reason.as_deref(), waiting.message.as_deref()), (Some("PortsNotMapped"), Some("not yet")));
}

#[test]
fn the_same_observation_gives_the_same_status_later() {
    let running = instance(0, ContainerRun::Running { started: at(0) });
    let mut pod = pod("Always", json!({"phase": "Pending"}));
    let first = shown(&pod, Some(&running), None);
    pod.status = Some(serde_json::from_value(serde_json::to_value(&first).unwrap()).unwrap());
    let calm = CalmAttempts::new();
    let later = Situation {
        pod: &pod,
        instance: Some(&running),
        waiting: None,
        calm: &calm,
        probes: &Probes::new(),
        probed: true,
        host_ip: "192.168.0.9",
        now: at(500),
    };
    assert_eq!(status(&later), first);
}

#[test]
fn a_waiting_pod_says_why() {
    let waiting = Waiting { reason: "ErrImagePull".into(), message: "no such image".into() };
    let status = shown(&pod("Always", json!({})), None, Some(&waiting));
    assert_eq!(status.phase.as_deref(), Some("Pending"));
    let shown = state(&status).waiting.as_ref().unwrap();
    assert_eq!((shown.reason.as_deref(), shown.message.as_deref()), (Some("ErrImagePull"), Some("no such image")));
    assert_eq!(condition(&status, "Ready").reason.as_deref(), Some("ContainersNotReady"));
}

#[test]
fn the_policy_decides_between_over_and_crash_loop() {
    for (policy, exit_code, phase) in
        [("Never", 0, "Succeeded"), ("Never", 3, "Failed"), ("OnFailure", 0, "Succeeded"), ("OnFailure", 3, "Running")]
    {
        let status = shown(&pod(policy, json!({})), Some(&instance(1, ContainerRun::Ended(end(exit_code)))), None);
        assert_eq!(status.phase.as_deref(), Some(phase), "{policy} {exit_code}");
        let has_place = condition(&status, "PodReadyToStartContainers").status == "True";
        assert_eq!(has_place, phase == "Running", "{policy} {exit_code}");
    }
    let status = shown(&pod("Always", json!({})), Some(&instance(1, ContainerRun::Ended(end(3)))), None);
    assert_eq!(state(&status).waiting.as_ref().unwrap().reason.as_deref(), Some("CrashLoopBackOff"));
    let container = &status.container_statuses.as_ref().unwrap()[0];
    assert_eq!(container.last_state.as_ref().unwrap().terminated.as_ref().unwrap().exit_code, 3);
    assert_eq!(container.restart_count, 1);
}

#[test]
fn a_restart_that_fails_waits_and_says_why() {
    let waiting = Waiting { reason: "CreateContainerConfigError".into(), message: "ConfigMap a does not exist".into() };
    let ended = |attempt: u32| instance(attempt, ContainerRun::Ended(end(137)));
    for attempt in [0, 1] {
        let status = shown(&pod("Always", json!({"phase": "Running"})), Some(&ended(attempt)), Some(&waiting));
        let reason = state(&status).waiting.as_ref().and_then(|waiting| waiting.reason.as_deref());
        assert_eq!((status.phase.as_deref(), reason), (Some("Running"), Some("CreateContainerConfigError")));
        let last = status.container_statuses.as_ref().unwrap()[0].last_state.as_ref().unwrap();
        assert_eq!(last.terminated.as_ref().unwrap().exit_code, 137, "it stays known once the instance is gone");
    }
    let over = shown(&pod("Never", json!({})), Some(&ended(0)), Some(&waiting));
    assert!(state(&over).terminated.is_some());
}

#[test]
fn the_end_that_was_shown_stays_known_where_the_engine_forgets_it() {
    let old = json!({"phase": "Running", "containerStatuses": [{"name": "app", "image": "busybox:1", "imageID": "",
        "ready": false, "restartCount": 0, "containerID": "docker://0", "state": {"terminated": {"exitCode": 3}}}]});
    let last = |attempt: u32| {
        let running = instance(attempt, ContainerRun::Running { started: at(0) });
        let status = shown(&pod("Always", old.clone()), Some(&running), None).container_statuses.unwrap().remove(0);
        status.last_state.and_then(|state| state.terminated).map(|end| end.exit_code)
    };
    assert_eq!((last(1), last(0)), (Some(3), None));
}

#[test]
fn transition_times_move_only_when_a_condition_flips() {
    let old = json!({"phase": "Running", "conditions": [
        {"type": "Ready", "status": "True", "lastTransitionTime": at(-90).to_string()},
        {"type": "ContainersReady", "status": "False", "lastTransitionTime": at(-90).to_string()}]});
    let running = instance(0, ContainerRun::Running { started: at(0) });
    let status = shown(&pod("Always", old), Some(&running), None);
    assert_eq!(condition(&status, "Ready").last_transition_time, Some(seconds(at(-90))));
    assert_eq!(condition(&status, "ContainersReady").last_transition_time, Some(seconds(at(1))));
}

#[test]
fn a_deleted_pod_ends_with_the_exit_code_of_the_engine_or_137() {
    let running = instance(0, ContainerRun::Running { started: at(0) });
    let mut pod = pod("Always", json!({}));
    pod.status = Some(shown(&pod, Some(&running), None));
    let known = final_status(&pod, Some(&instance(0, ContainerRun::Ended(end(0)))), End::Deleted, "h", at(2));
    assert_eq!(known.phase.as_deref(), Some("Succeeded"));
    let unknown = final_status(&pod, None, End::Deleted, "h", at(2));
    assert_eq!(unknown.phase.as_deref(), Some("Failed"));
    let ended = state(&unknown).terminated.as_ref().unwrap();
    assert_eq!((ended.exit_code, ended.reason.as_deref()), (137, Some("Terminated")));
    assert_eq!(condition(&unknown, "Ready").status, "False");
}

#[test]
fn a_lost_instance_fails_the_pod_as_a_disruption() {
    let pod = pod(
        "Always",
        json!({"phase": "Running", "containerStatuses": [{"name": "app", "image": "i", "imageID": "",
        "ready": true, "restartCount": 0, "containerID": "docker://1", "state": {"running": {"startedAt": at(0).to_string()}}}]}),
    );
    let status = final_status(&pod, None, End::InstanceLost, "h", at(2));
    assert_eq!((status.phase.as_deref(), status.reason.as_deref()), (Some("Failed"), Some("InstanceLost")));
    assert_eq!(condition(&status, "DisruptionTarget").status, "True");
    assert_eq!(state(&status).terminated.as_ref().unwrap().reason.as_deref(), Some("ContainerStatusUnknown"));
}

#[test]
fn a_container_that_was_taken_away_fails_its_pod_as_a_disruption() {
    let is_disrupted = |policy: &str, reason: &str| {
        let end = Ended { reason: reason.into(), ..end(137) };
        let status = shown(&pod(policy, json!({})), Some(&instance(0, ContainerRun::Ended(end))), None);
        status.conditions.iter().flatten().any(|one| one.type_ == "DisruptionTarget" && one.status == "True")
    };
    assert!(is_disrupted("Never", Ended::LOST));
    assert!(!is_disrupted("Never", "Error"), "its own end");
    assert!(!is_disrupted("OnFailure", Ended::LOST), "it starts again");
}

#[test]
fn a_pod_that_the_engine_took_away_has_failed_with_its_reason_whatever_its_containers_say() {
    let (reason, message, by) = ("Evicted", "The node was low on memory", "TerminationByKubelet");
    for exit_code in [0, 143] {
        let told = crate::Disruption { reason: reason.into(), message: message.into(), by: by.into() };
        let mut found = instance(0, ContainerRun::Ended(end(exit_code)));
        found.disruption = Some(told);
        let status = shown(&pod("Never", json!({"phase": "Running"})), Some(&found), None);
        assert_eq!(
            (status.phase.as_deref(), status.reason.as_deref(), status.message.as_deref()),
            (Some("Failed"), Some(reason), Some(message)),
            "{exit_code}"
        );
        assert_eq!(state(&status).terminated.as_ref().unwrap().exit_code, exit_code, "its own");
        let condition = condition(&status, "DisruptionTarget");
        assert_eq!(
            (condition.status.as_str(), condition.reason.as_deref(), condition.message.as_deref()),
            ("True", Some(by), Some(message))
        );
        let again = shown(&pod("Always", json!({"phase": "Running"})), Some(&found), None);
        assert_eq!((again.phase.as_deref(), again.reason), (Some("Running"), None), "it starts again");
    }
}

#[test]
fn messages_of_a_pod_share_the_room_that_there_is() {
    let containers: Vec<Value> = (0..6).map(|at| json!({"name": format!("c{at}")})).collect();
    let mut pod = pod("Never", json!({}));
    pod.spec.as_mut().unwrap().containers = serde_json::from_value(json!(containers)).unwrap();
    let mut found = instance(0, ContainerRun::Created);
    let one = found.containers.remove(0);
    found.containers.extend((0..6).map(|at| {
        // The last letter that would fit has two bytes.
        let message = if at == 0 { format!("{}é", "x".repeat(2047)) } else { "y".repeat(at) };
        let run = ContainerRun::Ended(Ended { message, ..end(1) });
        ContainerInstance { name: format!("c{at}"), run, ..one.clone() }
    }));
    let status = shown(&pod, Some(&found), None);
    let ends = status.container_statuses.iter().flatten().filter_map(|one| one.state.as_ref()?.terminated.as_ref());
    let lengths: Vec<usize> = ends.map(|end| end.message.as_ref().map_or(0, String::len)).collect();
    assert_eq!(lengths, [2047, 1, 2, 3, 4, 5]);
}

#[test]
fn a_container_keeps_the_image_it_was_started_with_until_it_is_replaced() {
    let old = json!({"phase": "Running", "containerStatuses": [{"name": "app", "image": "busybox:0", "imageID": "",
        "ready": true, "restartCount": 0, "containerID": "docker://1"}]});
    let image = |attempt: u32| {
        let found = instance(attempt, ContainerRun::Running { started: at(-5) });
        shown(&pod("Always", old.clone()), Some(&found), None).container_statuses.unwrap().remove(0).image
    };
    assert_eq!((image(0).as_str(), image(1).as_str()), ("busybox:0", "busybox:1"));
}
