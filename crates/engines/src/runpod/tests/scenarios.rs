//! What a pod gets, by the published page and the rules of `virtual-node.md` §1.

use super::*;

fn annotate(pod: &mut Value, key: &str, value: &str) {
    pod["metadata"]["annotations"][format!("runpod.io/{key}")] = json!(value);
}

#[tokio::test(start_paused = true)]
async fn the_published_example_is_rented_once_runs_and_is_gone_when_deleted() {
    let world = World::new();
    let request = world.request("a", |_| {});
    let mut reports = world.engine.reports();
    let made = world.engine.create(&request).await.unwrap();
    assert_eq!(made.containers[0].run, ContainerRun::Created);
    let again = world.engine.create(&request).await.unwrap();
    assert_eq!(again.containers[0].id, made.containers[0].id, "a repeated create rents nothing");
    let rented = &world.simulator.report().pods[0];
    assert_eq!(rented.hardware, "NVIDIA RTX 2000 Ada Generation", "the cheapest with 16 GB");
    let args: Value = serde_json::from_str(rented.container["args"].as_str().unwrap()).unwrap();
    assert_eq!(args, json!({"cmd": [], "entrypoint": ["nvidia-smi", "-L"]}));
    assert_eq!(rented.container["env"]["GREETING"], "hello");
    let running = world.until_running("a").await;
    assert!(running.id.starts_with("runpod://"), "{running:?}");
    assert!(matches!(reports.next().await, Some(Report::Event { reason: "InstanceRented", warning: false, .. })));
    let Some(Report::Annotations { annotations, .. }) = reports.next().await else { panic!("no annotations") };
    assert!(annotations.contains(&("runpod.io/cost-per-hr".into(), "0.240000".into())), "{annotations:?}");
    world.money(&["a"]).await;
    world.delete("a").await;
    assert!(world.tick().await.is_empty());
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn one_list_serves_all_pods_and_nothing_else_is_asked() {
    let world = World::with(Settings { quota: None, ..Settings::default() }, RunPodConfig::new("cluster", "node"));
    let uids: Vec<String> = (0..30).map(|n| format!("p{n}")).collect();
    for uid in &uids {
        world.engine.create(&world.request(uid, |_| {})).await.unwrap();
    }
    world.tick().await;
    let before = world.simulator.report();
    for _ in 0..5 {
        world.tick().await;
    }
    let after = world.simulator.report();
    assert_eq!(after.count("GET /v2/pods") - before.count("GET /v2/pods"), 5);
    assert_eq!(after.count("GET /v2/pods/{id}"), 0);
    let uids: Vec<&str> = uids.iter().map(String::as_str).collect();
    world.money(&uids).await;
}

#[tokio::test(start_paused = true)]
async fn annotations_of_the_pod_come_before_those_of_its_job() {
    let world = World::new();
    let mut request = world.request("a", |pod| {
        annotate(pod, "required-gpu-memory", "40");
        annotate(pod, "datacenter-ids", "US-NJ-1,EU-RO-1");
        annotate(pod, "cloud-type", "");
    });
    request.job_annotations = BTreeMap::from([
        ("runpod.io/required-gpu-memory".into(), "16".into()),
        ("runpod.io/ports".into(), "22/tcp".into()),
    ]);
    world.engine.create(&request).await.unwrap();
    let rented = &world.simulator.report().pods[0];
    assert_eq!((rented.hardware.as_str(), rented.data_center.as_str()), ("NVIDIA A40", "EU-RO-1"));
    assert_eq!(rented.container["ports"], json!(["22/tcp"]));
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_used_is_refused_and_costs_nothing() {
    let world = World::new();
    let cases: [(&str, &str, &str); 8] = [
        ("required-gpu-memory", "lots", "UnsupportedPod"),
        ("cloud-type", "PRIVATE", "UnsupportedPod"),
        ("ports", "53/udp", "UnsupportedPod"),
        ("max-price", "cheap", "UnsupportedPod"),
        ("interruptible", "true", "SpotNotAvailable"),
        ("datacenter-ids", "US-NJ-1", "DatacenterNotAllowed"),
        ("max-price", "0.10", "PriceAboveLimit"),
        ("required-gpu-memory", "80", "PriceAboveLimit"),
    ];
    for (key, value, wanted) in cases {
        let (reason, message) = reason(world.engine.create(&world.request("a", |pod| annotate(pod, key, value))).await);
        assert_eq!(reason, wanted, "{key}={value}: {message}");
    }
    let job = |pod: &mut Value| {
        pod["spec"]["restartPolicy"] = json!("Never");
        pod["spec"]["containers"][0]["command"] = Value::Null;
    };
    let (_, message) = reason(world.engine.create(&world.request("a", job)).await);
    assert!(message.starts_with("CompletionNotObservable"), "{message}");
    assert_eq!(world.simulator.report().count("POST /v2/pods"), 0);
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_a_gpu_gets_a_cpu_instance_unless_the_node_refuses() {
    let cpu =
        |pod: &mut Value| pod["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": "3", "memory": "8Gi"}});
    let world = World::new();
    world.engine.create(&world.request("a", cpu)).await.unwrap();
    assert_eq!(world.simulator.report().pods[0].hardware, "cpu3c");
    world.money(&["a"]).await;
    let config = RunPodConfig { cpu_pods: false, ..RunPodConfig::new("cluster", "node") };
    let world = World::with(Settings::default(), config);
    assert_eq!(reason(world.engine.create(&world.request("a", cpu)).await).0, "UnsupportedPod");
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn budgets_hold_for_the_node_and_for_each_namespace() {
    let base = RunPodConfig::new("cluster", "node");
    let node = RunPodConfig { budget_micros: Some(500_000), ..base.clone() };
    let namespace = RunPodConfig { namespace_budget_micros: Some(500_000), ..base };
    for config in [node, namespace] {
        let world = World::with(Settings::default(), config);
        for uid in ["a", "b"] {
            world.engine.create(&world.request(uid, |_| {})).await.unwrap();
        }
        let (reason, message) = reason(world.engine.create(&world.request("c", |_| {})).await);
        assert!(reason == "BudgetExceeded" && message.contains("$0.480000 of $0.500000"), "{message}");
        world.delete("a").await;
        world.engine.create(&world.request("c", |_| {})).await.unwrap();
        world.money(&["b", "c"]).await;
        assert!(world.simulator.report().peak_micros <= 500_000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_ends_with_its_own_exit_code_and_costs_nothing_afterwards() {
    for code in [0, 3] {
        let world = World::new();
        let job = |pod: &mut Value| pod["spec"]["restartPolicy"] = json!("Never");
        world.engine.create(&world.request("job", job)).await.unwrap();
        world.until_running("job").await;
        world.simulator.control(Control::Print { name: "job".into(), line: "working".into() });
        world.simulator.control(Control::Exit { name: "job".into(), code });
        let ended = world.until("job", |one| matches!(one.run, ContainerRun::Ended(_))).await;
        let ContainerRun::Ended(end) = ended.run else { panic!() };
        assert_eq!((end.exit_code, end.reason.as_str()), (code, if code == 0 { "Completed" } else { "Error" }));
        let log = world.engine.logs("job", "gpu-container", &LogOptions::default()).await.unwrap();
        let text: Vec<Bytes> = log.filter_map(|one| std::future::ready(one.ok())).collect().await;
        assert_eq!(text.concat(), b"working\n", "the marker is not shown");
        world.engine.release("job").await.unwrap();
        world.money(&[]).await;
        let log =
            world.engine.logs("job", "gpu-container", &LogOptions { previous: true, ..LogOptions::default() }).await;
        assert!(log.is_ok(), "the log outlives the instance");
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_failed_starts_again_on_another_instance() {
    let world = World::new();
    let job = |pod: &mut Value| pod["spec"]["restartPolicy"] = json!("OnFailure");
    let mut request = world.request("job", job);
    world.engine.create(&request).await.unwrap();
    world.until_running("job").await;
    world.simulator.control(Control::Exit { name: "job".into(), code: 9 });
    world.until("job", |one| matches!(one.run, ContainerRun::Ended(_))).await;
    request.containers[0].attempt = 1;
    let again = world.engine.create(&request).await.unwrap();
    assert_eq!(
        (again.containers[0].attempt, again.containers[0].previous.as_ref().map(|end| end.exit_code)),
        (1, Some(9))
    );
    let running = world.until_running("job").await;
    assert_eq!((running.attempt, running.previous.map(|end| end.exit_code)), (1, Some(9)));
    world.money(&["job"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_tcp_port_holds_readiness_until_it_is_mapped() {
    let world = World::with(Settings { port_seconds: 40, ..Settings::default() }, RunPodConfig::new("cluster", "node"));
    let ports = |pod: &mut Value| {
        pod["spec"]["containers"][0]["ports"] = json!([{"containerPort": 80}, {"containerPort": 5432}])
    };
    world.engine.create(&world.request("a", ports)).await.unwrap();
    let held = world.until("a", |one| matches!(one.run, ContainerRun::Running { .. })).await;
    assert_eq!(held.hold.unwrap().reason, "PortsNotMapped");
    let mut reports = world.engine.reports();
    world.until_running("a").await;
    let Some(Report::Annotations { annotations, .. }) = reports.next().await else { panic!("no annotations") };
    assert!(
        annotations.iter().any(|(key, value)| key == "runpod.io/addresses" && value.starts_with("5432=203.0.113."))
    );
    assert!(matches!(reports.next().await, Some(Report::Event { reason: "PortsMapped", .. })));
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_process_adopts_what_runs_and_rents_nothing() {
    let world = World::new();
    let request = world.request("a", |_| {});
    world.engine.create(&request).await.unwrap();
    world.until_running("a").await;
    let next = engine(&world.simulator, RunPodConfig::new("cluster", "virtual-runpod"), Fuse::new(i64::MAX));
    let found = next.list().await.unwrap();
    assert_eq!((found.len(), found[0].namespace.as_str(), found[0].name.as_str()), (1, "team", "pod-a"));
    next.create(&request).await.unwrap();
    assert_eq!(world.simulator.report().count("POST /v2/pods"), 1);
    let other = engine(&world.simulator, RunPodConfig::new("cluster", "another-node"), Fuse::new(i64::MAX));
    assert!(other.list().await.unwrap().is_empty(), "another node of the same cluster sees none of it");
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn it_passes_what_every_engine_must_pass() {
    let world = World::with(
        Settings { boot_seconds: 0, quota: None, ..Settings::default() },
        RunPodConfig::new("cluster", "node"),
    );
    // Pods of the suite have no age: only an engine that has seen its lag pass knows that they are new.
    tokio::time::sleep(Duration::from_secs(31)).await;
    let simulator = world.simulator.clone();
    let subject = kubelet::conformance::Subject {
        provider: Arc::new(world.engine),
        image: "busybox".into(),
        runs: false,
        patience: Duration::from_secs(60),
    };
    assert_eq!(kubelet::conformance::check(&subject).await, Ok(()));
    money(&simulator, &[], Duration::from_secs(30));
}
