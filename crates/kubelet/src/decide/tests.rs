use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::*;
use crate::{ContainerInstance, Ended, records::Failure};

fn pod(spec: Value, status: Value) -> Pod {
    let mut spec = spec;
    if spec.get("containers").is_none() {
        spec["containers"] = json!([{"name": "app", "image": "busybox:1"}]);
    }
    serde_json::from_value(json!({
        "metadata": {"uid": "u", "name": "web", "namespace": "team"}, "spec": spec, "status": status,
    }))
    .unwrap()
}

fn view(pod: Pod, containers: Option<Vec<ContainerInstance>>) -> View {
    let instance = containers.map(|containers| {
        Arc::new(Instance {
            uid: "u".into(),
            namespace: "team".into(),
            name: "web".into(),
            pod_ip: Some("10.0.0.7".into()),
            disruption: None,
            containers,
        })
    });
    View {
        pod: Arc::new(pod),
        removed: false,
        terminated: false,
        instance,
        lost: false,
        unseen: false,
        failure: None,
        calm: Default::default(),
        interrupt: Default::default(),
    }
}

fn container(name: &str, attempt: u32, run: ContainerRun) -> ContainerInstance {
    ContainerInstance {
        hold: None,
        name: name.into(),
        id: "docker://1".into(),
        image_id: String::new(),
        attempt,
        run,
        previous: None,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn ended(exit_code: i32) -> ContainerRun {
    ContainerRun::Ended(Ended {
        exit_code,
        reason: "Error".into(),
        message: String::new(),
        started: Some(at(-5)),
        finished: Some(at(0)),
        id: "docker://1".into(),
    })
}

fn running() -> ContainerRun {
    ContainerRun::Running { started: at(-5) }
}

fn answer(view: &View) -> Decision {
    decide(view, &Rules::default(), at(0))
}

#[test]
fn a_new_pod_is_started() {
    assert_eq!(answer(&view(pod(json!({}), json!({})), None)), Decision::Start(vec![(0, 0)]));
}

#[test]
fn a_running_pod_is_left_alone() {
    let view = view(pod(json!({}), json!({})), Some(vec![container("app", 0, running())]));
    assert_eq!(answer(&view), Decision::Report { wake_at: None });
}

#[test]
fn a_final_phase_rests_even_without_an_instance() {
    assert_eq!(answer(&view(pod(json!({}), json!({"phase": "Succeeded"})), None)), Decision::Rest { wake_at: None });
}

#[test]
fn a_deleted_pod_is_removed_whatever_its_phase() {
    let mut deleted = pod(json!({}), json!({"phase": "Failed"}));
    deleted.metadata.deletion_timestamp = Some(at(0).into());
    assert_eq!(answer(&view(deleted, None)), Decision::Remove);
}

#[test]
fn the_first_crash_restarts_at_once_and_the_second_waits() {
    let first = view(pod(json!({}), json!({})), Some(vec![container("app", 0, ended(1))]));
    assert_eq!(answer(&first), Decision::Start(vec![(0, 1)]));
    let second = view(pod(json!({}), json!({})), Some(vec![container("app", 1, ended(1))]));
    assert_eq!(answer(&second), Decision::Report { wake_at: Some(at(10)) });
    assert_eq!(decide(&second, &Rules::default(), at(10)), Decision::Start(vec![(0, 2)]));
}

#[test]
fn a_pod_that_asks_for_its_files_no_more_is_not_started_anew_without_them() {
    let capabilities = Capabilities { files_at_start: Some(("x/files", "env")), ..Capabilities::default() };
    let rules = Rules { capabilities, ..Rules::default() };
    let decided = |run: ContainerRun, note: &str| {
        let mut pod = pod(json!({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}), json!({}));
        pod.metadata.annotations = Some([("x/files".to_owned(), note.to_owned())].into());
        decide(&view(pod, Some(vec![container("app", 0, run)])), &rules, at(0))
    };
    assert_eq!(decided(ended(1), "env"), Decision::Start(vec![(0, 1)]));
    let Decision::Refuse(refusal) = decided(ended(1), "") else { panic!("it would lack its files") };
    assert!(refusal.message.contains("the annotation x/files: env lets it"), "{}", refusal.message);
    assert_eq!(decided(running(), ""), Decision::Report { wake_at: None }, "what runs has its files");
    assert_eq!(decided(ContainerRun::Created, ""), Decision::Start(vec![(0, 0)]), "it was given them");
}

#[test]
fn a_failed_create_waits_for_its_time() {
    let mut waiting = view(pod(json!({}), json!({})), None);
    waiting.failure =
        Some(Failure { count: 1, reason: "ErrImagePull".into(), message: String::new(), retry_at: at(5) });
    assert_eq!(answer(&waiting), Decision::Report { wake_at: Some(at(5)) });
    assert_eq!(decide(&waiting, &Rules::default(), at(5)), Decision::Start(vec![(0, 0)]));
}

#[test]
fn a_pod_that_waits_for_its_next_try_is_looked_at_when_its_time_is_over() {
    let status = json!({"startTime": at(-50).to_string()});
    let mut waiting = view(pod(json!({"activeDeadlineSeconds": 60}), status), None);
    waiting.failure =
        Some(Failure { count: 7, reason: "ErrImagePull".into(), message: String::new(), retry_at: at(300) });
    assert_eq!(answer(&waiting), Decision::Report { wake_at: Some(at(10)) });
    assert_eq!(decide(&waiting, &Rules::default(), at(10)), Decision::Expire);
}

#[test]
fn a_pod_past_its_deadline_expires() {
    let status = json!({"startTime": at(-60).to_string()});
    let over =
        view(pod(json!({"activeDeadlineSeconds": 60}), status.clone()), Some(vec![container("app", 0, running())]));
    assert_eq!(answer(&over), Decision::Expire);
    let soon = view(pod(json!({"activeDeadlineSeconds": 90}), status), Some(vec![container("app", 0, running())]));
    assert_eq!(answer(&soon), Decision::Report { wake_at: Some(at(30)) });
}

#[test]
fn a_lost_instance_is_lost_or_made_again_with_its_restart_count() {
    let status = json!({"containerStatuses": [
        {"name": "app", "image": "", "imageID": "", "ready": true, "restartCount": 4}]});
    let mut lost = view(pod(json!({}), status), None);
    lost.lost = true;
    assert_eq!(answer(&lost), Decision::Lose);
    let capabilities = Capabilities { recreates_lost: true, ..Capabilities::default() };
    let rules = Rules { capabilities, ..Rules::default() };
    assert_eq!(decide(&lost, &rules, at(0)), Decision::Start(vec![(0, 4)]));
    (lost.lost, lost.unseen) = (false, true);
    assert_eq!(answer(&lost), Decision::Rest { wake_at: None }, "nothing is certain yet");
    assert_eq!(decide(&lost, &rules, at(0)), Decision::Start(vec![(0, 4)]), "an engine that loses all tells at once");
}

#[test]
fn a_container_whose_end_only_the_status_tells_starts_with_the_next_attempt() {
    let starts = |ended: &str| {
        let status = json!({"phase": "Running", "containerStatuses": [{"name": "app", "image": "", "imageID": "",
            "ready": false, "restartCount": 2, "containerID": "docker://1",
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "containerID": ended}}}]});
        answer(&view(pod(json!({}), status), None))
    };
    assert_eq!(starts("docker://1"), Decision::Start(vec![(0, 3)]));
    assert_eq!(starts("docker://0"), Decision::Start(vec![(0, 2)]), "this attempt was made and never ran");
}

#[test]
fn siblings_restart_with_the_owner_of_their_network() {
    let spec = json!({"containers": [{"name": "app"}, {"name": "side"}]});
    let both = vec![container("app", 0, ended(1)), container("side", 2, running())];
    let capabilities = Capabilities { several_containers: true, first_owns_network: true, ..Capabilities::default() };
    let rules = Rules { capabilities, ..Rules::default() };
    let view = view(pod(spec, json!({})), Some(both));
    assert_eq!(decide(&view, &rules, at(0)), Decision::Start(vec![(0, 1), (1, 3)]));
}

/// An engine that takes pods whole.
fn whole() -> Rules {
    let capabilities = Capabilities { several_containers: true, whole_pods: true, ..Capabilities::default() };
    Rules { capabilities, ..Rules::default() }
}

fn with_init() -> Pod {
    let init = json!([{"name": "init", "image": "busybox:1"}]);
    let two = json!([{"name": "app", "image": "busybox:1"}, {"name": "side", "image": "busybox:1"}]);
    pod(json!({"initContainers": init, "containers": two}), json!({}))
}

#[test]
fn a_pod_that_is_taken_whole_is_asked_for_with_all_its_containers_and_then_left_alone() {
    let start = decide(&view(with_init(), None), &whole(), at(0));
    assert_eq!(start, Decision::Start(vec![(0, 0), (1, 0), (2, 0)]));
    let init = container("init", 0, ContainerRun::Running { started: at(0) });
    let made = view(with_init(), Some(vec![init]));
    assert_eq!(decide(&made, &whole(), at(9)), Decision::Report { wake_at: None });
}

#[test]
fn a_pod_that_was_taken_whole_and_is_over_starts_anew_if_its_policy_wants() {
    let over = |name: &str| container(name, 3, ended(137));
    let lost = view(with_init(), Some(vec![over("init"), over("app"), over("side")]));
    assert_eq!(decide(&lost, &whole(), at(3600)), Decision::Start(vec![(0, 4), (1, 4), (2, 4)]));
}

#[test]
fn a_container_whose_image_was_changed_is_replaced_whatever_the_policy() {
    let shown = |image: &str, id: &str, restarts: u32| {
        let status = json!({"phase": "Running", "containerStatuses": [{"name": "app", "image": image, "imageID": "",
            "ready": true, "restartCount": restarts, "containerID": id}]});
        pod(json!({"restartPolicy": "Never"}), status)
    };
    let answer = |pod: Pod, run: ContainerRun| answer(&view(pod, Some(vec![container("app", 2, run)])));
    let rests = Decision::Report { wake_at: None };
    assert_eq!(answer(shown("busybox:0", "docker://1", 2), running()), Decision::Start(vec![(0, 3)]));
    assert_eq!(answer(shown("busybox:1", "docker://1", 2), running()), rests);
    assert_eq!(answer(shown("busybox:0", "docker://0", 2), running()), rests, "that was another container");
    assert_eq!(answer(shown("busybox:0", "docker://1", 1), running()), rests, "and this an attempt before");
    assert_eq!(answer(shown("busybox:0", "docker://1", 2), ended(0)), rests, "what is over stays so");
}
