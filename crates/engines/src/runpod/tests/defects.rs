//! Known defects of the published node that only an engine can have, by their numbers (`virtual-node.md` §2).
//! Those of the node itself are in `crates/kubelet/src/defects.rs`; `docs/VIRTUAL-NODE.md` names the test of each.

use super::*;

const LIST: &str = "GET /v2/pods";
const GET: &str = "GET /v2/pods/{id}";
const DELETE: &str = "DELETE /v2/pods/{id}";

/// Another process of the same node.
fn next(world: &World) -> RunPod {
    let next = engine(&world.simulator, RunPodConfig::new("cluster", "virtual-runpod"), Fuse::new(i64::MAX));
    next.begins();
    next
}

#[tokio::test(start_paused = true)]
async fn d01_an_adopted_instance_that_vanishes_during_the_start_holds_nobody_up() {
    let world = World::new();
    world.engine.create(&world.request("a", |_| {})).await.unwrap();
    world.until_running("a").await;
    let next = next(&world);
    assert_eq!(next.list().await.unwrap().len(), 1, "adopted");
    world.simulator.control(Control::Terminate { name: "rgpu".into() });
    // While the look at what vanished is under way, for a minute and a half, everything else goes on.
    world.add(Fault::on(GET, Effect::Hang { acts: false }).times(1));
    let other = world.request("b", |_| {});
    let (look, begun) = (next.list(), tokio::time::Instant::now());
    let meanwhile = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        next.create(&other).await.unwrap();
        next.delete("b", Duration::ZERO).await.unwrap();
        begun.elapsed()
    };
    let (looked, took) = tokio::join!(look, meanwhile);
    assert_eq!(looked.unwrap().len(), 1, "nothing is concluded from silence");
    assert!(took < Duration::from_secs(60) && begun.elapsed() > Duration::from_secs(60), "{took:?}");
    // And so does what is done about that very pod, all of it at once.
    tokio::time::sleep(Duration::from_secs(120)).await;
    let all = async { tokio::join!(next.list(), next.delete("a", Duration::ZERO), next.list(), next.release("a")) };
    let done = tokio::time::timeout(Duration::from_secs(60), all).await;
    assert!(done.is_ok(), "one waits for another for ever");
    next.delete("a", Duration::ZERO).await.unwrap();
    assert!(next.list().await.unwrap().is_empty());
    money(&world.simulator, &[], Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn d11_only_the_word_that_it_is_not_there_means_gone() {
    let world = World::new();
    world.engine.create(&world.request("a", |_| {})).await.unwrap();
    world.until_running("a").await;
    // Old enough that an absence would count.
    tokio::time::sleep(Duration::from_secs(130)).await;
    world.add(Fault { name: Some("rgpu".into()), ..Fault::on(LIST, Effect::LeaveOut) });
    for status in [400, 401, 403, 409, 410, 429, 500, 502, 503, 504] {
        let faults = [DELETE, GET].map(|route| {
            let refusal = Effect::Refuse { status, shape: Shape::Problem, retry_after: None };
            Fault { name: Some("rgpu".into()), ..Fault::on(route, refusal) }
        });
        world.add(faults[1].clone());
        for _ in 0..3 {
            assert_eq!(world.tick().await.len(), 1, "{status} is no answer to the question");
        }
        world.add(faults[0].clone());
        let deleted = world.engine.delete("a", Duration::ZERO).await;
        assert!(matches!(deleted, Err(ProviderError::Unavailable(_))), "{status}: {deleted:?}");
        world.simulator.control(Control::ClearFaults);
        world.add(Fault { name: Some("rgpu".into()), ..Fault::on(LIST, Effect::LeaveOut) });
    }
    assert_eq!(world.tick().await.len(), 1, "it was there all the time");
    world.money(&["a"]).await;
    world.add(Fault { name: Some("rgpu".into()), ..Fault::on(GET, Effect::NotFound) });
    world.tick().await;
    assert!(world.tick().await.is_empty(), "now it is said, twice");
}

#[tokio::test(start_paused = true)]
async fn d02_a_look_that_fails_proves_nothing() {
    let world = World::new();
    world.engine.create(&world.request("a", |_| {})).await.unwrap();
    world.until_running("a").await;
    // Old enough that an absence would count, were it confirmed.
    tokio::time::sleep(Duration::from_secs(130)).await;
    world.add(Fault { name: Some("rgpu".into()), ..Fault::on(LIST, Effect::LeaveOut) });
    for shape in [Shape::Problem, Shape::Html, Shape::Empty] {
        world.fault("GET /v2/pods/{id}", Effect::Refuse { status: 503, shape, retry_after: None });
        for _ in 0..3 {
            assert_eq!(world.tick().await.len(), 1, "{shape:?}");
        }
    }
    world.simulator.control(Control::ClearFaults);
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn d04_who_adopts_an_instance_writes_its_id_down() {
    let world = World::new();
    world.engine.create(&world.request("a", |_| {})).await.unwrap();
    let id = world.simulator.report().pods[0].id.clone();
    let next = engine(&world.simulator, RunPodConfig::new("cluster", "virtual-runpod"), Fuse::new(i64::MAX));
    let mut reports = next.reports();
    next.list().await.unwrap();
    let Some(Report::Annotations { pod, annotations }) = reports.next().await else { panic!("no annotations") };
    assert_eq!((pod.uid.as_str(), pod.namespace.as_str(), pod.name.as_str()), ("a", "team", "pod-a"));
    assert!(annotations.contains(&("runpod.io/pod-id".into(), id)), "{annotations:?}");
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn d05_deleting_terminates_and_never_stops() {
    let world = World::new();
    world.engine.create(&world.request("a", |_| {})).await.unwrap();
    world.until_running("a").await;
    world.delete("a").await;
    let report = world.simulator.report();
    assert!(report.count(DELETE) > 0);
    let actions: Vec<&String> = report.calls.keys().filter(|route| route.ends_with("/action")).collect();
    assert_eq!(actions, Vec::<&String>::new(), "a stopped disk is still billed");
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn d06_a_terminate_that_failed_is_taken_up_by_the_next_process() {
    let world = World::new();
    world.engine.create(&world.request("a", |_| {})).await.unwrap();
    world.until_running("a").await;
    world.fault(DELETE, Effect::Refuse { status: 500, shape: Shape::Problem, retry_after: None });
    assert!(world.engine.delete("a", Duration::ZERO).await.is_err());
    let next = engine(&world.simulator, RunPodConfig::new("cluster", "virtual-runpod"), Fuse::new(i64::MAX));
    assert_eq!(next.list().await.unwrap().len(), 1, "it is there until it is confirmed gone");
    assert!(next.delete("a", Duration::ZERO).await.is_err());
    world.simulator.control(Control::ClearFaults);
    next.delete("a", Duration::ZERO).await.unwrap();
    money(&world.simulator, &[], Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn d28_what_is_left_of_the_quota_and_the_length_of_the_list_are_told() {
    let world = World::new();
    assert_eq!((world.engine.quota_left(), world.engine.list_bytes()), (Vec::new(), None), "nothing was called yet");
    world.tick().await;
    let (left, empty) = (world.engine.quota_left(), world.engine.list_bytes().unwrap());
    let windows: Vec<&str> = left.iter().map(|left| left.window.as_str()).collect();
    assert_eq!(windows, ["minute", "hour", "day"]);
    world.engine.create(&world.request("a", |_| {})).await.unwrap();
    world.until_running("a").await;
    let (later, one) = (world.engine.quota_left(), world.engine.list_bytes().unwrap());
    assert!(later[2].calls < left[2].calls, "each call is one less of the day: {left:?}, {later:?}");
    assert!(one > empty, "a list of one pod has {one} bytes, one of none {empty}");
    world.money(&["a"]).await;
}
