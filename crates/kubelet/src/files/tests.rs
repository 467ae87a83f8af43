use serde_json::{Value, json};

use super::*;

fn pod(volume: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "team", "uid": "u", "labels": {"app": "web"}},
        "spec": {"serviceAccountName": "robot", "volumes": [volume, {"name": "kube-api-access-x", "projected": {}}],
            "containers": [{"name": "app", "resources": {"limits": {"memory": "64Mi"}}}]},
    }))
    .unwrap()
}

fn sources() -> Sources {
    let data = |pairs: &[(&str, &str)]| {
        Source::Found(pairs.iter().map(|(key, value)| ((*key).into(), value.as_bytes().to_vec())).collect())
    };
    Sources::from([
        ((SourceKind::ConfigMap, "settings".into()), data(&[("a", "1"), ("b", "2")])),
        ((SourceKind::Secret, "keys".into()), data(&[("key", "s3cret")])),
        ((SourceKind::Secret, "locked".into()), Source::Unreadable("forbidden".into())),
        ((SourceKind::ConfigMap, "none".into()), Source::Missing),
    ])
}

fn resolved(volume: Value) -> Result<Vec<(String, u32, String)>, String> {
    let (pod, sources, allocatable) = (pod(volume), sources(), BTreeMap::new());
    let tokens = Tokens::of(&[("vault", "token-for-vault")]);
    let node = NodeValues { host_ip: "192.0.2.1", pod_ip: None, allocatable: &allocatable, api: None };
    let from = Ingredients { pod: &pod, node, sources: &sources, tokens: &tokens, api_access: false };
    let volumes = resolve_files(&from);
    let mut volumes = volumes.map_err(|problem| problem.reason)?;
    assert_eq!(volumes.len(), 1, "the token that admission adds is left out");
    let files = volumes.remove(0).files.into_iter();
    Ok(files.map(|file| (file.path, file.mode, String::from_utf8(file.content).unwrap())).collect())
}

fn file(path: &str, mode: u32, content: &str) -> (String, u32, String) {
    (path.into(), mode, content.into())
}

#[test]
fn all_keys_of_a_config_map_are_files() {
    let files = resolved(json!({"name": "v", "configMap": {"name": "settings"}}));
    assert_eq!(files.unwrap(), [file("a", 0o644, "1"), file("b", 0o644, "2")]);
}

#[test]
fn items_choose_names_and_modes() {
    let volume = json!({"name": "v", "secret": {"secretName": "keys", "defaultMode": 0o400,
        "items": [{"key": "key", "path": "deep/id"}]}});
    assert_eq!(resolved(volume).unwrap(), [file("deep/id", 0o400, "s3cret")]);
}

#[test]
fn a_projection_joins_all_kinds() {
    let volume = json!({"name": "v", "projected": {"sources": [
        {"configMap": {"name": "settings", "items": [{"key": "a", "path": "a"}]}},
        {"secret": {"name": "keys"}},
        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
            {"path": "memory", "resourceFieldRef": {"containerName": "app", "resource": "limits.memory", "divisor": "1Mi"}}]}},
        {"serviceAccountToken": {"path": "token", "audience": "vault"}}]}});
    let wanted = [
        file("a", 0o644, "1"),
        file("key", 0o644, "s3cret"),
        file("labels", 0o644, "app=\"web\""),
        file("memory", 0o644, "64"),
        file("token", 0o644, "token-for-vault"),
    ];
    assert_eq!(resolved(volume).unwrap(), wanted);
}

#[test]
fn a_missing_source_stops_the_pod_unless_it_is_optional() {
    let of = |name: &str, optional: bool| {
        resolved(json!({"name": "v", "configMap": {"name": name, "optional": optional,
            "items": [{"key": "c", "path": "c"}]}}))
    };
    assert_eq!(of("none", false), Err("MandatoryConfigMapNotFound".into()));
    assert_eq!(of("none", true), Ok(vec![]));
    assert_eq!(of("settings", false), Err("MandatoryConfigMapKeyNotFound".into()));
    assert_eq!(of("settings", true), Ok(vec![]));
    let locked =
        |optional: bool| resolved(json!({"name": "v", "secret": {"secretName": "locked", "optional": optional}}));
    // Optional means "may be absent"; one that cannot be read may well exist.
    assert_eq!(locked(true), Err("FailedToReadOptionalSecret".into()));
    assert_eq!(locked(false), Err("FailedToReadMandatorySecret".into()));
}

#[test]
fn contents_are_neither_printed_nor_confused() {
    let volume = |content: &str| FileVolume {
        name: "v".into(),
        files: vec![VolumeFile { path: "a".into(), mode: MODE, content: content.into() }],
    };
    assert_eq!(format!("{:?}", volume("s3cret")), "FileVolume { name: \"v\", files: [a (6 bytes)] }");
    assert_ne!(digest(&[volume("1")]), digest(&[volume("2")]));
    assert_eq!(digest(&[volume("1")]), digest(&[volume("1")]));
}

#[test]
fn the_volume_that_admission_adds_is_filled_for_who_may_speak_to_the_api_server() {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "team", "uid": "u"},
        "spec": {"containers": [{"name": "app"}], "volumes": [{"name": "kube-api-access-x", "projected": {"sources": [
            {"serviceAccountToken": {"path": "token"}},
            {"configMap": {"name": "settings", "items": [{"key": "a", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
        ]}}]},
    }))
    .unwrap();
    let (sources, allocatable, tokens) = (sources(), BTreeMap::new(), Tokens::of(&[("", "own-token")]));
    let filled = |api_access: bool| {
        let node = NodeValues { host_ip: "192.0.2.1", pod_ip: None, allocatable: &allocatable, api: None };
        resolve_files(&Ingredients { pod: &pod, node, sources: &sources, tokens: &tokens, api_access }).unwrap()
    };
    assert!(filled(false).is_empty());
    let files = filled(true).remove(0).files.into_iter();
    let files: Vec<_> = files.map(|file| (file.path, file.mode, String::from_utf8(file.content).unwrap())).collect();
    let wanted = [file("ca.crt", 0o644, "1"), file("namespace", 0o644, "team"), file("token", 0o644, "own-token")];
    assert_eq!(files, wanted);
    assert_eq!((references(&pod, false).len(), references(&pod, true).len()), (0, 1));
    assert_eq!((token_requests(&pod, false).count(), token_requests(&pod, true).count()), (0, 1));
}

#[test]
fn a_pod_that_asks_for_one_key_again_and_again_fills_no_memory() {
    let asking = |count: usize| {
        let items: Vec<Value> = (0..count).map(|at| json!({"key": "a", "path": format!("a{at}")})).collect();
        resolved(json!({"name": "v", "configMap": {"name": "settings", "items": items}}))
    };
    assert_eq!(asking(1000).unwrap().len(), 1000);
    assert_eq!(asking(100_000).unwrap_err(), "UnsupportedPod");
}
