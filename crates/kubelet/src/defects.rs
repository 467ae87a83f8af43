//! The known defects of the node that ours replaces, each as a test by its number (`virtual-node.md` §2).
//! Those of an engine are in its own tests and in `conformance`; those that need a cluster are integration tests.
use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use crate::{
    ContainerInstance, ContainerRun, EngineInfo, Instance, NodeConfig,
    config::tests::config,
    decide::Rules,
    node_object::{Facts, labels, new_node, status_patch, taints},
    orphans::Orphans,
    probes::Probes,
    records::Records,
    refuse::refuse,
    restart::CalmAttempts,
    status::{End, Situation, final_status, status},
    tick::Health,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn pod(uid: &str, namespace: &str, name: &str, version: u32) -> Pod {
    let metadata = json!({"uid": uid, "namespace": namespace, "name": name, "resourceVersion": version.to_string()});
    let spec = json!({"containers": [{"name": "app", "image": "busybox:1"}]});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

fn instance(uid: &str, id: &str) -> Arc<Instance> {
    Arc::new(Instance {
        uid: uid.into(),
        namespace: "team".into(),
        name: "web".into(),
        pod_ip: Some("10.0.0.7".into()),
        disruption: None,
        containers: vec![ContainerInstance {
            hold: None,
            name: "app".into(),
            id: id.into(),
            image_id: "sha256:1".into(),
            attempt: 0,
            run: ContainerRun::Running { started: at(0) },
            previous: None,
        }],
    })
}

fn shown(pod: &Pod, instance: Option<&Instance>, now: Timestamp) -> k8s_openapi::api::core::v1::PodStatus {
    let (calm, probes) = (CalmAttempts::new(), Probes::new());
    let (calm, probes) = (&calm, &probes);
    status(&Situation { pod, instance, waiting: None, calm, probes, probed: true, host_ip: "192.0.2.1", now })
}

fn node_status(health: &Health) -> Value {
    let (config, engine, allocatable) = (config(), EngineInfo::default(), BTreeMap::new());
    let facts = Facts {
        config: &config,
        engine: &engine,
        kind: "docker",
        allocatable: &allocatable,
        server_version: "v1.36.3",
        health,
        orphans: &Orphans::default(),
        unpaid: None,
        now: at(0),
    };
    status_patch(&facts, None)["status"].clone()
}

#[test]
fn d01_an_instance_that_vanishes_during_the_start_is_lost_and_nothing_waits_for_it() {
    let records = Records::default();
    records.put_pod(&pod("u", "team", "web", 1));
    let first = records.start_list();
    records.absorb(first, vec![instance("u", "docker://1")]);
    for _ in 0..2 {
        let number = records.start_list();
        records.absorb(number, Vec::new());
    }
    let view = records.view("u").unwrap();
    assert!(view.lost && view.instance.is_none());
}

#[test]
fn d03_work_on_one_pod_is_never_done_twice_at_a_time() {
    use futures::FutureExt;
    let queue = crate::queue::Queue::default();
    queue.add("u".into());
    let uid = queue.next().now_or_never().unwrap();
    queue.add("u".into());
    assert_eq!(queue.next().now_or_never(), None);
    queue.done(&uid);
    assert_eq!(queue.next().now_or_never(), Some(uid));
}

#[test]
fn d04_an_instance_that_was_not_recorded_is_found_by_its_marker() {
    let records = Records::default();
    records.put_pod(&pod("u", "team", "web", 1));
    let number = records.start_list();
    let absorbed = records.absorb(number, vec![instance("u", "docker://1")]);
    assert_eq!((absorbed.changed.len(), absorbed.unknown.len()), (1, 0));
    let view = records.view("u").unwrap();
    let decision = crate::decide::decide(&view, &Rules::default(), at(1));
    assert_eq!(decision, crate::decide::Decision::Report { wake_at: None }, "nothing is started a second time");
}

#[test]
fn d07_names_that_look_alike_are_different_pods() {
    let records = Records::default();
    records.put_pod(&pod("one", "a-b", "c", 1));
    records.put_pod(&pod("two", "a", "b-c", 2));
    let uid = |namespace: &str, name: &str| records.find(namespace, name).unwrap().pod.metadata.uid.clone().unwrap();
    assert_eq!((uid("a-b", "c").as_str(), uid("a", "b-c").as_str()), ("one", "two"));
}

#[test]
fn d08_a_new_pod_with_an_old_name_has_no_old_state() {
    let records = Records::default();
    records.put_pod(&pod("old", "team", "web-0", 1));
    let number = records.start_list();
    records.absorb(number, vec![instance("old", "docker://1")]);
    records.mark_removed("old");
    records.put_pod(&pod("new", "team", "web-0", 2));
    let found = records.find("team", "web-0").unwrap();
    assert_eq!(found.pod.metadata.uid.as_deref(), Some("new"));
    assert!(found.instance.is_none() && !found.lost);
}

#[test]
fn d09_an_instance_without_a_pod_of_ours_is_only_ever_a_suspect() {
    let records = Records::default();
    let number = records.start_list();
    let absorbed = records.absorb(number, vec![instance("foreign", "docker://1")]);
    assert_eq!((absorbed.changed.len(), absorbed.unknown.len(), records.len()), (0, 1, 0));
}

#[test]
fn d12_the_status_has_real_names_images_and_ids() {
    let status = shown(&pod("u", "team", "web", 1), Some(&instance("u", "docker://1")), at(1));
    let container = &status.container_statuses.unwrap()[0];
    assert_eq!((container.name.as_str(), container.image.as_str()), ("app", "busybox:1"));
    assert_eq!((container.image_id.as_str(), container.container_id.as_deref()), ("sha256:1", Some("docker://1")));
}

#[test]
fn d16_d17_a_node_has_its_labels_taint_and_provider_id_from_its_first_moment() {
    let config: NodeConfig = config();
    let labels = labels(&config);
    assert_eq!(labels["kubernetes.io/os"], "linux");
    assert!(matches!(labels["kubernetes.io/arch"].as_str(), "amd64" | "arm64"));
    let spec = new_node(&config, "docker", &BTreeMap::new()).spec.unwrap();
    assert_eq!(spec.provider_id.as_deref(), Some(format!("docker://{}", config.name).as_str()));
    assert_eq!(spec.taints.unwrap(), taints(&config));
}

#[test]
fn d18_pods_of_daemon_sets_static_and_system_pods_are_not_run() {
    let of = |change: Value| {
        let mut daemon = serde_json::to_value(pod("u", "team", "web", 1)).unwrap();
        let fields = daemon["metadata"].as_object_mut().unwrap();
        fields.extend(change.as_object().unwrap().clone());
        refuse(&serde_json::from_value(daemon).unwrap(), &Rules::default()).unwrap().reason
    };
    let daemon = json!([{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "x", "uid": "y"}]);
    assert_eq!(of(json!({"ownerReferences": daemon})), "NotForVirtualNode");
    assert_eq!(of(json!({"annotations": {"kubernetes.io/config.mirror": "x"}})), "NotForVirtualNode");
    assert_eq!(of(json!({"namespace": "kube-system"})), "NotForVirtualNode");
}

#[test]
fn d19_d23_the_same_observation_is_the_same_status_and_the_start_never_moves() {
    let mut pod = pod("u", "team", "web", 1);
    let first = shown(&pod, Some(&instance("u", "docker://1")), at(1));
    pod.status = Some(first.clone());
    assert_eq!(shown(&pod, Some(&instance("u", "docker://1")), at(900)), first);
}

#[test]
fn d21_a_failed_create_is_shown_in_the_status() {
    let pod = pod("u", "team", "web", 1);
    let waiting = crate::status::Waiting { reason: "ErrImagePull".into(), message: "no such image".into() };
    let (calm, probes) = (CalmAttempts::new(), Probes::new());
    let status = status(&Situation {
        pod: &pod,
        instance: None,
        waiting: Some(&waiting),
        calm: &calm,
        probes: &probes,
        probed: true,
        host_ip: "192.0.2.1",
        now: at(0),
    });
    let state = status.container_statuses.unwrap()[0].state.clone().unwrap().waiting.unwrap();
    assert_eq!((state.reason.as_deref(), state.message.as_deref()), (Some("ErrImagePull"), Some("no such image")));
}

#[test]
fn d25_an_end_without_proof_is_a_failure() {
    let mut pod = pod("u", "team", "web", 1);
    pod.status = Some(shown(&pod, Some(&instance("u", "docker://1")), at(1)));
    let status = final_status(&pod, None, End::InstanceLost, "192.0.2.1", at(2));
    let ended = status.container_statuses.unwrap()[0].state.clone().unwrap().terminated.unwrap();
    assert_eq!((status.phase.as_deref(), ended.exit_code), (Some("Failed"), 137));
}

#[test]
fn d14_d26_a_node_whose_engine_does_not_answer_is_not_ready_and_says_why() {
    let ready = |health: &Health| node_status(health)["conditions"][0].clone();
    let well = ready(&Health { listed: true, ..Health::default() });
    assert_eq!((&well["type"], &well["status"]), (&json!("Ready"), &json!("True")));
    let ill = ready(&Health { listed: true, failures: 3, message: "401 Unauthorized".into() });
    assert_eq!((&ill["status"], &ill["message"]), (&json!("False"), &json!("401 Unauthorized")));
}

#[test]
fn d15_a_failed_pod_of_a_controller_is_discarded_after_five_minutes() {
    use crate::decide::{Decision, decide};
    let owned = |kind: &str| {
        let mut pod = pod("u", "team", "web", 1);
        let owner = json!([{"apiVersion": "v1", "kind": kind, "name": "x", "uid": "y", "controller": true}]);
        pod.metadata.owner_references = serde_json::from_value(owner).unwrap();
        let ended = json!({"exitCode": 1, "finishedAt": at(0).to_string()});
        pod.status =
            serde_json::from_value(json!({"phase": "Failed", "containerStatuses": [{"name": "app", "image": "",
            "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": ended}}]}))
            .unwrap();
        let records = Records::default();
        records.put_pod(&pod);
        records.view("u").unwrap()
    };
    let view = owned("ReplicaSet");
    assert_eq!(decide(&view, &Rules::default(), at(299)), Decision::Rest { wake_at: Some(at(300)) });
    assert_eq!(decide(&view, &Rules::default(), at(300)), Decision::Discard);
    // A Job counts its failed pods and limits them itself.
    assert_eq!(decide(&owned("Job"), &Rules::default(), at(300)), Decision::Rest { wake_at: None });
}
