//! States, reasons and money of workloads, from the first pod to the last.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::deployment::DeploymentView;
use crate::pod::ConditionView;
use crate::sku::Sku;
use crate::version::{Versioned as _, unchanged};

fn pod(name: &str, ready: bool) -> PodState {
    PodState {
        name: name.into(),
        phase: if ready { "Running" } else { "Pending" }.into(),
        ready,
        deleting: false,
        node: Some("simulated-h100".into()),
        ip: None,
        restarts: 0,
        created_at: Timestamp::UNIX_EPOCH,
        started_at: ready.then_some(Timestamp::UNIX_EPOCH),
        ended_at: None,
        sku_code: "gpu-h100-1x".into(),
        owners: Vec::new(),
        reason: None,
        message: None,
        price: Some("3.29 EUR".into()),
        containers: Vec::new(),
        conditions: Vec::new(),
    }
}

fn waiting(name: &str, reason: &str, message: &str) -> PodState {
    PodState { reason: Some(reason.into()), message: Some(message.into()), ..pod(name, false) }
}

fn state(kind: WorkloadKind, pods: Vec<PodState>) -> WorkloadState {
    WorkloadState {
        kind,
        name: "demo".into(),
        sku_code: "gpu-h100-1x".into(),
        image: "x".into(),
        wanted: 2,
        ended: None,
        problem: None,
        created_at: Timestamp::UNIX_EPOCH,
        deleting: false,
        schedule: None,
        owners: Vec::new(),
        pods,
    }
}

fn view(state: &WorkloadState) -> WorkloadView {
    state.view(Timestamp::from_second(720).unwrap(), &Waits::new())
}

fn sku(code: &str, count: u32, free: u32) -> (String, Sku) {
    let spec = json!({
        "title": code, "gpu": {"model": "H100", "count": count, "memoryGiB": 80, "resource": "nvidia.com/gpu"},
        "resources": {"cpu": "24", "memory": "192Gi"}, "price": {"perHour": "3.29", "currency": "EUR"},
    });
    let status = json!({"free": free, "total": 16, "asOf": "2026-01-01T00:00:00Z"});
    let sku = Sku {
        code: code.into(),
        version: "1".into(),
        spec: serde_json::from_value(spec).unwrap(),
        status: serde_json::from_value(status).unwrap(),
    };
    (code.into(), sku)
}

#[test]
fn two_ready_pods_run_and_cost_twice_the_price() {
    let view = view(&state(WorkloadKind::Deployment, vec![pod("a", true), pod("b", true)]));
    assert_eq!((view.status, view.reason.as_str()), (WorkloadStatus::Running, "Running on simulated-h100"));
    assert_eq!(view.price_per_hour.unwrap().amount, "6.58");
    assert_eq!(view.cost_so_far.unwrap(), "1.316");
    assert!(view.simulated);
}

#[test]
fn a_missing_image_is_said_in_plain_words() {
    let view = view(&state(WorkloadKind::Deployment, vec![waiting("a", "ImagePullBackOff", "no such image")]));
    assert_eq!(view.status, WorkloadStatus::Failed);
    assert_eq!(view.reason, "The image cannot be pulled: no such image");
}

#[test]
fn a_rollout_that_cannot_go_on_is_said_while_all_pods_of_before_are_ready() {
    let stuck = waiting("c", "ErrImagePull", "no such image");
    let judged = view(&state(WorkloadKind::Deployment, vec![pod("a", true), pod("b", true), stuck.clone()]));
    assert_eq!((judged.status, judged.ready), (WorkloadStatus::Degraded, 2));
    assert_eq!(judged.reason, "The image cannot be pulled: no such image");

    let mut refused = state(WorkloadKind::Deployment, vec![pod("a", true), pod("b", true)]);
    refused.problem = Some("exceeded quota".into());
    assert_eq!(view(&refused).reason, "exceeded quota");

    // What was evicted and replaced is left lying, and what begins is no trouble.
    let evicted = PodState { phase: "Failed".into(), ..waiting("c", "Evicted", "low on disk") };
    let begins = waiting("d", "ContainerCreating", "");
    let whole = view(&state(WorkloadKind::Deployment, vec![pod("a", true), pod("b", true), evicted, begins]));
    assert_eq!(whole.status, WorkloadStatus::Running);
}

#[test]
fn a_pod_that_ended_costs_what_it_ran_and_no_more() {
    let mut over = pod("a", true);
    over.phase = "Succeeded".into();
    over.ended_at = Some(Timestamp::from_second(360).unwrap());
    let mut job = state(WorkloadKind::Job, vec![over]);
    job.ended = Some(true);
    let view = view(&job);
    assert_eq!((view.status, view.reason.as_str()), (WorkloadStatus::Succeeded, "Completed"));
    assert_eq!((view.price_per_hour, view.cost_so_far.as_deref()), (None, Some("0.329")));
    assert_eq!(view.cost_currency.as_deref(), Some("EUR"), "of the price it had");
}

#[test]
fn a_failed_job_says_why_and_a_suspended_one_that_it_waits_for_somebody() {
    let mut job = state(WorkloadKind::Job, Vec::new());
    (job.ended, job.problem) = (Some(false), Some("Job has reached the specified backoff limit".into()));
    assert_eq!(view(&job).reason, "Job has reached the specified backoff limit");
    (job.ended, job.problem, job.wanted) = (None, None, 0);
    assert_eq!(view(&job).reason, "Suspended");
}

#[test]
fn no_free_gpu_is_said_with_numbers_over_all_skus_of_the_model() {
    let skus: BTreeMap<String, Sku> = [sku("gpu-h100-1x", 1, 0), sku("gpu-h100-2x", 2, 0)].into();
    let occupied = OccupiedBySku::from([
        ("gpu-h100-1x".to_owned(), Occupied { own: 1, others: 0 }),
        ("gpu-h100-2x".to_owned(), Occupied { own: 1, others: 6 }),
    ]);
    let waits = waits(&skus, &occupied);
    let alone = state(WorkloadKind::Deployment, vec![waiting("a", "Unschedulable", "0/4 nodes are available: …")]);
    let view = alone.view(Timestamp::UNIX_EPOCH, &waits);
    assert_eq!(view.status, WorkloadStatus::Pending);
    assert_eq!(view.reason, "No H100 is free; 3 are in use by this account, 12 by others. It starts by itself");
    assert!(waits["gpu-h100-2x"].starts_with("No 2 × H100 are free on one node; 3 are"));
}

#[test]
fn while_something_is_free_the_scheduler_speaks_for_itself() {
    let skus: BTreeMap<String, Sku> = [sku("gpu-h100-1x", 1, 4)].into();
    let waits = waits(&skus, &OccupiedBySku::new());
    let alone = state(WorkloadKind::Pod, vec![waiting("a", "Unschedulable", "0/4 nodes: taint")]);
    assert_eq!(alone.view(Timestamp::UNIX_EPOCH, &waits).reason, "Waiting for a free place: 0/4 nodes: taint");
}

#[test]
fn what_others_take_concerns_only_those_who_wait_for_a_place() {
    let words = |text: &str| Waits::from([("gpu-h100-1x".to_owned(), text.to_owned())]);
    let waiting = [state(WorkloadKind::Deployment, vec![pod("a", true), waiting("b", "Unschedulable", "0/4 nodes")])];
    let now = reasons_shown(&waiting, &words("12 by others"));
    assert_eq!(now, Some(words("12 by others")));
    assert_ne!(now, reasons_shown(&waiting, &words("11 by others")));
    let of_another = Waits::from([("gpu-b200-1x".to_owned(), "No B200 is free".to_owned())]);
    assert_eq!(reasons_shown(&waiting, &of_another), Some(Waits::new()), "the scheduler speaks for itself");
    let placed = [state(WorkloadKind::Deployment, vec![pod("a", true), pod("b", false)])];
    assert_eq!(reasons_shown(&placed, &words("12 by others")), None);
}

#[test]
fn the_usual_start_is_the_middle_of_the_newest() {
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    assert_eq!(usual_start(Vec::new()), None);
    let old = (0..50).map(|i| (at(i), 600));
    let new = (100..120).map(|i| (at(i), if i < 105 { 90 } else { 40 }));
    assert_eq!(usual_start(old.chain(new).collect()), Some(40));
}

#[test]
fn a_start_is_counted_from_the_place_and_only_the_first() {
    let scheduled = |status: &str| ConditionView {
        name: "PodScheduled".into(),
        status: status.into(),
        reason: None,
        message: None,
        since: Some("1970-01-01T00:01:00Z".into()),
    };
    let mut one = pod("a", true);
    one.started_at = Some(Timestamp::from_second(100).unwrap());
    assert_eq!(one.start_seconds(), None, "nobody says when it had a place");
    one.conditions = vec![scheduled("True")];
    assert_eq!(one.start_seconds(), Some(40));
    one.restarts = 1;
    assert_eq!(one.start_seconds(), None);
    (one.restarts, one.conditions) = (0, vec![scheduled("False")]);
    assert_eq!(one.start_seconds(), None);
}

#[test]
fn a_list_shows_what_needs_a_person_first_and_says_how_many_it_leaves_out() {
    let many = (0..ROWS + 5).map(|i| {
        let mut one = state(WorkloadKind::Pod, vec![pod("a", true)]);
        (one.name, one.wanted) = (format!("p{i:04}"), 1);
        one
    });
    let mut all: Vec<WorkloadState> = many.collect();
    all[ROWS].pods[0] = waiting("a", "CrashLoopBackOff", "again");
    let list = WorkloadList::of(&all, &WorkloadFilter::default(), Timestamp::UNIX_EPOCH, &Waits::new());
    assert_eq!((list.items.len(), list.found, list.total), (ROWS, 105, 105));
    assert_eq!((list.items[0].name.as_str(), list.items[0].pods.len()), ("p0100", 0));
    let filter = WorkloadFilter { kind: Some(WorkloadKind::Pod), q: Some("P000".into()), ..Default::default() };
    assert_eq!(WorkloadList::of(&all, &filter, Timestamp::UNIX_EPOCH, &Waits::new()).found, 10);
}

#[test]
fn of_5000_pods_a_page_gets_those_in_trouble_and_the_number_of_all() {
    let mut pods: Vec<PodState> = (0..5000).map(|i| pod(&format!("p{i:04}"), true)).collect();
    pods[4999] = waiting("p4999", "CrashLoopBackOff", "again");
    pods[2500] = pod("p2500", false);
    let view = state(WorkloadKind::Deployment, pods).detail(Timestamp::UNIX_EPOCH, &Waits::new());
    assert_eq!((view.pods.len(), view.pod_count), (MOST_ROWS, 5000));
    let first: Vec<&str> = view.pods.iter().take(3).map(|pod| pod.name.as_str()).collect();
    assert_eq!(first, ["p4999", "p2500", "p0000"]);
}

#[test]
fn page_by_page_each_of_5000_is_met_once() {
    let one = |i: usize| WorkloadState { name: format!("p{i:04}"), wanted: 1, ..state(WorkloadKind::Pod, Vec::new()) };
    let mut all: Vec<WorkloadState> = (0..5000).map(one).collect();
    for broken in all.iter_mut().step_by(7) {
        broken.pods = vec![waiting("a", "CrashLoopBackOff", "again")];
    }
    let (mut filter, mut names, mut pages) = (WorkloadFilter::default(), Vec::new(), 0);
    loop {
        filter.check().unwrap();
        let page = WorkloadList::of(&all, &filter, Timestamp::UNIX_EPOCH, &Waits::new());
        assert_eq!((page.found, page.total), (5000, 5000));
        names.extend(page.items.into_iter().map(|row| row.name));
        pages += 1;
        filter.cursor = page.next_cursor;
        if filter.cursor.is_none() {
            break;
        }
    }
    assert_eq!((pages, names.len(), names[1].as_str()), (50, 5000, "p0007"), "what needs a person first");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5000);
}

#[test]
fn a_page_that_nobody_gave_is_refused_by_name() {
    let refused = |filter: &WorkloadFilter| matches!(filter.check(), Err(crate::Error::Invalid(_)));
    for limit in [0, 201, u32::MAX] {
        assert!(refused(&WorkloadFilter { limit: Some(limit), ..Default::default() }), "{limit}");
    }
    for cursor in ["", "2", "2-pod", "2-pod-", "2-node-x", "x-pod-a", "2-pod-../x", "300-pod-x"] {
        assert!(refused(&WorkloadFilter { cursor: Some(cursor.into()), ..Default::default() }), "{cursor}");
    }
}

#[test]
fn an_event_belongs_to_the_workload_its_pods_and_its_replica_sets() {
    let demo = state(WorkloadKind::Deployment, vec![pod("demo-1", true)]);
    let about = |kind: &str, name: &str| demo.concerns(&Owner { kind: kind.into(), name: name.into() });
    assert!(about("Deployment", "demo") && about("Pod", "demo-1") && about("ReplicaSet", "demo-6d4cf"));
    assert!(!about("Pod", "other") && !about("ReplicaSet", "demo-two-6d4cf") && !about("Deployment", "demo-1"));
}

#[test]
fn every_kind_is_read_back_from_its_path() {
    for kind in WorkloadKind::ALL {
        assert_eq!(WorkloadKind::parse(kind.as_str()), Some(kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
}

#[test]
fn whoever_saw_a_cron_job_before_it_was_suspended_saw_another_one_but_its_jobs_change_nothing() {
    let night = |suspended, running| {
        let schedule = Schedule { cron: "@daily".into(), time_zone: None, suspended, last_run_at: None, running };
        view(&WorkloadState { schedule: Some(schedule), ..state(WorkloadKind::CronJob, Vec::new()) })
    };
    assert!(unchanged(Some(&night(false, 0)), &night(false, 1)).is_ok());
    assert!(unchanged(Some(&night(false, 0)), &night(true, 0)).is_err());
    assert!(unchanged(Some(&night(true, 0)), &night(false, 0)).is_err());
}

#[test]
fn a_deployment_has_the_same_version_at_both_of_its_routes() {
    let workload = view(&state(WorkloadKind::Deployment, vec![pod("demo-1", true)]));
    let version = workload.version();
    assert_eq!(DeploymentView::of(workload).version(), version);
}
