use serde_json::{Value, json};

use super::*;

fn pod(container: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"uid": "u-1", "name": "web", "namespace": "team", "labels": {"app": "web"}},
        "spec": {"nodeName": "local", "containers": [container]},
    }))
    .unwrap()
}

fn sources() -> Sources {
    let data = |pairs: &[(&str, &str)]| {
        Source::Found(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect())
    };
    Sources::from([
        ((SourceKind::ConfigMap, "settings".into()), data(&[("MODE", "fast"), ("bad=name", "x")])),
        ((SourceKind::Secret, "token".into()), data(&[("value", "s3cret")])),
        ((SourceKind::Secret, "locked".into()), Source::Unreadable("forbidden".into())),
    ])
}

fn resolved(container: Value) -> Result<Environment, Problem> {
    resolved_at(None, container)
}

fn resolved_at(pod_ip: Option<&str>, container: Value) -> Result<Environment, Problem> {
    let pod = pod(container);
    let allocatable = BTreeMap::from([("memory".to_owned(), "8Gi".to_owned())]);
    let node = NodeValues { host_ip: "10.1.1.1", pod_ip, allocatable: &allocatable, api: None };
    resolve(&pod, &pod.spec.as_ref().unwrap().containers[0], &node, &sources())
}

fn values(container: Value) -> Vec<(String, String)> {
    resolved(container).unwrap().variables
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn env_from_comes_first_and_env_replaces_and_expands_it() {
    let env = resolved(json!({"name": "app",
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "settings"}}],
        "env": [{"name": "A", "value": "$(P_MODE)!"}, {"name": "P_MODE", "value": "slow"}, {"name": "EMPTY"}]}))
    .unwrap();
    assert_eq!(env.variables, pairs(&[("A", "fast!"), ("P_MODE", "slow"), ("EMPTY", "")]));
    assert_eq!(env.warnings[0].reason, "InvalidEnvironmentVariableNames");
}

#[test]
fn fields_of_the_pod_are_filled_in() {
    let field = |path: &str| json!({"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}});
    for (path, value) in [
        ("metadata.name", "web"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['app']", "web"),
        ("metadata.labels['none']", ""),
        ("metadata.labels", "app=\"web\""),
        ("spec.nodeName", "local"),
        ("status.hostIP", "10.1.1.1"),
    ] {
        assert_eq!(values(json!({"name": "app", "env": [field(path)]})), pairs(&[("X", value)]), "{path}");
    }
}

/// SkyPilot writes it into every pod (`skypilot.md` §5).
#[test]
fn the_address_of_the_pod_is_filled_in_where_it_is_known_and_else_refused() {
    for path in ["status.podIP", "status.podIPs"] {
        let field = json!({"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": path}}});
        let app = json!({"name": "app", "env": [field, {"name": "URL", "value": "http://$(IP):80"}]});
        let known = resolved_at(Some("10.2.0.7"), app.clone()).unwrap().variables;
        assert_eq!(known, pairs(&[("IP", "10.2.0.7"), ("URL", "http://10.2.0.7:80")]));
        assert_eq!(resolved(app.clone()).unwrap_err().reason, "UnsupportedPod");
        assert!(asks_for_pod_ip(&serde_json::from_value(app).unwrap()));
    }
    let none = json!({"name": "app", "env": [{"name": "A", "value": "status.podIP"}]});
    assert!(!asks_for_pod_ip(&serde_json::from_value(none).unwrap()));
}

#[test]
fn limits_are_divided_and_default_to_the_node() {
    let resource = |name: &str, divisor: &str| json!({"name": "X", "valueFrom": {"resourceFieldRef": {"resource": name, "divisor": divisor}}});
    let container = |env: Value| json!({"name": "app", "env": [env], "resources": {"limits": {"cpu": "1500m"}}});
    assert_eq!(values(container(resource("limits.cpu", "0"))), pairs(&[("X", "2")]));
    assert_eq!(values(container(resource("limits.cpu", "1m"))), pairs(&[("X", "1500")]));
    assert_eq!(values(container(resource("limits.memory", "1Mi"))), pairs(&[("X", "8192")]));
}

#[test]
fn a_missing_source_is_a_warning_if_optional_and_an_error_if_not() {
    let secret = |name: &str, key: &str, optional: bool| {
        let reference = json!({"name": name, "key": key, "optional": optional});
        resolved(json!({"name": "app", "env": [{"name": "X", "valueFrom": {"secretKeyRef": reference}}]}))
    };
    assert_eq!(secret("token", "value", false).unwrap().variables, pairs(&[("X", "s3cret")]));
    assert_eq!(secret("none", "value", true).unwrap().warnings[0].reason, "OptionalSecretNotFound");
    assert_eq!(secret("token", "none", true).unwrap().warnings[0].reason, "OptionalSecretKeyNotFound");
    assert_eq!(secret("none", "value", false).unwrap_err().reason, "MandatorySecretNotFound");
    assert_eq!(secret("token", "none", false).unwrap_err().reason, "MandatorySecretKeyNotFound");
    assert_eq!(secret("locked", "value", false).unwrap_err().reason, "FailedToReadMandatorySecret");
    assert_eq!(secret("locked", "value", true).unwrap_err().reason, "FailedToReadOptionalSecret");
}

#[test]
fn the_same_holds_for_whole_maps() {
    let from = |optional: bool| {
        resolved(json!({"name": "app", "envFrom": [{"configMapRef": {"name": "none", "optional": optional}}]}))
    };
    assert_eq!(from(true).unwrap().warnings[0].reason, "OptionalConfigMapNotFound");
    assert_eq!(from(false).unwrap_err().reason, "MandatoryConfigMapNotFound");
}

#[test]
fn a_pod_that_may_speak_to_the_api_server_is_told_where_it_is_unless_it_knows_better() {
    let (allocatable, api) = (BTreeMap::new(), "https://192.0.2.7:6443".parse().unwrap());
    let node = NodeValues { host_ip: "10.1.1.1", pod_ip: None, allocatable: &allocatable, api: Some(&api) };
    let pod = pod(json!({"name": "app", "env": [
        {"name": "API", "value": "$(KUBERNETES_SERVICE_HOST)"}, {"name": "KUBERNETES_SERVICE_PORT", "value": "443"}]}));
    let env = resolve(&pod, &pod.spec.as_ref().unwrap().containers[0], &node, &sources()).unwrap();
    let wanted = [
        ("KUBERNETES_SERVICE_HOST", "192.0.2.7"),
        ("KUBERNETES_SERVICE_PORT_HTTPS", "6443"),
        ("API", "192.0.2.7"),
        ("KUBERNETES_SERVICE_PORT", "443"),
    ];
    assert_eq!(env.variables, pairs(&wanted));
}

#[test]
fn variables_that_double_again_and_again_are_refused_before_they_fill_the_memory() {
    let double = |at: usize| json!({"name": format!("V{at}"), "value": format!("$(V{0})$(V{0})", at - 1)});
    let mut env = vec![json!({"name": "V0", "value": "0123456789"})];
    env.extend((1..60).map(double));
    assert_eq!(resolved(json!({"name": "app", "env": env})).unwrap_err().reason, "UnsupportedPod");
    let known = vec![("A".to_owned(), "x".repeat(1 << 20))];
    let words = |count: usize| vec!["$(A)".to_owned(); count];
    assert_eq!(expand_all(&words(6), &known).unwrap().len(), 6);
    assert_eq!(expand_all(&words(7), &known).unwrap_err().reason, "UnsupportedPod");
    let from = json!({"prefix": "P_", "configMapRef": {"name": "settings"}});
    assert_eq!(values(json!({"name": "app", "envFrom": vec![from; 9]})), pairs(&[("P_MODE", "fast")]));
}
