use futures::TryStreamExt;
use serde_json::{Value, json};

use super::*;

fn request(uid: &str, attempt: u32, status: Value) -> InstanceRequest {
    let pod = serde_json::from_value(json!({
        "metadata": {"uid": uid, "name": "web", "namespace": "team"}, "spec": {"containers": []}, "status": status,
    }))
    .unwrap();
    let spec = serde_json::from_value(json!({"name": "app", "image": "busybox:1"})).unwrap();
    let container = ContainerRequest { spec, attempt, env: Vec::new(), command: Vec::new(), args: Vec::new() };
    InstanceRequest {
        pod: Arc::new(pod),
        containers: vec![container],
        files: Vec::new(),
        registry_logins: Vec::new(),
        job_annotations: std::collections::BTreeMap::new(),
    }
}

#[tokio::test]
async fn creating_twice_makes_one_instance() {
    let engine = Simulated::new(Duration::ZERO);
    let first = engine.create(&request("a", 0, json!({}))).await.unwrap();
    let second = engine.create(&request("a", 0, json!({}))).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(engine.list().await.unwrap().len(), 1);
    assert!(matches!(first.containers[0].run, ContainerRun::Running { .. }));
}

#[tokio::test]
async fn a_pod_that_ran_before_is_made_again_as_it_was() {
    let status = json!({"podIP": "10.200.3.4", "containerStatuses": [{"name": "app", "image": "", "imageID": "",
        "ready": true, "restartCount": 2, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]});
    let instance = Simulated::new(Duration::ZERO).create(&request("a", 2, status)).await.unwrap();
    assert_eq!(instance.pod_ip.as_deref(), Some("10.200.3.4"));
    let started = "2026-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(instance.containers[0].run, ContainerRun::Running { started });
}

#[tokio::test]
async fn an_address_that_was_told_before_the_start_is_the_one_that_the_pod_gets_and_goes_with_it() {
    let engine = Simulated::new(Duration::ZERO);
    let wanted = request("a", 0, json!({}));
    let told = engine.address_of(&wanted.pod);
    assert_eq!(engine.create(&wanted).await.unwrap().pod_ip, told);
    assert_eq!(engine.address_of(&wanted.pod), told, "also for a container that starts again");
    let other = engine.create(&request("b", 0, json!({}))).await.unwrap();
    assert!(other.pod_ip.is_some() && other.pod_ip != told);
    engine.delete("a", Duration::ZERO).await.unwrap();
    let status = json!({"podIP": told.clone().unwrap()});
    assert_eq!(engine.create(&request("c", 0, status)).await.unwrap().pod_ip, told, "it is free again");
}

#[tokio::test(start_paused = true)]
async fn a_start_delay_is_announced_when_it_is_over() {
    let engine = Simulated::new(Duration::from_secs(3));
    let mut changes = engine.changes();
    let made = engine.create(&request("a", 0, json!({}))).await.unwrap();
    assert_eq!(made.containers[0].run, ContainerRun::Created);
    changes.next().await.unwrap();
    let list = engine.list().await.unwrap();
    assert!(matches!(list[0].containers[0].run, ContainerRun::Running { .. }));
}

#[tokio::test]
async fn a_followed_log_ends_with_its_instance() {
    let engine = Simulated::new(Duration::ZERO);
    engine.create(&request("a", 0, json!({}))).await.unwrap();
    let follow = LogOptions { follow: true, ..LogOptions::default() };
    let log = engine.logs("a", "app", &follow).await.unwrap();
    engine.delete("a", Duration::ZERO).await.unwrap();
    let text = log.try_collect::<Vec<_>>().await.unwrap().concat();
    assert!(text.starts_with(b"simulated engine: container \"app\" started"));
    assert!(engine.logs("a", "app", &follow).await.is_err());
}

#[tokio::test]
async fn a_command_is_refused_with_a_sentence() {
    let refused = Simulated::new(Duration::ZERO).exec("a", "app", &ExecRequest::default()).await.err().unwrap();
    assert_eq!(refused, ProviderError::Unsupported("The simulated engine runs no processes".into()));
}

#[tokio::test]
async fn figures_are_made_up_as_the_container_asks_for_them() {
    let gpu = Gpu { model: "H100".into(), count: 16, memory_gib: Some(80) };
    let engine = Simulated::new(Duration::ZERO).with_gpu(Some(gpu));
    engine.create(&request("a", 0, json!({}))).await.unwrap();
    let mut idle = request("b", 0, json!({}));
    let limits = json!({"name": "app", "image": "busybox:1", "resources": {"limits": {"nvidia.com/gpu": "2"}}});
    idle.containers[0].spec = serde_json::from_value(limits).unwrap();
    idle.containers[0].env = vec![("SIMULATED_GPU_PERCENT".into(), "3".into())];
    engine.create(&idle).await.unwrap();
    let mut all = engine.stats().await.unwrap();
    all.sort_by(|a, b| a.uid.cmp(&b.uid));
    assert!(all[0].containers[0].gpus.is_empty() && all[0].containers[0].cpu_nanoseconds.is_some());
    let gpus = &all[1].containers[0].gpus;
    let told: Vec<_> = gpus.iter().map(|gpu| (gpu.id.as_str(), gpu.model.as_str(), gpu.duty_percent)).collect();
    assert_eq!(told, [("b/app/0", "H100", Some(3)), ("b/app/1", "H100", Some(3))]);
    engine.delete("b", Duration::ZERO).await.unwrap();
    assert_eq!(engine.stats().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_contract_of_engines_is_kept() {
    let provider = Arc::new(Simulated::new(Duration::ZERO));
    let patience = Duration::from_secs(5);
    let subject = kubelet::conformance::Subject { provider, image: "any".into(), runs: false, patience };
    assert_eq!(kubelet::conformance::check(&subject).await, Ok(()));
}
