use super::*;
use crate::{ContainerInstance, ContainerRun, Ended};

fn pod(uid: &str, version: u64) -> Pod {
    serde_json::from_value(serde_json::json!({
        "metadata": {"uid": uid, "name": "web", "namespace": "team", "resourceVersion": version.to_string()},
    }))
    .unwrap()
}

fn instance(uid: &str) -> Arc<Instance> {
    Arc::new(Instance {
        uid: uid.into(),
        namespace: "team".into(),
        name: "web".into(),
        pod_ip: None,
        disruption: None,
        containers: Vec::new(),
    })
}

#[test]
fn an_older_version_of_a_pod_is_ignored() {
    let records = Records::default();
    assert!(records.put_pod(&pod("a", 5)));
    assert!(!records.put_pod(&pod("a", 5)));
    assert!(!records.put_pod(&pod("a", 4)));
    assert!(records.put_pod(&pod("a", 6)));
}

#[test]
fn an_instance_is_lost_only_after_two_lists_without_it() {
    let records = Records::default();
    records.put_pod(&pod("a", 1));
    let first = records.start_list();
    assert_eq!(records.absorb(first, vec![instance("a")]).changed.len(), 1);
    let second = records.start_list();
    assert!(records.absorb(second, Vec::new()).changed.is_empty());
    assert_eq!((records.len(), records.instances()), (1, 1));
    let third = records.start_list();
    assert_eq!(records.absorb(third, Vec::new()).changed.len(), 1);
    let view = records.view("a").unwrap();
    assert!(view.lost && view.instance.is_none());
    assert_eq!((records.len(), records.instances()), (1, 0));
}

/// Whether the instance counts as lost after three lists without it.
fn is_lost(records: &Records) -> bool {
    for _ in 0..3 {
        let number = records.start_list();
        records.absorb(number, Vec::new());
    }
    records.view("a").unwrap().lost
}

/// A pod in this phase, with an instance whose only container does this.
fn known(phase: &str, run: ContainerRun) -> Records {
    let records = Records::default();
    let mut pod = pod("a", 1);
    pod.status = serde_json::from_value(serde_json::json!({"phase": phase})).unwrap();
    records.put_pod(&pod);
    let container = ContainerInstance {
        hold: None,
        name: "app".into(),
        id: "runpod://1".into(),
        image_id: String::new(),
        attempt: 0,
        run,
        previous: None,
    };
    let number = records.start_list();
    records.absorb(number, vec![Arc::new(Instance { containers: vec![container], ..(*instance("a")).clone() })]);
    records
}

#[test]
fn an_instance_that_was_given_back_until_it_can_start_again_is_not_lost() {
    let end = Ended {
        exit_code: 137,
        reason: "Error".into(),
        message: String::new(),
        started: None,
        finished: None,
        id: "runpod://1".into(),
    };
    let waiting = known("Running", ContainerRun::Ended(end.clone()));
    assert!(!is_lost(&waiting));
    assert!(waiting.view("a").unwrap().instance.is_some(), "how it ended decides about its restart");
    assert!(is_lost(&known("Failed", ContainerRun::Ended(end))), "nothing starts again");
    assert!(is_lost(&known("Running", ContainerRun::Running { started: Timestamp::UNIX_EPOCH })));
}

#[test]
fn a_process_that_has_just_begun_expects_no_instance_of_a_pod_that_waits_to_start_again() {
    let is_expected = |state: serde_json::Value, ended: &str| {
        let records = Records::default();
        let mut pod = pod("a", 1);
        pod.status = serde_json::from_value(serde_json::json!({"phase": "Running", "containerStatuses": [
            {"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 1, "containerID": "runpod://2",
            "state": state, "lastState": {"terminated": {"exitCode": 137, "containerID": ended}}}]}))
        .unwrap();
        records.put_pod(&pod);
        records.view("a").unwrap().unseen
    };
    let waiting = || serde_json::json!({"waiting": {"reason": "CreateContainerConfigError"}});
    assert!(!is_expected(waiting(), "runpod://2"));
    assert!(is_expected(waiting(), "runpod://1"), "the next one was made already");
    assert!(is_expected(serde_json::json!({"running": {}}), "runpod://1"));
}

#[test]
fn an_instance_that_never_ran_and_could_not_be_made_again_is_not_lost() {
    let records = Records::default();
    records.put_pod(&pod("a", 1));
    let number = records.start_list();
    records.absorb(number, vec![instance("a")]);
    let (reason, message) = ("ErrImagePull".to_owned(), String::new());
    records.set_failure("a", Failure { count: 1, reason, message, retry_at: Timestamp::UNIX_EPOCH });
    assert!(!is_lost(&records));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_has_just_begun_waits_for_the_lists_lag_before_an_instance_counts_as_lost() {
    let records = Records::with_lag(Duration::from_secs(30));
    let mut running = pod("a", 1);
    running.status = serde_json::from_value(serde_json::json!({"containerStatuses": [
        {"name": "app", "image": "", "imageID": "", "ready": true, "restartCount": 0, "containerID": "runpod://1"}]}))
    .unwrap();
    records.put_pod(&running);
    let empty = || {
        let number = records.start_list();
        records.absorb(number, Vec::new()).changed.len()
    };
    assert_eq!([empty(), empty(), empty()], [0, 0, 0], "the lists may lag");
    let view = records.view("a").unwrap();
    assert!(view.unseen && !view.lost);
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!([empty(), empty()], [0, 1], "two lists that must show it");
    let view = records.view("a").unwrap();
    assert!(view.lost && !view.unseen);
}

#[test]
fn a_list_that_began_before_a_create_ended_says_nothing_about_it() {
    let records = Records::default();
    records.put_pod(&pod("a", 1));
    let list = records.start_list();
    records.start_change("a");
    records.settle("a", Some(instance("a")));
    assert!(records.absorb(list, Vec::new()).changed.is_empty());
    let later = records.start_list();
    assert!(records.absorb(later, vec![instance("a")]).changed.is_empty());
}

#[test]
fn instances_without_a_pod_are_reported() {
    let records = Records::default();
    records.put_pod(&pod("a", 1));
    let list = records.start_list();
    let absorbed = records.absorb(list, vec![instance("a"), instance("b")]);
    assert_eq!(absorbed.unknown.len(), 1);
    assert_eq!(absorbed.unknown[0].uid, "b");
}

#[test]
fn a_pod_that_a_list_lacks_stays_until_somebody_says_that_it_is_gone() {
    let records = Records::default();
    records.put_pod(&pod("a", 1));
    records.put_pod(&pod("b", 2));
    let number = records.start_list();
    records.absorb(number, vec![instance("a"), instance("b")]);
    let back = |uids: &[&str]| records.set_listed(&uids.iter().map(|uid| (*uid).to_owned()).collect());
    assert!(back(&["a"]).is_empty());
    assert!(records.is_unlisted("b") && !records.is_unlisted("a"));
    assert_eq!((records.at_stake(), records.len()), ((1, 1), 2));
    assert!(back(&[]).is_empty());
    assert_eq!(records.at_stake(), (0, 2));
    assert_eq!(back(&["b"]), [Uid::from("b")], "it is worked on again");
    records.set_there("a");
    assert_eq!((records.unlisted(), records.at_stake()), (Vec::new(), (2, 0)));
    back(&["a"]);
    assert!(records.put_pod(&pod("b", 3)) && records.unlisted().is_empty(), "the watch shows it");
    back(&["a"]);
    records.mark_removed("b");
    assert!(records.unlisted().is_empty(), "it is known to be gone");
}

#[test]
fn a_deletion_interrupts_the_work_in_progress() {
    let records = Records::default();
    records.put_pod(&pod("a", 1));
    let view = records.view("a").unwrap();
    assert!(!view.interrupt.is_cancelled());
    records.mark_removed("a");
    assert!(view.interrupt.is_cancelled());
    assert!(!records.view("a").unwrap().interrupt.is_cancelled());
}
