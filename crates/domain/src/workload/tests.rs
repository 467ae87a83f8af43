//! States, reasons and money of workloads, from the first pod to the last.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::sku::Sku;

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
fn a_pod_that_ended_costs_what_it_ran_and_no_more() {
    let mut over = pod("a", true);
    over.phase = "Succeeded".into();
    over.ended_at = Some(Timestamp::from_second(360).unwrap());
    let mut job = state(WorkloadKind::Job, vec![over]);
    job.ended = Some(true);
    let view = view(&job);
    assert_eq!((view.status, view.reason.as_str()), (WorkloadStatus::Succeeded, "Completed"));
    assert_eq!((view.price_per_hour, view.cost_so_far.as_deref()), (None, Some("0.329")));
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
fn a_list_shows_what_needs_a_person_first_and_says_how_many_it_leaves_out() {
    let many = (0..MOST_ROWS + 5).map(|i| {
        let mut one = state(WorkloadKind::Pod, vec![pod("a", true)]);
        (one.name, one.wanted) = (format!("p{i:04}"), 1);
        one
    });
    let mut all: Vec<WorkloadState> = many.collect();
    all[200].pods[0] = waiting("a", "CrashLoopBackOff", "again");
    let list = WorkloadList::of(&all, &WorkloadFilter::default(), Timestamp::UNIX_EPOCH, &Waits::new());
    assert_eq!((list.items.len(), list.found, list.total), (MOST_ROWS, 205, 205));
    assert_eq!((list.items[0].name.as_str(), list.items[0].pods.len()), ("p0200", 0));
    let filter = WorkloadFilter { kind: Some(WorkloadKind::Pod), q: Some("P000".into()) };
    assert_eq!(WorkloadList::of(&all, &filter, Timestamp::UNIX_EPOCH, &Waits::new()).found, 10);
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
