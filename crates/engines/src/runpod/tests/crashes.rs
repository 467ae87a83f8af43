//! F14: containers whose end nobody watches, because their command is not known, and that RunPod starts again by itself.

use runpod_sim::Process;

use super::*;

const CREATE: &str = "POST /v2/pods";
const ACTION: &str = "POST /v2/pods/{id}/action";
const DELETE: &str = "DELETE /v2/pods/{id}";

/// Containers end after that many seconds, and come up after `boot` seconds.
fn crashing(seconds: u64, boot: u64) -> World {
    let process = Process { image: "nvidia/cuda".into(), lines: Vec::new(), seconds: Some(seconds), code: 1 };
    let settings = Settings { boot_seconds: boot, processes: vec![process], ..Settings::default() };
    World::with(settings, RunPodConfig::new("cluster", "virtual-runpod"))
}

fn without_command(pod: &mut Value) {
    pod["spec"]["containers"][0]["command"] = json!([]);
}

fn is_over(one: &kubelet::ContainerInstance) -> bool {
    matches!(one.run, ContainerRun::Ended(_))
}

fn rents(world: &World) -> [u64; 3] {
    let report = world.simulator.report();
    [CREATE, ACTION, DELETE].map(|route| report.count(route))
}

#[tokio::test(start_paused = true)]
async fn f14_what_runpod_starts_again_by_itself_has_ended_and_the_next_attempt_is_counted() {
    let world = crashing(20, 3);
    let mut request = world.request("a", without_command);
    world.engine.create(&request).await.unwrap();
    for attempt in 0..3 {
        let ended = world.until("a", is_over).await;
        let ContainerRun::Ended(end) = &ended.run else { panic!() };
        assert_eq!((ended.attempt, end.exit_code, end.reason.as_str()), (attempt, 137, "Error"));
        assert!(end.started.unwrap() < end.finished.unwrap(), "{end:?}");
        request.containers[0].attempt = attempt + 1;
        let again = world.engine.create(&request).await.unwrap();
        assert_eq!(again.containers[0].attempt, attempt + 1);
        assert_eq!(again.containers[0].previous.as_ref().map(|end| end.exit_code), Some(137));
    }
    assert_eq!(rents(&world), [1, 3, 0], "it starts anew where it is");
    let next = engine(&world.simulator, RunPodConfig::new("cluster", "virtual-runpod"), Fuse::new(i64::MAX));
    assert_eq!(next.list().await.unwrap()[0].containers[0].attempt, 3, "another process counts on");
    world.money(&["a"]).await;

    // The pause before the next start is long by now, and the node gives the instance back.
    world.until("a", is_over).await;
    world.engine.release("a").await.unwrap();
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn f14_a_container_that_never_comes_up_because_it_ends_is_not_rented_for_again_and_again() {
    let world = crashing(3600, 3600);
    let request = world.request("a", without_command);
    world.engine.create(&request).await.unwrap();
    for _ in 0..20 {
        world.tick().await;
        world.simulator.control(Control::Exit { name: "rgpu-".into(), code: 1 });
    }
    assert!(world.tick().await[0].containers.is_empty(), "it looks like a bad host");
    let found = world.engine.create(&request).await.unwrap();
    assert!(is_over(&found.containers[0]) && found.containers[0].attempt == 0, "{found:?}");
    assert_eq!(rents(&world), [1, 0, 0]);
    assert!(is_over(&world.tick().await[0].containers[0]), "so it is for everybody");
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_container_of_which_the_log_tells_no_other_start_goes_on() {
    let world = World::new();
    world.engine.create(&world.request("a", without_command)).await.unwrap();
    world.until_running("a").await;
    world.tick().await;
    // Only what the API says of its age is another.
    world.simulator.control(Control::Restart { name: "rgpu-".into() });
    for _ in 0..3 {
        world.tick().await;
    }
    let running = world.until_running("a").await;
    assert_eq!((running.attempt, running.previous), (0, None));
    assert_eq!(rents(&world), [1, 0, 0]);
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_its_pod_wants_to_run_until_it_is_deleted_does_so_however_often_it_ends() {
    let world = crashing(20, 3);
    let change = |pod: &mut Value| {
        without_command(pod);
        pod["spec"]["restartPolicy"] = json!("Never");
        pod["metadata"]["annotations"] = json!({"runpod.io/completion": "until-deleted"});
    };
    world.engine.create(&world.request("a", change)).await.unwrap();
    for _ in 0..20 {
        let all = world.tick().await;
        assert!(!is_over(&all[0].containers[0]), "{all:?}");
    }
    assert_eq!(rents(&world), [1, 0, 0]);
    world.money(&["a"]).await;
}
