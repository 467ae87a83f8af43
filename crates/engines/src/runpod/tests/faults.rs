//! Faults F1 to F20 of `runpod-api.md` §15.3: what the engine shows, and that no dollar leaks.

use super::*;

const CREATE: &str = "POST /v2/pods";
const LIST: &str = "GET /v2/pods";
const GET: &str = "GET /v2/pods/{id}";
const DELETE: &str = "DELETE /v2/pods/{id}";

/// Creates until it works, as the node does.
async fn create(world: &World, request: &InstanceRequest) -> Vec<String> {
    let mut reasons = Vec::new();
    for _ in 0..60 {
        match world.engine.create(request).await {
            Ok(_) => return reasons,
            Err(error) => reasons.push(reason(Err(error)).0),
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    panic!("never created: {reasons:?}");
}

#[tokio::test(start_paused = true)]
async fn f1_a_rate_limit_is_waited_for_and_deleting_goes_first() {
    let world = World::new();
    world.add(Fault::on(CREATE, Effect::Refuse { status: 429, shape: Shape::Problem, retry_after: Some(9) }).times(2));
    let reasons = create(&world, &world.request("a", |_| {})).await;
    assert!(reasons.is_empty(), "{reasons:?}");
    world.add(Fault::on(LIST, Effect::QuotaHeaders { text: Some("\"minute\";r=oops".into()) }));
    world.tick().await;
    world.delete("a").await;
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn f2_errors_of_the_provider_prove_nothing() {
    for shape in [Shape::Problem, Shape::Html, Shape::Empty] {
        let world = World::new();
        create(&world, &world.request("a", |_| {})).await;
        world.until_running("a").await;
        world.fault(LIST, Effect::Refuse { status: 502, shape, retry_after: None });
        assert!(world.engine.list().await.is_err(), "no conclusion from an error");
        world.simulator.control(Control::ClearFaults);
        world.add(Fault::on(DELETE, Effect::Refuse { status: 500, shape, retry_after: None }).times(4));
        assert!(world.engine.delete("a", Duration::ZERO).await.is_err());
        world.delete("a").await;
        world.money(&[]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f3_a_create_without_an_answer_is_found_by_its_name() {
    let effects = [Effect::Hang { acts: true }, Effect::Cut, Effect::Lie { status: 500, shape: Shape::Html }];
    for effect in effects {
        for lag in [0, 20] {
            let settings = Settings { list_lag_seconds: lag, ..Settings::default() };
            let world = World::with(settings, RunPodConfig::new("cluster", "node"));
            world.add(Fault::on(CREATE, effect.clone()).times(1));
            let reasons = create(&world, &world.request("a", |_| {})).await;
            assert_eq!(reasons.first().map(String::as_str), Some("CreateInDoubt"));
            assert_eq!(world.simulator.report().count(CREATE), 1, "{effect:?}, lag {lag}: never sent twice");
            world.money(&["a"]).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn f3_a_create_that_was_never_carried_out_is_sent_again_after_the_lag() {
    let world = World::new();
    world.add(Fault::on(CREATE, Effect::Hang { acts: false }).times(1));
    create(&world, &world.request("a", |_| {})).await;
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn f3_a_pod_deleted_while_its_create_is_in_doubt_leaves_nothing() {
    let world =
        World::with(Settings { list_lag_seconds: 20, ..Settings::default() }, RunPodConfig::new("cluster", "node"));
    world.add(Fault::on(CREATE, Effect::Cut).times(1));
    assert!(world.engine.create(&world.request("a", |_| {})).await.is_err());
    assert!(world.engine.delete("a", Duration::ZERO).await.is_err(), "not before the list must show it");
    world.delete("a").await;
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn f4_without_capacity_the_next_type_is_tried_and_then_the_pod_waits() {
    let world = World::new();
    world.simulator.control(Control::StaleStock { on: true });
    world.simulator.control(Control::Stock {
        hardware: "NVIDIA RTX 2000 Ada Generation".into(),
        data_center: String::new(),
        count: 0,
    });
    create(&world, &world.request("a", |_| {})).await;
    assert_eq!(world.simulator.report().pods[0].hardware, "NVIDIA RTX A4000");
    world.fault(CREATE, Effect::NoCapacity);
    let (reason, message) = reason(world.engine.create(&world.request("b", |_| {})).await);
    assert!(reason == "NoCapacity" && message.contains("no longer any instances"), "{reason}: {message}");
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn f5_a_slow_boot_is_waited_for_and_a_bad_host_is_replaced() {
    let world = World::new();
    world.add(Fault::on(CREATE, Effect::SlowBoot { seconds: Some(90) }).times(1));
    create(&world, &world.request("slow", |_| {})).await;
    world.until_running("slow").await;
    assert_eq!(world.simulator.report().count(CREATE), 1);
    world.add(Fault::on(CREATE, Effect::SlowBoot { seconds: None }).times(1));
    let request = world.request("bad", |_| {});
    create(&world, &request).await;
    let mut shown = world.tick().await;
    while shown.iter().any(|one| one.uid == "bad" && !one.containers.is_empty()) {
        shown = world.tick().await;
    }
    create(&world, &request).await;
    world.until_running("bad").await;
    world.money(&["slow", "bad"]).await;
}

#[tokio::test(start_paused = true)]
async fn f6_an_instance_is_gone_only_when_that_is_confirmed() {
    let world = World::new();
    create(&world, &world.request("a", |_| {})).await;
    world.until_running("a").await;
    world.add(Fault { name: Some("rgpu".into()), ..Fault::on(LIST, Effect::LeaveOut) });
    for _ in 0..5 {
        assert_eq!(world.tick().await.len(), 1, "missing from lists is not gone");
    }
    world.simulator.control(Control::ClearFaults);
    tokio::time::sleep(Duration::from_secs(120)).await;
    world.simulator.control(Control::Terminate { name: "rgpu".into() });
    assert_eq!(world.tick().await.len(), 1, "once is not enough");
    assert!(world.tick().await.is_empty());
    world.delete("a").await;
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn f7_an_instance_that_was_stopped_is_shown_as_ended_and_its_disk_is_not_left_billed() {
    let world = World::new();
    create(&world, &world.request("a", |_| {})).await;
    world.until_running("a").await;
    world.simulator.control(Control::Stop { name: "rgpu".into() });
    let ended = world.until("a", |one| matches!(one.run, ContainerRun::Ended(_))).await;
    let ContainerRun::Ended(end) = ended.run else { panic!() };
    assert_eq!((end.exit_code, end.reason.as_str()), (137, "ContainerStatusUnknown"), "never Succeeded without proof");
    world.engine.release("a").await.unwrap();
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn f8_ports_that_never_come_or_have_no_address_hold_readiness() {
    for effect in [Effect::SlowPorts { seconds: None }, Effect::PortsWithoutIp] {
        let world = World::new();
        world.add(Fault::on(CREATE, effect).times(1));
        let ports = |pod: &mut Value| pod["spec"]["containers"][0]["ports"] = json!([{"containerPort": 5432}]);
        create(&world, &world.request("a", ports)).await;
        for _ in 0..5 {
            world.tick().await;
        }
        let held = world.until("a", |one| matches!(one.run, ContainerRun::Running { .. })).await;
        assert!(held.hold.is_some());
        world.delete("a").await;
        world.money(&[]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f9_pages_are_followed_and_an_incomplete_walk_says_nothing() {
    let settings = Settings { paging: true, page_size: 2, ..Settings::default() };
    let world = World::with(settings, RunPodConfig::new("cluster", "node"));
    for uid in ["a", "b", "c", "d", "e"] {
        create(&world, &world.request(uid, |_| {})).await;
    }
    world.fault(LIST, Effect::ItemTwice);
    assert_eq!(world.tick().await.len(), 5);
    for effect in [Effect::EndlessPages, Effect::CursorRefused] {
        world.simulator.control(Control::ClearFaults);
        world.fault(LIST, effect);
        assert!(world.engine.list().await.is_err());
    }
    world.simulator.control(Control::ClearFaults);
    assert_eq!(world.tick().await.len(), 5);
    world.money(&["a", "b", "c", "d", "e"]).await;
}

#[tokio::test(start_paused = true)]
async fn f10_an_instance_that_lists_do_not_show_yet_is_neither_lost_nor_rented_again() {
    let world =
        World::with(Settings { list_lag_seconds: 25, ..Settings::default() }, RunPodConfig::new("cluster", "node"));
    let request = world.request("a", |_| {});
    create(&world, &request).await;
    for _ in 0..4 {
        assert_eq!(world.tick().await.len(), 1);
        world.engine.create(&request).await.unwrap();
    }
    world.delete("a").await;
    assert!(world.tick().await.is_empty());
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn f10_a_reply_that_is_late_changes_nothing_in_a_list_or_in_a_direct_look() {
    let world = World::new();
    let request = world.request("a", |_| {});
    create(&world, &request).await;
    let id = world.until_running("a").await.id;
    for late in [vec![(LIST, Effect::Stale)], vec![(LIST, Effect::LeaveOut), (GET, Effect::Stale)]] {
        for (route, effect) in &late {
            world.fault(route, effect.clone());
        }
        for _ in 0..4 {
            let shown = world.tick().await;
            let one = &shown[0].containers[0];
            assert!(one.id == id && matches!(one.run, ContainerRun::Running { .. }), "{late:?}: {one:?}");
            world.engine.create(&request).await.unwrap();
        }
        world.simulator.control(Control::ClearFaults);
        world.until_running("a").await;
    }
    assert_eq!(world.simulator.report().count(CREATE), 1);
    world.delete("a").await;
    world.fault(LIST, Effect::Stale);
    assert!(world.tick().await.is_empty(), "what is deleted does not come back");
    world.simulator.control(Control::ClearFaults);
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn f11_f12_an_empty_account_or_a_bad_key_stops_all_creates() {
    for (status, wanted) in [(402, "InsufficientBalance"), (401, "ProviderUnauthorized")] {
        let world = World::new();
        world.fault(CREATE, Effect::Refuse { status, shape: Shape::Html, retry_after: None });
        assert_eq!(reason(world.engine.create(&world.request("a", |_| {})).await).0, wanted);
        assert_eq!(reason(world.engine.create(&world.request("b", |_| {})).await).0, wanted);
        assert_eq!(world.simulator.report().count(CREATE), 1, "no loop");
        world.simulator.control(Control::ClearFaults);
        world.tick().await;
        let told = world.engine.insufficient_balance().is_some();
        assert_eq!(told, status == 402, "a list that works says nothing about the balance");
        create(&world, &world.request("a", |_| {})).await;
        assert_eq!(world.engine.insufficient_balance(), None, "something was paid for");
        world.money(&["a"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f12_hardware_that_the_key_may_not_rent_is_left_out_for_the_next() {
    for shape in [Shape::Problem, Shape::Html] {
        let world = World::new();
        world.add(Fault::on(CREATE, Effect::Refuse { status: 403, shape, retry_after: None }).times(1));
        world.engine.create(&world.request("a", |_| {})).await.unwrap();
        assert_eq!(world.simulator.report().pods[0].hardware, "NVIDIA RTX A4000", "the second cheapest");
        assert_eq!(world.simulator.report().count(CREATE), 2);
        world.money(&["a"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f12_a_key_that_may_rent_nothing_leaves_the_pod_waiting_and_stops_no_other() {
    for shape in [Shape::Problem, Shape::Html] {
        let world = World::new();
        world.fault(CREATE, Effect::Refuse { status: 403, shape, retry_after: None });
        let (reason, message) = reason(world.engine.create(&world.request("a", |_| {})).await);
        assert_eq!(reason, "ProviderUnauthorized");
        assert!(message.contains("the API key lacks the scope or this pool"), "{message}");
        let asked = world.simulator.report().count(CREATE);
        assert_eq!(asked, 5, "each candidate once");
        world.tick().await;
        assert_eq!(world.simulator.report().count(CREATE), asked, "not again before the node asks");
        world.money(&[]).await;
        world.simulator.control(Control::ClearFaults);
        world.engine.create(&world.request("b", |_| {})).await.unwrap();
        world.money(&["b"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f13_a_bad_image_is_told_and_its_instance_ends() {
    let world = World::new();
    world.add(Fault::on(CREATE, Effect::BadImage { error: false }).times(1));
    let request = world.request("a", |_| {});
    create(&world, &request).await;
    let mut shown = world.tick().await;
    while shown.iter().any(|one| !one.containers.is_empty()) {
        shown = world.tick().await;
    }
    let (reason, message) = reason(world.engine.create(&request).await);
    assert!(reason == "ErrImagePull" && message.contains("does not say why"), "{message}");
    world.money(&[]).await;
    create(&world, &request).await;
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn f13_a_bad_image_that_is_an_error_of_the_provider_is_an_end_with_that_reason() {
    let world = World::new();
    world.add(Fault::on(CREATE, Effect::BadImage { error: true }).times(1));
    create(&world, &world.request("a", |_| {})).await;
    let ended = world.until("a", |one| matches!(one.run, ContainerRun::Ended(_))).await;
    let ContainerRun::Ended(end) = ended.run else { panic!() };
    assert_eq!((end.exit_code, end.reason.as_str()), (128, "ProviderError"));
    world.engine.release("a").await.unwrap();
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn f15_a_log_stream_that_breaks_repeats_or_lies_loses_and_doubles_no_line() {
    for effect in [Effect::LogCut { lines: 2 }, Effect::LogTwice, Effect::LogGarbage] {
        let world = World::new();
        create(&world, &world.request("a", |_| {})).await;
        world.until_running("a").await;
        world.add(Fault::on("GET /v2/pods/{id}/logs", effect.clone()).times(1));
        let options = LogOptions { follow: true, ..LogOptions::default() };
        for n in 0..5 {
            world.simulator.control(Control::Print { name: "rgpu".into(), line: format!("line {n}") });
        }
        let log = world.engine.logs("a", "gpu-container", &options).await.unwrap();
        let text: Vec<Bytes> = log.take(5).filter_map(|one| std::future::ready(one.ok())).collect().await;
        assert_eq!(String::from_utf8(text.concat()).unwrap(), "line 0\nline 1\nline 2\nline 3\nline 4\n", "{effect:?}");
        world.money(&["a"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f16_what_the_schema_forbids_is_refused_once() {
    let world = World::new();
    world.fault(CREATE, Effect::Refuse { status: 422, shape: Shape::Problem, retry_after: None });
    let refused = world.engine.create(&world.request("a", |_| {})).await;
    assert!(matches!(refused, Err(ProviderError::Refused { reason: "ProviderRejected", .. })), "{refused:?}");
    assert_eq!(world.simulator.report().count(CREATE), 1);
    let large = world.request("b", |pod| pod["spec"]["containers"][0]["command"] = json!(["x".repeat(110_000)]));
    assert_eq!(reason(world.engine.create(&large).await).0, "UnsupportedPod");
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn f17_a_terminate_is_repeated_until_it_is_confirmed() {
    let problem = |status| Effect::Refuse { status, shape: Shape::Problem, retry_after: None };
    for effect in [Effect::LivesOn, Effect::NotFound, problem(409), problem(503)] {
        let world = World::new();
        create(&world, &world.request("a", |_| {})).await;
        world.until_running("a").await;
        world.add(Fault::on(DELETE, effect.clone()).times(3));
        assert!(world.engine.delete("a", Duration::ZERO).await.is_err(), "{effect:?}");
        world.delete("a").await;
        world.money(&[]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f18_a_wrong_place_or_price_is_ended_at_once() {
    let place = Effect::WrongPlace { data_center: "US-TX-3".into() };
    for (effect, wanted) in
        [(place, "DatacenterViolation"), (Effect::WrongPrice { micros: 600_000 }, "PriceAboveLimit")]
    {
        let config = RunPodConfig { data_centers: vec!["EU-RO-1".into()], ..RunPodConfig::new("cluster", "node") };
        let world = World::with(Settings::default(), config);
        world.add(Fault::on(CREATE, effect).times(1));
        assert_eq!(reason(world.engine.create(&world.request("a", |_| {})).await).0, wanted);
        world.money(&[]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f18_what_is_wrong_and_cannot_be_ended_at_once_never_runs_the_pod() {
    let config = RunPodConfig { data_centers: vec!["EU-RO-1".into()], ..RunPodConfig::new("cluster", "node") };
    let world = World::with(Settings::default(), config);
    world.add(Fault::on(CREATE, Effect::WrongPlace { data_center: "US-TX-3".into() }).times(1));
    world.add(Fault::on(DELETE, Effect::Refuse { status: 500, shape: Shape::Problem, retry_after: None }).times(4));
    let request = world.request("a", |_| {});
    assert_eq!(reason(world.engine.create(&request).await).0, "InstanceEnding");
    assert!(world.tick().await.iter().all(|one| one.containers.is_empty()), "the node asks for another");
    create(&world, &request).await;
    world.until_running("a").await;
    assert_eq!(world.simulator.report().billed("rgpu-")[0].data_center, "EU-RO-1");
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn f18_what_is_wrong_is_still_wrong_for_the_next_process() {
    let place = Effect::WrongPlace { data_center: "US-TX-3".into() };
    for effect in [place, Effect::WrongPrice { micros: 600_000 }] {
        let config = RunPodConfig { data_centers: vec!["EU-RO-1".into()], ..RunPodConfig::new("cluster", "node") };
        let mut world = World::with(Settings::default(), config.clone());
        world.add(Fault::on(CREATE, effect).times(1));
        world.add(Fault::on(DELETE, Effect::Refuse { status: 500, shape: Shape::Problem, retry_after: None }).times(4));
        let request = world.request("a", |_| {});
        assert_eq!(reason(world.engine.create(&request).await).0, "InstanceEnding");
        let wrong = world.simulator.report().billed("rgpu-")[0].id.clone();
        world.engine = engine(&world.simulator, config, Fuse::new(i64::MAX));
        let shown = world.tick().await;
        assert!(shown.len() == 1 && shown[0].containers.is_empty(), "the node asks for another: {shown:?}");
        create(&world, &request).await;
        world.until_running("a").await;
        assert_ne!(world.simulator.report().billed("rgpu-")[0].id, wrong);
        world.money(&["a"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f18_a_create_without_an_answer_that_made_the_wrong_thing_is_no_use() {
    let world = World::new();
    world.add(Fault::on(CREATE, Effect::WrongPrice { micros: 600_000 }).times(1));
    world.add(Fault::on(CREATE, Effect::Cut).times(1));
    let reasons = create(&world, &world.request("a", |_| {})).await;
    assert_eq!(reasons.first().map(String::as_str), Some("CreateInDoubt"));
    world.until_running("a").await;
    assert_eq!(world.simulator.report().count(CREATE), 2, "{reasons:?}");
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn f18_what_a_pod_runs_on_is_kept_by_the_next_process_though_its_price_has_risen() {
    let mut world = World::new();
    // To the next process an instance that was too dear from the start looks like one whose price has risen.
    world.add(Fault::on(CREATE, Effect::WrongPrice { micros: 600_000 }).times(1));
    world.add(Fault::on(DELETE, Effect::Refuse { status: 500, shape: Shape::Problem, retry_after: None }).times(4));
    assert_eq!(reason(world.engine.create(&world.request("a", |_| {})).await).0, "InstanceEnding");
    let id = world.simulator.report().billed("rgpu-")[0].id.clone();
    world.engine = engine(&world.simulator, RunPodConfig::new("cluster", "virtual-runpod"), Fuse::new(i64::MAX));
    world.tick().await;
    let running = world.request("a", |pod| {
        pod["status"] = json!({"phase": "Running", "containerStatuses": [{"name": "gpu-container", "image": "", "imageID": "",
            "ready": true, "restartCount": 0, "containerID": format!("runpod://{id}")}]});
    });
    world.engine.create(&running).await.unwrap();
    world.until_running("a").await;
    assert_eq!(world.simulator.report().billed("rgpu-")[0].id, id);
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn f19_a_provider_that_grows_is_still_understood() {
    let world = World::with(Settings { growth: true, ..Settings::default() }, RunPodConfig::new("cluster", "node"));
    create(&world, &world.request("a", |_| {})).await;
    world.until_running("a").await;
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn f20_foreign_instances_are_never_touched() {
    let world = World::new();
    for name in ["my-training-pod", "rgpu-00000000-0b5e2f5c-3f5e-4b76-9d63-000000000001"] {
        world.simulator.control(Control::Foreign { name: name.into() });
    }
    assert!(world.tick().await.is_empty());
    let report = world.simulator.report();
    assert_eq!((report.count(DELETE), report.count(GET), report.billed("").len()), (0, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_cannot_be_started_for_a_quarter_of_an_hour_fails() {
    let world = World::new();
    world.fault(CREATE, Effect::NoCapacity);
    let request = world.request("a", |_| {});
    assert_eq!(reason(world.engine.create(&request).await).0, "NoCapacity");
    tokio::time::sleep(Duration::from_secs(16 * 60)).await;
    let (reason, message) = reason(world.engine.create(&request).await);
    assert!(reason == "RunPodDeploymentFailed" && message.contains("NoCapacity"), "{message}");
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_ran_before_is_tried_for_however_old_it_is() {
    let world = World::new();
    world.fault(CREATE, Effect::NoCapacity);
    let request = world.request("a", |pod| pod["status"] = json!({"phase": "Running"}));
    tokio::time::sleep(Duration::from_secs(16 * 60)).await;
    assert_eq!(reason(world.engine.create(&request).await).0, "NoCapacity");
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn every_call_is_counted_by_route_and_status_as_the_provider_counts_it() {
    let world = World::new();
    world.add(Fault::on(LIST, Effect::Refuse { status: 503, shape: Shape::Problem, retry_after: None }).times(1));
    world.add(Fault::on(CREATE, Effect::Hang { acts: true }).times(1));
    create(&world, &world.request("a", |_| {})).await;
    world.until_running("a").await;
    world.delete("a").await;
    let mut told: BTreeMap<String, BTreeMap<u16, u64>> = BTreeMap::new();
    for one in world.engine.calls() {
        // The provider's 0 stands for what it never answered.
        told.entry(one.route).or_default().insert(one.status.unwrap_or(0), one.count);
    }
    assert_eq!(told, world.simulator.report().calls);
    assert_eq!((told[CREATE][&0], told[LIST][&503]), (1, 1));
    world.money(&[]).await;
}
