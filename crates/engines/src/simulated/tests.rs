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
async fn the_contract_of_engines_is_kept() {
    let provider = Arc::new(Simulated::new(Duration::ZERO));
    let patience = Duration::from_secs(5);
    let subject = kubelet::conformance::Subject { provider, image: "any".into(), runs: false, patience };
    assert_eq!(kubelet::conformance::check(&subject).await, Ok(()));
}
