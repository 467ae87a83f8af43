//! Instances that another kubelet rented: adopted by the annotations of their pods, if that is asked for, once and for good.

use super::*;

const PATCH: &str = "PATCH /v2/pods/{id}";
const CREATE: &str = "POST /v2/pods";

fn adopting() -> RunPodConfig {
    RunPodConfig { adopt_by_annotation: true, ..RunPodConfig::new("cluster", "virtual-runpod") }
}

/// An account with what somebody else rents there, a minute after the pod was made.
async fn world(names: &[&str]) -> (World, Timestamp) {
    let world = World::with(Settings::default(), adopting());
    let before = world.simulator.clock.now();
    tokio::time::sleep(Duration::from_secs(60)).await;
    for name in names {
        world.simulator.control(Control::Foreign { name: (*name).into() });
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    (world, before)
}

fn id(world: &World, name: &str) -> String {
    world.simulator.report().pods.iter().find(|pod| pod.name == name).unwrap().id.clone()
}

/// A pod as another kubelet leaves it.
fn left(uid: &str, id: &str, created: Timestamp) -> Pod {
    let status = json!({"name": "app", "image": "placeholder", "imageID": "", "ready": true, "restartCount": 0,
        "containerID": format!("runpod://{id}"), "state": {"running": {}}});
    let mut pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": format!("pod-{uid}"), "namespace": "team", "uid": uid,
            "annotations": {"runpod.io/pod-id": id, "runpod.io/cost-per-hr": "0.4"}},
        "spec": {"containers": [{"name": "app", "image": "somebody/else"}]},
        "status": {"phase": "Running", "podIP": "10.0.0.2", "containerStatuses": [status]}}))
    .unwrap();
    pod.metadata.creation_timestamp = Some(Time(created));
    pod
}

#[tokio::test(start_paused = true)]
async fn an_instance_without_a_marker_is_adopted_once_and_known_without_the_flag_ever_after() {
    let (world, before) = world(&["train"]).await;
    let id = id(&world, "train");
    let pod = left("a", &id, before);
    let mut reports = world.engine.reports();
    world.engine.adopt(std::slice::from_ref(&pod)).await.unwrap();
    let Some(Report::Annotations { pod: of, annotations }) = reports.next().await else { panic!("no annotations") };
    assert_eq!((of.uid.as_str(), of.namespace.as_str(), of.name.as_str()), ("a", "team", "pod-a"));
    assert!(annotations.contains(&("runpod.io/pod-id".into(), id.clone())), "{annotations:?}");
    let running = world.until_running("a").await;
    assert_eq!((running.name.as_str(), running.id), ("app", format!("runpod://{id}")));
    world.engine.adopt(std::slice::from_ref(&pod)).await.unwrap();
    let report = world.simulator.report();
    assert_eq!((report.count(PATCH), report.count(CREATE)), (1, 0), "renamed once, and nothing else");
    world.money(&["a"]).await;

    let config = RunPodConfig::new("cluster", "virtual-runpod");
    let next = engine(&world.simulator, config, Fuse::new(i64::MAX));
    let listed = next.list().await.unwrap();
    assert_eq!((listed.len(), listed[0].uid.as_str(), listed[0].name.as_str()), (1, "a", ""), "it cannot say more");
    let known = next.identify(&pod).unwrap();
    assert_eq!((known.namespace.as_str(), known.name.as_str()), ("team", "pod-a"));
    assert!(known.pod_ip.is_some() && known.container("app").is_some(), "{known:?}");
    assert_eq!(next.list().await.unwrap()[0], known, "it knows from now on");
    next.delete("a", Duration::ZERO).await.unwrap();
    money(&world.simulator, &[], Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_pods_own_is_not_adopted_and_without_the_flag_nothing_is() {
    let marked = "rgpu-00000000-0b5e2f5c-3f5e-4b76-9d63-000000000001";
    let (world, before) = world(&["train", marked]).await;
    let (free, others) = (id(&world, "train"), id(&world, marked));
    let late = world.simulator.clock.now();
    let late = late.checked_add(jiff::SignedDuration::from_secs(600)).unwrap();
    let mut job = left("d", &free, before);
    job.metadata.annotations = None;
    let mut reports = world.engine.reports();
    let pods = [left("a", &free, late), left("b", &others, before), left("c", "nothing", before), job];
    world.engine.adopt(&pods).await.unwrap();
    for uid in ["a", "b"] {
        let Some(Report::Event { pod, warning: true, reason, .. }) = reports.next().await else { panic!("no event") };
        assert_eq!((pod.uid.as_str(), reason), (uid, "InstanceNotAdopted"));
    }
    assert!(world.tick().await.is_empty());
    let plain = engine(&world.simulator, RunPodConfig::new("cluster", "virtual-runpod"), Fuse::new(i64::MAX));
    assert_eq!((plain.capabilities().adopts_by, world.engine.capabilities().adopts_by), (None, Some(POD_ID)));
    plain.adopt(&[left("e", &free, before)]).await.unwrap();
    assert!(plain.list().await.unwrap().is_empty());
    let report = world.simulator.report();
    assert_eq!((report.count(PATCH), report.billed("").len(), report.billed("train").len()), (0, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn of_two_pods_that_name_one_instance_only_the_one_whose_name_it_bears_gets_it() {
    let (world, before) = world(&["pod-b"]).await;
    let id = id(&world, "pod-b");
    let older = before.checked_sub(jiff::SignedDuration::from_secs(600)).unwrap();
    world.engine.adopt(&[left("a", &id, older), left("b", &id, before)]).await.unwrap();
    let listed = world.tick().await;
    assert_eq!(listed.iter().map(|one| one.uid.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(world.simulator.report().count(PATCH), 1);
    world.money(&["b"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_adoption_without_an_answer_is_an_error_and_is_completed_by_the_next_try() {
    for effect in [
        Effect::Hang { acts: true },
        Effect::Hang { acts: false },
        Effect::Cut,
        Effect::Refuse { status: 503, shape: Shape::Html, retry_after: None },
    ] {
        let (world, before) = world(&["train"]).await;
        let pod = left("a", &id(&world, "train"), before);
        world.add(Fault::on(PATCH, effect.clone()).times(1));
        let tried = world.engine.adopt(std::slice::from_ref(&pod)).await;
        assert!(matches!(tried, Err(ProviderError::Unavailable(_))), "{effect:?}: {tried:?}");
        world.engine.adopt(std::slice::from_ref(&pod)).await.unwrap();
        let listed = world.tick().await;
        assert_eq!((listed.len(), listed[0].uid.as_str()), (1, "a"), "{effect:?}");
        let known = world.engine.identify(&pod).unwrap();
        assert!(known.container("app").is_some(), "{effect:?}: {known:?}");
        assert_eq!(world.simulator.report().count(CREATE), 0, "{effect:?}");
        world.money(&["a"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_stopped_before_it_was_adopted_is_shown_as_ended_and_ends_for_good() {
    let (world, before) = world(&["train"]).await;
    let pod = left("a", &id(&world, "train"), before);
    world.simulator.control(Control::Stop { name: "train".into() });
    world.engine.adopt(std::slice::from_ref(&pod)).await.unwrap();
    let ended = world.until("a", |one| matches!(one.run, ContainerRun::Ended(_))).await;
    let ContainerRun::Ended(ended) = ended.run else { panic!("it ended") };
    assert_eq!((ended.exit_code, ended.reason.as_str()), (137, kubelet::Ended::LOST), "nobody saw its exit code");
    world.delete("a").await;
    // A stopped one does not say what it cost while it ran, so the sum is not ours to know.
    money(&world.simulator, &[], Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn what_still_costs_something_is_told_and_left_alone() {
    let world = World::new();
    world.simulator.control(Control::Foreign { name: "somebody-else".into() });
    assert_eq!(world.engine.costing().await.unwrap(), Vec::new());
    world.engine.create(&world.request("a", |_| {})).await.unwrap();
    world.until_running("a").await;
    let next = engine(&world.simulator, RunPodConfig::new("cluster", "virtual-runpod"), Fuse::new(i64::MAX));
    let told = next.costing().await.unwrap();
    assert_eq!((told.len(), told[0].pod.as_str(), told[0].stopped), (1, "team/pod-a", false));
    assert!(told[0].micros_per_hour > 0, "{told:?}");
    world.simulator.control(Control::Stop { name: "rgpu".into() });
    let told = next.costing().await.unwrap();
    assert!(told.len() == 1 && told[0].stopped, "{told:?}");
    let report = world.simulator.report();
    assert_eq!((report.count("DELETE /v2/pods/{id}"), report.count(PATCH)), (0, 0));
    world.delete("a").await;
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_process_killed_at_any_step_of_an_adoption_loses_nothing_and_doubles_nothing() {
    // A list, a look and the change of the name, each sent and answered; then it is done.
    for steps in 0..8 {
        let (world, before) = world(&["train"]).await;
        let pod = left("a", &id(&world, "train"), before);
        let fuse = Fuse::new(steps);
        let killed = engine(&world.simulator, adopting(), fuse.clone());
        tokio::select! {
            adopted = killed.adopt(std::slice::from_ref(&pod)) => adopted.unwrap(),
            () = fuse.blown.notified() => assert!(steps < 6, "{steps}"),
        }
        world.engine.adopt(std::slice::from_ref(&pod)).await.unwrap();
        world.until_running("a").await;
        let known = world.engine.identify(&pod).unwrap();
        assert!(known.container("app").is_some(), "{steps}: {known:?}");
        let report = world.simulator.report();
        assert_eq!((report.count(PATCH), report.count(CREATE)), (1, 0), "{steps}");
        world.money(&["a"]).await;
    }
}
