//! Plans: what is refused, and what becomes of them.

use serde_json::json;

use super::plan::is_label;
use super::{DeploymentPlan, EnvFrom, EnvVar, Mount, MountKind, PlanKind, SourceKind};
use crate::Error;
use crate::sku::SKU_LABEL;

fn plan(kind: PlanKind) -> DeploymentPlan {
    DeploymentPlan {
        kind,
        name: "demo".into(),
        sku_code: "cpu-shared-8g".into(),
        replicas: 1,
        image: "nginx:1.27-alpine".into(),
        ..DeploymentPlan::default()
    }
}

fn fields(plan: &DeploymentPlan) -> Vec<String> {
    let Err(Error::Invalid(errors)) = plan.check() else { return Vec::new() };
    errors.into_iter().map(|e| e.field).collect()
}

fn from(kind: SourceKind, name: &str, key: Option<&str>, variable: Option<&str>) -> EnvFrom {
    EnvFrom { kind, name: name.into(), key: key.map(Into::into), variable: variable.map(Into::into) }
}

#[test]
fn a_plan_becomes_the_manifest_of_the_published_page() {
    let plan = plan(PlanKind::Deployment);
    plan.check().unwrap();
    let manifest = plan.manifest("team-ml-7b0c4f12");
    let template = &manifest["spec"]["template"];
    assert_eq!(template["metadata"]["labels"], json!({"app": "demo", SKU_LABEL: "cpu-shared-8g"}));
    assert_eq!(template["spec"], json!({"containers": [{"name": "app", "image": "nginx:1.27-alpine"}]}));
    assert_eq!(manifest["metadata"], json!({"name": "demo", "namespace": "team-ml-7b0c4f12"}));
}

#[test]
fn environment_and_files_come_from_where_the_plan_says() {
    let mount = |path: &str, kind, name: Option<&str>| Mount { path: path.into(), kind, name: name.map(Into::into) };
    let plan = DeploymentPlan {
        env: vec![EnvVar { name: "A".into(), value: "1".into() }],
        env_from: vec![
            from(SourceKind::Secret, "database", Some("PASSWORD"), Some("DB_PASSWORD")),
            from(SourceKind::ConfigMap, "settings", None, None),
        ],
        labels: [("team".to_owned(), "ml".to_owned())].into(),
        pull_secrets: vec!["registry".into()],
        mounts: vec![
            mount("/scratch", MountKind::EmptyDir, None),
            mount("/etc/app", MountKind::ConfigMap, Some("settings")),
        ],
        ..plan(PlanKind::Deployment)
    };
    plan.check().unwrap();
    let manifest = plan.manifest("n");
    let spec = &manifest["spec"]["template"]["spec"];
    let expected = json!({
        "imagePullSecrets": [{"name": "registry"}],
        "volumes": [
            {"name": "volume-1", "emptyDir": {}},
            {"name": "volume-2", "configMap": {"name": "settings"}},
        ],
        "containers": [{
            "name": "app",
            "image": "nginx:1.27-alpine",
            "env": [
                {"name": "A", "value": "1"},
                {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "database", "key": "PASSWORD"}}},
            ],
            "envFrom": [{"configMapRef": {"name": "settings"}}],
            "volumeMounts": [
                {"name": "volume-1", "mountPath": "/scratch"},
                {"name": "volume-2", "mountPath": "/etc/app", "readOnly": true},
            ],
        }],
    });
    assert_eq!(*spec, expected);
    assert_eq!(manifest["metadata"]["labels"], json!({"team": "ml"}));
    assert_eq!(manifest["spec"]["selector"]["matchLabels"], json!({"app": "demo"}), "labels may change later");
}

#[test]
fn a_job_ends_and_a_pod_has_a_terminal() {
    let job = DeploymentPlan { replicas: 3, ..plan(PlanKind::Job) };
    job.check().unwrap();
    let manifest = job.manifest("n");
    assert_eq!((&manifest["kind"], &manifest["spec"]["parallelism"]), (&json!("Job"), &json!(3)));
    assert_eq!(manifest["spec"]["template"]["spec"]["restartPolicy"], "Never");
    let pod = plan(PlanKind::Pod).manifest("n");
    assert_eq!((&pod["apiVersion"], &pod["kind"]), (&json!("v1"), &json!("Pod")));
    assert_eq!(pod["spec"]["containers"][0]["tty"], true);
    assert_eq!(pod["metadata"]["labels"][SKU_LABEL], "cpu-shared-8g");
}

#[test]
fn each_kind_has_its_own_number_of_pods() {
    for (kind, replicas, fine) in [
        (PlanKind::Deployment, 0, true),
        (PlanKind::Deployment, 101, false),
        (PlanKind::Job, 0, false),
        (PlanKind::Job, 100, true),
        (PlanKind::Pod, 2, false),
    ] {
        let plan = DeploymentPlan { replicas, ..plan(kind) };
        assert_eq!(fields(&plan).is_empty(), fine, "{kind:?} {replicas}");
    }
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let plan = DeploymentPlan {
        env: vec![EnvVar { name: "1A".into(), value: String::new() }],
        env_from: vec![from(SourceKind::Secret, "a/b", Some("tls.crt"), None)],
        labels: [("app".to_owned(), "x".to_owned()), ("a b".to_owned(), String::new())].into(),
        pull_secrets: vec!["A".into()],
        mounts: vec![
            Mount { path: "/a".into(), kind: MountKind::Secret, name: None },
            Mount { path: "b".into(), kind: MountKind::EmptyDir, name: None },
        ],
        ..plan(PlanKind::Deployment)
    };
    let expected = [
        "env[0].name",
        "env_from[0].name",
        "env_from[0].variable",
        "labels",
        "labels",
        "pull_secrets",
        "mounts[0]",
        "mounts[1]",
    ];
    assert_eq!(fields(&plan), expected);
}

#[test]
fn labels_are_what_kubernetes_takes() {
    for (key, value) in [("team", "ml"), ("example.com/team", ""), ("a.b_c", "v1.2")] {
        assert!(is_label(key, value), "{key}={value}");
    }
    for (key, value) in [("", "x"), ("-a", "x"), ("a/b/c", "x"), ("a", "b c"), ("a", "-")] {
        assert!(!is_label(key, value), "{key}={value}");
    }
}
