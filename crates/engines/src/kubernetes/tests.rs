use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Node, Pod},
    apimachinery::pkg::apis::meta::v1::Status,
};
use kubelet::{ContainerRequest, ContainerRun, FileVolume, InstanceRequest, ProviderError, RegistryLogin, VolumeFile};
use serde_json::{Value, json};

use super::{
    AWAY, KubernetesConfig, Renewal,
    body::{refuse_composed, remote_name, remote_pod},
    classes::classify,
    content::{file_key, secrets},
    instances::instance,
    label_value,
    renewal::keep,
    streams::exit_code,
};
use crate::POD_IP;

const UID: &str = "0198f3a0-0000-7000-8000-000000000001";

fn config() -> KubernetesConfig {
    KubernetesConfig {
        namespace: "aichor".into(),
        cluster: "home".into(),
        node: "engine-h100".into(),
        node_selector: BTreeMap::from([("nvidia.com/gpu.product".into(), "H100".into())]),
        tolerations: Vec::new(),
    }
}

#[test]
fn nothing_is_begun_while_the_hardware_is_away() {
    assert_eq!(config().begins(), Ok(()));
    let away = KubernetesConfig { node_selector: BTreeMap::from([(AWAY.into(), "true".into())]), ..config() };
    let Err(ProviderError::Waiting { reason, .. }) = away.begins() else { panic!("it would never be scheduled") };
    assert_eq!(reason, "ContainerCreating");
}

fn pod(spec: &Value) -> Arc<Pod> {
    let metadata = json!({"name": "web.a-name-that-is-longer-than-there-is-room-for", "namespace": "team", "uid": UID,
        "labels": {"app": "web", "remotegpu.ai/sku-code": "gpu-h100-1x"}});
    Arc::new(serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap())
}

fn request(pod: &Arc<Pod>) -> InstanceRequest {
    let spec = pod.spec.clone().unwrap();
    let containers = spec.containers.iter().map(|container| ContainerRequest {
        spec: container.clone(),
        attempt: 2,
        env: vec![("A".into(), "secret value".into()), ("B".into(), String::new())],
        command: vec!["sh".into(), "-c".into(), "echo $(A) $$".into()],
        args: Vec::new(),
    });
    InstanceRequest {
        pod: pod.clone(),
        containers: containers.collect(),
        files: vec![
            FileVolume {
                name: "conf".into(),
                files: vec![VolumeFile { path: "deep/key".into(), mode: 0o400, content: b"file content".to_vec() }],
            },
            FileVolume { name: "none".into(), files: Vec::new() },
        ],
        registry_logins: vec![RegistryLogin {
            registry: "r.example".into(),
            username: "u".into(),
            password: String::from("p").into(),
        }],
        job_annotations: BTreeMap::new(),
    }
}

fn full() -> Arc<Pod> {
    let mounts = json!([{"name": "conf", "mountPath": "/c"}, {"name": "kube-api-access-x", "mountPath": "/t"}]);
    pod(&json!({
        "nodeName": "engine-h100", "nodeSelector": {"type": "virtual-kubelet"}, "serviceAccountName": "default",
        "tolerations": [{"operator": "Exists"}], "priorityClassName": "paid", "schedulerName": "other",
        "imagePullSecrets": [{"name": "mine"}], "restartPolicy": "OnFailure",
        "volumes": [{"name": "conf", "configMap": {"name": "c"}}, {"name": "none", "secret": {"secretName": "s"}},
            {"name": "tmp", "emptyDir": {}}, {"name": "kube-api-access-x", "projected": {"sources": []}}],
        "containers": [{"name": "app", "image": "web:1", "volumeMounts": mounts,
            "envFrom": [{"secretRef": {"name": "s"}}], "ports": [{"containerPort": 80, "hostPort": 80}],
            "readinessProbe": {"tcpSocket": {"port": 80}}}]
    }))
}

#[test]
fn names_are_the_same_for_one_pod_and_fit() {
    let name = remote_name(&full());
    assert_eq!(name, format!("web-a-name-that-is-longer-{UID}"));
    assert!(name.len() <= 63);
}

#[test]
fn what_belongs_to_the_home_cluster_stays_there() {
    let remote = serde_json::to_value(remote_pod(&config(), &request(&full()))).unwrap();
    let spec = &remote["spec"];
    for field in ["nodeName", "serviceAccountName", "priorityClassName", "schedulerName", "tolerations"] {
        assert_eq!(spec[field], Value::Null, "{field}");
    }
    assert_eq!(spec["nodeSelector"], json!({"nvidia.com/gpu.product": "H100"}));
    assert_eq!((&spec["automountServiceAccountToken"], &spec["restartPolicy"]), (&json!(false), &json!("OnFailure")));
    let labels = &remote["metadata"]["labels"];
    assert_eq!((&labels["app"], &labels["remotegpu.ai/sku-code"]), (&Value::Null, &json!("gpu-h100-1x")));
    assert_eq!(remote["metadata"]["annotations"]["remotegpu.ai/attempts"], r#"{"app":2}"#);
    let container = &spec["containers"][0];
    assert_eq!(container["ports"], json!([{"containerPort": 80}]));
    assert_eq!(container["volumeMounts"], json!([{"name": "conf", "mountPath": "/c"}]));
    assert_eq!(container["readinessProbe"]["tcpSocket"]["port"], 80);
    assert_eq!(container["envFrom"], Value::Null);
}

#[test]
fn no_value_stands_in_the_pod_and_each_is_in_its_secret() {
    let request = request(&full());
    let remote = serde_json::to_string(&remote_pod(&config(), &request)).unwrap();
    for value in ["secret value", "file content"] {
        assert!(!remote.contains(value), "{value} is in {remote}");
    }
    let [values, logins] = <[_; 2]>::try_from(secrets(&config(), &request)).unwrap();
    let data = values.data.unwrap();
    assert_eq!(data["env.app.0"].0, b"secret value");
    assert_eq!(data[&file_key("conf", "deep/key")].0, b"file content");
    assert_eq!(logins.metadata.name.unwrap(), format!("{}-pull", remote_name(&request.pod)));
    let text = String::from_utf8(logins.data.unwrap()[".dockerconfigjson"].0.clone()).unwrap();
    assert_eq!(text, r#"{"auths":{"r.example":{"auth":"dTpw"}}}"#);
}

#[test]
fn a_pod_that_may_speak_to_its_cluster_takes_its_token_along_and_no_identity_of_the_other() {
    let mut request = request(&full());
    let token = VolumeFile { path: "token".into(), mode: 0o644, content: b"token of home".to_vec() };
    request.files.push(FileVolume { name: "kube-api-access-x".into(), files: vec![token] });
    let remote = serde_json::to_value(remote_pod(&config(), &request)).unwrap();
    let mounts = &remote["spec"]["containers"][0]["volumeMounts"];
    assert_eq!(mounts[1], json!({"name": "kube-api-access-x", "mountPath": "/t"}));
    assert_eq!(remote["spec"]["automountServiceAccountToken"], false);
    assert!(!remote.to_string().contains("token of home"), "{remote}");
    let [values, _] = <[_; 2]>::try_from(secrets(&config(), &request)).unwrap();
    assert_eq!(values.data.unwrap()[&file_key("kube-api-access-x", "token")].0, b"token of home");
}

/// SkyPilot asks for it in every pod (`skypilot.md` §5).
#[test]
fn the_address_of_the_pod_is_that_of_the_cluster_in_which_it_runs() {
    let mut request = request(&full());
    let wanted = &mut request.containers[0];
    wanted.env = vec![("IP".into(), POD_IP.into()), ("B".into(), "b".into())];
    wanted.args = vec![format!("--listen={POD_IP}:80"), "$(IP)".into()];
    assert_eq!(refuse_composed(&request), Ok(()));
    let remote = serde_json::to_value(remote_pod(&config(), &request)).unwrap();
    let container = &remote["spec"]["containers"][0];
    assert_eq!(container["args"], json!(["--listen=$(REMOTEGPU_POD_IP):80", "$$(IP)"]));
    let field = |name: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}});
    let env = container["env"].as_array().unwrap();
    assert_eq!((&env[0], &env[2]), (&field("IP"), &field("REMOTEGPU_POD_IP")));
    let values = secrets(&config(), &request).remove(0).data.unwrap();
    assert!(!values.contains_key("env.app.0"), "nobody at home knows it");
    assert_eq!(values["env.app.1"].0, b"b");

    request.containers[0].env.push(("URL".into(), format!("http://{POD_IP}")));
    let Err(ProviderError::Unsupported(message)) = refuse_composed(&request) else { panic!("it cannot be filled in") };
    assert!(message.starts_with("Variable URL writes status.podIP into a longer text"), "{message}");
}

#[test]
fn a_volume_mounts_its_own_files_and_never_the_whole_secret() {
    let remote = serde_json::to_value(remote_pod(&config(), &request(&full()))).unwrap();
    let volumes = remote["spec"]["volumes"].as_array().unwrap();
    let of = |name: &str| volumes.iter().find(|one| one["name"] == name).cloned().unwrap_or_default();
    let items = json!([{"key": file_key("conf", "deep/key"), "path": "deep/key", "mode": 0o400}]);
    assert_eq!(of("conf")["secret"]["items"], items);
    assert!(of("none")["emptyDir"].is_object() && of("tmp")["emptyDir"].is_object());
    assert_eq!(volumes.len(), 3);
}

#[test]
fn what_was_expanded_at_home_is_not_expanded_again() {
    let remote = remote_pod(&config(), &request(&full()));
    let command = remote.spec.unwrap().containers[0].command.clone().unwrap();
    assert_eq!(command, ["sh", "-c", "echo $$(A) $$$$"]);
}

/// A pod over there with this status; one container, attempts begin with 1.
fn shown(policy: &str, status: &Value) -> kubelet::Instance {
    let metadata = json!({"name": "x", "uid": "remote", "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"remotegpu.ai/pod-uid": UID},
        "annotations": {"remotegpu.ai/attempts": r#"{"app":1}"#, "remotegpu.ai/pod-name": "web",
            "remotegpu.ai/pod-namespace": "team"}});
    let spec = json!({"restartPolicy": policy, "containers": [{"name": "app", "image": "web:1"}]});
    let pod: Pod = serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": status})).unwrap();
    instance(&pod)
}

fn container(state: &Value, more: &Value) -> Value {
    let mut status = json!({"name": "app", "image": "web:1", "imageID": "sha256:1", "restartCount": 3, "ready": false,
        "state": state});
    status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    status
}

#[test]
fn a_running_container_counts_on_from_its_first_attempt_and_is_ready_when_the_engine_says_so() {
    let running = json!({"running": {"startedAt": "2026-01-01T00:00:05Z"}});
    for (ready, reason) in [(true, None), (false, Some("ContainersNotReady"))] {
        let status = json!({"phase": "Running", "podIP": "10.1.2.3",
            "containerStatuses": [container(&running, &json!({"ready": ready}))]});
        let shown = shown("Always", &status);
        let app = &shown.containers[0];
        assert_eq!((shown.uid.as_str(), shown.pod_ip.as_deref(), app.attempt), (UID, Some("10.1.2.3"), 4));
        assert!(matches!(app.run, ContainerRun::Running { .. }));
        assert_eq!(app.hold.as_ref().map(|hold| hold.reason.as_str()), reason);
    }
}

#[test]
fn a_container_that_the_engine_restarts_is_not_shown_as_ended() {
    let over = json!({"terminated": {"exitCode": 2, "reason": "Error"}});
    for (policy, phase, ends) in [
        ("Always", "Running", false),
        ("OnFailure", "Running", false),
        ("Never", "Running", true),
        ("Always", "Failed", true),
    ] {
        let shown = shown(policy, &json!({"phase": phase, "containerStatuses": [container(&over, &json!({}))]}));
        let app = &shown.containers[0];
        assert_eq!(matches!(&app.run, ContainerRun::Ended(end) if end.exit_code == 2), ends, "{policy} {phase}");
        assert_eq!(app.previous.is_some(), !ends, "{policy} {phase}");
    }
}

#[test]
fn waiting_is_told_in_the_engines_own_words() {
    let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}});
    let status = json!({"phase": "Pending", "containerStatuses": [container(&waiting, &json!({"restartCount": 0}))]});
    let app = shown("Always", &status).containers.remove(0);
    assert_eq!(
        app.hold.map(|hold| (hold.reason, hold.message)),
        Some(("ImagePullBackOff".into(), "no such image".into()))
    );
    let status = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
        "reason": "Unschedulable", "message": "0/2 nodes are available"}]});
    let app = shown("Always", &status).containers.remove(0);
    let hold = app.hold.unwrap();
    assert_eq!((app.run, hold.reason.as_str()), (ContainerRun::Created, "ContainerCreating"), "no failure yet");
    assert_eq!(hold.message, "Unschedulable: 0/2 nodes are available");
}

#[test]
fn an_evicted_pod_has_ended_although_its_containers_say_nothing() {
    let status = json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory"});
    let app = shown("Always", &status).containers.remove(0);
    let ContainerRun::Ended(end) = app.run else { panic!("{app:?}") };
    assert_eq!((end.exit_code, end.reason.as_str()), (137, kubelet::Ended::LOST), "at home it is a disruption");
    assert_eq!(end.message, "Evicted: The node was low on memory");
}

#[test]
fn an_evicted_pod_is_a_disruption_also_if_its_containers_say_how_they_ended() {
    let over = json!({"terminated": {"exitCode": 143, "reason": "Error"}});
    let told = |more: Value| {
        let mut status = json!({"phase": "Failed", "containerStatuses": [container(&over, &json!({}))]});
        status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let shown = shown("Never", &status);
        assert!(matches!(&shown.containers[0].run, ContainerRun::Ended(end) if end.exit_code == 143), "its own end");
        shown.disruption.map(|why| [why.reason, why.message, why.by])
    };
    let condition = |by: &str| json!([{"type": "DisruptionTarget", "status": "True", "reason": by, "message": "why"}]);
    let evicted = json!({"reason": "Evicted", "message": "low on memory"});
    let wanted = |all: [&str; 3]| Some(all.map(str::to_owned));
    assert_eq!(told(evicted.clone()), wanted(["Evicted", "low on memory", "TerminationByKubelet"]));
    let mut both = evicted;
    both["conditions"] = condition("TerminationByKubelet");
    assert_eq!(told(both), wanted(["Evicted", "low on memory", "TerminationByKubelet"]));
    let preempted = json!({"conditions": condition("PreemptionByScheduler")});
    assert_eq!(told(preempted), wanted(["", "why", "PreemptionByScheduler"]));
    assert_eq!(told(json!({})), None, "its own fault");
    assert_eq!(told(json!({"reason": "DeadlineExceeded"})), None);
}

fn node(name: &str, product: Option<&str>, gpus: u32, ready: bool) -> Node {
    let mut labels = json!({"kubernetes.io/hostname": name});
    if let Some(product) = product {
        labels["nvidia.com/gpu.product"] = json!(product);
        labels["nvidia.com/gpu.memory"] = json!("81559");
    }
    let taints = json!([{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"},
        {"key": "reserved", "effect": "NoSchedule"}]);
    serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}, "spec": {"taints": taints},
        "status": {"allocatable": {"cpu": "7910m", "memory": "64Gi", "pods": "110", "nvidia.com/gpu": gpus.to_string()},
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]}}))
    .unwrap()
}

#[test]
fn nodes_fall_into_classes_by_the_model_of_their_gpus() {
    let (h100, a100) = (Some("NVIDIA-H100-80GB-HBM3"), Some("NVIDIA-A100-SXM4-80GB"));
    let nodes = [
        node("a", h100, 8, true),
        node("b", h100, 4, true),
        node("c", a100, 8, true),
        node("d", None, 0, true),
        node("e", h100, 8, false),
    ];
    let classes = classify(&nodes);
    let seen: Vec<_> = classes
        .iter()
        .map(|class| {
            (class.gpu.as_ref().map(|gpu| (gpu.model.as_str(), gpu.count, gpu.memory_gib)), class.cpus, class.pods)
        })
        .collect();
    let wanted = [(Some(("A100", 8, Some(80))), 7, 110), (Some(("H100", 12, Some(80))), 14, 220), (None, 7, 110)];
    assert_eq!(seen, wanted);
    let keys: Vec<_> = classes[1].tolerations.iter().filter_map(|one| one.key.as_deref()).collect();
    assert_eq!(keys, ["nvidia.com/gpu"], "a reserved node stays reserved");
    assert_eq!(classes[1].node_selector["nvidia.com/gpu.product"], "NVIDIA-H100-80GB-HBM3");
}

#[test]
fn a_cluster_with_endless_products_and_amounts_has_an_end() {
    let node = |number: u32| -> Node {
        let product = format!("GPU-{number:04}");
        let allocatable = json!({"nvidia.com/gpu": "4294967295", "memory": "18446744073709551615", "pods": "110"});
        serde_json::from_value(json!({
            "metadata": {"name": product, "labels": {"nvidia.com/gpu.product": product}},
            "status": {"allocatable": allocatable, "conditions": [{"type": "Ready", "status": "True"}]},
        }))
        .unwrap()
    };
    let nodes: Vec<_> = (0..100).chain(0..100).map(node).collect();
    let classes = classify(&nodes);
    assert_eq!(classes.len(), 32);
    assert_eq!(classes[0].gpu.as_ref().map(|gpu| gpu.count), Some(u32::MAX));
}

#[test]
fn a_tokens_own_words_say_when_it_is_renewed_and_by_whom() {
    let token = |claims: &Value| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let claims = json!({"sub": "system:serviceaccount:remotegpu-access:key-1", "iat": 1000, "exp": 5000});
    let renewal = Renewal::of(&token(&claims)).unwrap();
    let at = |second| Timestamp::from_second(second).unwrap();
    assert_eq!(renewal.due(at(2000)), Duration::from_secs(1000));
    assert_eq!(renewal.due(at(4000)), Duration::ZERO);
    for other in [json!({"sub": "me", "iat": 1, "exp": 2}), json!({"sub": "system:serviceaccount:a:b"})] {
        assert_eq!(Renewal::of(&token(&other)), None, "{other}");
    }
    assert_eq!(Renewal::of("opaque"), None);
}

#[tokio::test]
async fn a_place_for_the_renewed_token_that_cannot_be_written_is_named_at_the_start() {
    let claims = json!({"sub": "system:serviceaccount:remotegpu-access:key-1", "iat": 1000, "exp": 5000});
    let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "far",
        "clusters": [{"name": "far", "cluster": {"server": "https://192.0.2.1:6443"}}],
        "users": [{"name": "far", "user": {"token": token}}],
        "contexts": [{"name": "far", "context": {"cluster": "far", "user": "far"}}]});
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&kubeconfig, text.to_string()).unwrap();
    let refused =
        Renewal::connect(kubeconfig.path(), Some("/dev/null/token".as_ref())).await.err().unwrap().to_string();
    assert!(refused.contains("The token cannot be kept in /dev/null/token: "), "{refused}");
}

#[test]
fn exit_codes_are_read_from_the_status_of_the_stream() {
    let read = |status: Value| exit_code(&serde_json::from_value::<Status>(status).unwrap());
    assert_eq!(read(json!({"status": "Success"})), Ok(0));
    let cause = json!({"reason": "ExitCode", "message": "3"});
    assert_eq!(read(json!({"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [cause]}})), Ok(3));
    assert!(read(json!({"status": "Failure", "message": "no such file"})).is_err());
}

#[test]
fn a_label_holds_a_name_or_its_digest() {
    assert_eq!(label_value("engine-h100"), "engine-h100");
    let long = "x".repeat(80);
    assert_eq!(label_value(&long).len(), 32);
    assert_ne!(label_value(&long), label_value(&format!("{long}y")));
}

#[test]
fn a_token_is_not_written_into_what_somebody_laid_in_its_place() {
    use std::{fs, os::unix::fs::PermissionsExt as _};
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let (kept, theirs) = (folder.join("engine.token"), folder.join("theirs"));
    fs::write(&theirs, "before").unwrap();
    std::os::unix::fs::symlink(&theirs, folder.join("engine.token.new")).unwrap();
    keep(&kept, &secrecy::SecretString::from("secret".to_owned())).unwrap();
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "before");
    assert_eq!(fs::read_to_string(&kept).unwrap(), "secret");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
}
