//! What a pod gets, by the published page and the rules of `virtual-node.md` §1.

use super::*;

pub(super) fn annotate(pod: &mut Value, key: &str, value: &str) {
    pod["metadata"]["annotations"][format!("runpod.io/{key}")] = json!(value);
}

/// Makes something that belongs to the whole account; its id.
pub(super) fn made(world: &World, path: &str, body: &Value) -> String {
    let reply = world.simulator.handle(&Call {
        method: "POST".into(),
        path: path.into(),
        query: String::new(),
        bearer: Some("rpa_test".into()),
        last_event_id: None,
        body: body.to_string().into_bytes(),
    });
    let Body::Json(made) = reply.body else { panic!("{path}: {}", reply.status) };
    made["id"].as_str().unwrap().to_owned()
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
async fn a_pod_has_no_say_in_what_its_instance_tells_of_itself() {
    let world = World::new();
    let mut request = world.request("a", |_| {});
    let ours = ["REMOTEGPU_TERMS", "REMOTEGPU_NAMESPACE", "REMOTEGPU_ATTEMPT"];
    request.containers[0].env.extend(ours.map(|name| (name.into(), "7".into())));
    world.engine.create(&request).await.unwrap();
    let rented = &world.simulator.report().pods[0];
    let said = ours.map(|name| rented.container["env"][name].as_str().unwrap_or_default().to_owned());
    assert!(said.iter().all(|value| !value.is_empty() && value != "7"), "{said:?}");
    world.until_running("a").await;
    world.money(&["a"]).await;
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
async fn figures_of_gpus_are_those_of_the_last_list_and_cost_no_call() {
    let world = World::new();
    assert!(world.engine.stats().await.unwrap().is_empty());
    world.engine.create(&world.request("a", |_| {})).await.unwrap();
    world.until_running("a").await;
    let before = world.simulator.report().count("GET /v2/pods");
    let stats = world.engine.stats().await.unwrap();
    assert_eq!(world.simulator.report().count("GET /v2/pods"), before);
    let container = &stats[0].containers[0];
    assert_eq!((stats[0].uid.as_str(), container.cpu_nanoseconds), ("a", None), "percentages have no size");
    let gpu = &container.gpus[0];
    assert_eq!((gpu.model.as_str(), gpu.memory_used_bytes), ("RTX-2000", None));
    assert!(gpu.duty_percent.is_some_and(|percent| percent <= 100));
    world.money(&["a"]).await;
    tokio::time::advance(Duration::from_secs(121)).await;
    assert!(world.engine.stats().await.unwrap().is_empty(), "what is old is not told");
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
        let costs = world.engine.costs();
        assert_eq!((costs.len(), costs[0].namespace.as_str(), costs[0].micros_per_hour), (1, "team", 480_000));
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
async fn of_a_log_both_the_last_lines_and_those_since_a_time_can_be_asked_for() {
    let world = World::new();
    world.engine.create(&world.request("a", |_| {})).await.unwrap();
    world.until_running("a").await;
    for n in 0..4 {
        world.simulator.control(Control::Print { name: "rgpu".into(), line: format!("line {n}") });
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    for (tail, seconds, wanted) in [(2, 3600, "line 2\nline 3\n"), (3, 15, "line 3\n"), (0, 3600, "")] {
        let since = Some(kubelet::LogSince::Seconds(seconds));
        let options = LogOptions { tail: Some(tail), since, ..LogOptions::default() };
        let log = world.engine.logs("a", "gpu-container", &options).await.unwrap();
        let text: Vec<Bytes> = log.filter_map(|one| std::future::ready(one.ok())).collect().await;
        assert_eq!(text.concat(), wanted.as_bytes(), "{tail} lines of {seconds} s");
    }
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_login_of_the_usual_registry_is_used_as_kubectl_writes_it() {
    let world = World::new();
    let mut request = world.request("a", |_| {});
    let login = |registry: &str| kubelet::RegistryLogin {
        registry: registry.into(),
        username: "u".into(),
        password: String::from("p").into(),
    };
    request.registry_logins = vec![login("ghcr.io"), login("index.docker.io/v1")];
    world.engine.create(&request).await.unwrap();
    let report = world.simulator.report();
    assert_eq!((report.count("POST /v2/registries"), report.registries.len()), (1, 1));
    assert_eq!(report.pods[0].container["registry"], json!(report.registries[0]), "the create names it");
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_login_stays_while_an_instance_uses_it_and_goes_afterwards_and_others_are_not_touched() {
    let world = World::new();
    let foreign = made(&world, "/v2/registries", &json!({"name": "theirs", "username": "u", "password": "p"}));
    let mut request = world.request("a", |_| {});
    let (registry, password) = ("index.docker.io/v1".into(), String::from("p").into());
    request.registry_logins = vec![kubelet::RegistryLogin { registry, username: "u".into(), password }];
    world.engine.create(&request).await.unwrap();
    world.until_running("a").await;
    let later = async || {
        tokio::time::sleep(Duration::from_secs(601)).await;
        world.tick().await;
        world.simulator.report().registries
    };
    assert_eq!(later().await.len(), 2);
    world.delete("a").await;
    assert_eq!(later().await, [foreign]);
    world.money(&[]).await;
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

#[tokio::test(start_paused = true)]
async fn a_network_volume_decides_the_data_centre_and_none_is_used_outside_the_allowed_ones() {
    let world = World::new();
    let volume = json!({"name": "v", "size": 20, "dataCenter": "US-KS-2"});
    let id = made(&world, "/v2/network-volumes", &volume);
    let mount = |pod: &mut Value| annotate(pod, "network-volume-id", &id);
    world.engine.create(&world.request("a", mount)).await.unwrap();
    assert_eq!(world.simulator.report().pods[0].data_center, "US-KS-2");
    let elsewhere = world.request("b", |pod| {
        mount(pod);
        annotate(pod, "datacenter-ids", "EU-RO-1");
    });
    let (why, message) = reason(world.engine.create(&elsewhere).await);
    assert_eq!(why, "DatacenterNotAllowed");
    assert!(message.contains("is in US-KS-2; allowed are EU-RO-1"), "{message}");
    let unknown = world.request("c", |pod| annotate(pod, "network-volume-id", "../pods"));
    let refused = ("ProviderRejected".to_owned(), "RunPod has no network volume ../pods".to_owned());
    assert_eq!(reason(world.engine.create(&unknown).await), refused);
    assert_eq!(world.simulator.report().count("POST /v2/pods"), 1, "nothing is asked for that cannot be");
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_waited_for_long_takes_over_what_the_list_does_not_show_yet() {
    let settings = Settings { list_lag_seconds: 20, ..Settings::default() };
    let config = || RunPodConfig::new("cluster", "virtual-runpod");
    let world = World::with(settings, config());
    let standby = engine(&world.simulator, config(), Fuse::new(i64::MAX));
    tokio::time::sleep(Duration::from_secs(600)).await;
    // Younger than both processes, and rented for by the one that acts.
    let request = request("a", world.simulator.clock.now(), |_| {});
    world.engine.create(&request).await.unwrap();
    standby.begins();
    assert!(standby.list().await.unwrap().is_empty(), "the list lags");
    assert_eq!(reason(standby.create(&request).await).0, "CreateInDoubt");
    let mut adopted = false;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        adopted |= standby.create(&request).await.is_ok();
    }
    assert!(adopted);
    assert_eq!(world.simulator.report().count("POST /v2/pods"), 1, "nothing is rented twice");
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn where_skus_are_sold_a_pod_gets_what_its_sku_sells_and_nothing_of_the_whole_account() {
    let gpu = SoldGpu { model: "L40S".into(), memory_gib: 48 };
    let sold = tokio::sync::watch::Sender::new(Arc::new(BTreeMap::from([("gpu-l40s".to_owned(), gpu)])));
    let limits = RunPodConfig { max_price_micros: 5_000_000, ..RunPodConfig::new("cluster", "node") };
    let config = RunPodConfig { sold: Some(sold.subscribe()), cpu_pods: false, ..limits };
    let world = World::with(Settings::default(), config);
    let tried = async |uid: &str, code: &str, key: &str, value: &str| {
        let request = world.request(uid, |pod| {
            pod["metadata"]["labels"] = json!({"remotegpu.ai/sku-code": code});
            annotate(pod, key, value);
        });
        world.engine.create(&request).await
    };
    for id in ["templateId", "network-volume-id", "container-registry-auth-id"] {
        assert_eq!(reason(tried("a", "gpu-l40s", id, "theirs").await).0, "NotEntitled", "{id}");
    }
    for (disk, gb) in [("container-disk-gb", "4000"), ("volume-gb", "10")] {
        assert_eq!(reason(tried("a", "gpu-l40s", disk, gb).await).0, "NotEntitled", "{disk}");
    }
    assert_eq!(reason(tried("a", "gpu-other", "ports", "").await).0, "SkuNotSold");
    assert_eq!(reason(tried("a", "gpu-l40s", "gpu-type-ids", "NVIDIA H200").await).0, "NoMatchingGpu");
    world.money(&[]).await;
    // The catalogue has cheaper ones of the same size.
    tried("a", "gpu-l40s", "required-gpu-memory", "16").await.unwrap();
    assert_eq!(world.simulator.report().pods[0].hardware, "NVIDIA L40S");
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_of_one_cloud_rents_in_no_other() {
    let config = RunPodConfig { clouds: Clouds::Secure, ..RunPodConfig::new("cluster", "node") };
    let world = World::with(Settings::default(), config);
    let request = world.request("a", |pod| annotate(pod, "cloud-type", "COMMUNITY"));
    assert_eq!(reason(world.engine.create(&request).await).0, "CloudNotAllowed");
    let config = RunPodConfig { clouds: Clouds::Community, ..RunPodConfig::new("cluster", "node") };
    let world = World::with(Settings::default(), config);
    world.engine.create(&world.request("a", |_| {})).await.unwrap();
    assert_eq!(world.simulator.report().rate_micros, 160_000, "without a word of the pod");
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_gpu_of_the_other_make_is_rented_where_pods_may_ask_for_it() {
    let config = RunPodConfig { max_price_micros: 3_000_000, ..RunPodConfig::new("cluster", "node") };
    let world = World::with(Settings::default(), config);
    assert_eq!(world.engine.capabilities().other_gpus, ["amd.com/gpu"], "or the node refuses its pods");
    let limits = json!({"limits": {"amd.com/gpu": "1"}});
    let request = world.request("a", |pod| pod["spec"]["containers"][0]["resources"] = limits);
    world.engine.create(&request).await.unwrap();
    assert_eq!(world.simulator.report().rate_micros, 2_390_000, "one MI300X");
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_check_says_of_files_is_what_the_engine_does() {
    let world = World::new();
    let simulated = crate::simulated::Simulated::new(Duration::ZERO);
    for provider in [&world.engine as &dyn Provider, &simulated] {
        let (kind, mounts) = (provider.kind(), provider.capabilities().file_volumes);
        assert_eq!(domain::admission::mounts_files(kind), mounts, "{kind}");
    }
}
