//! The published rules stay as they are published; the least rights stay the least.

use super::*;

fn names(files: &[ManifestFile]) -> Vec<&str> {
    files.iter().map(|file| file.name.as_str()).collect()
}

fn exact() -> NewEngineManifest {
    let preset = ManifestPreset::AichorExact;
    NewEngineManifest { preset, ..NewEngineManifest::for_engine("onprem-1") }.checked().unwrap()
}

fn least(features: &[EngineFeature]) -> NewEngineManifest {
    let features = features.to_vec();
    NewEngineManifest { features, ..NewEngineManifest::for_engine("onprem-1") }.checked().unwrap()
}

#[test]
fn the_published_role_is_asked_about_in_67_reviews() {
    let rights = exact().rights();
    assert_eq!(rights.len(), 67);
    assert!(rights.iter().all(|right| right.namespace.is_none()), "cluster-wide, as published");
}

#[test]
fn the_published_files_come_with_the_namespace_that_they_forget() {
    let files = exact().files();
    let published =
        ["namespace.yaml", "serviceaccount.yaml", "clusterrole.yaml", "clusterrolebinding.yaml", "secret.yaml"];
    assert_eq!(names(&files), published);
    assert_eq!(
        files[1].yaml,
        "apiVersion: \"v1\"\nkind: \"ServiceAccount\"\nmetadata:\n  name: \"dp-cluster-service-account\"\n  \
         namespace: \"aichor\"\n"
    );
    assert!(files[2].yaml.contains("  name: \"dp-sa-cluster-role\"\n"));
    assert!(files[3].yaml.contains("  name: \"dp-sa-cluster-role-binding\"\n"));
    assert!(files[4].yaml.contains("  name: \"dp-cluster-service-account-token\"\n"));
}

#[test]
fn the_published_preset_forgets_what_it_does_not_use() {
    let asked = NewEngineManifest {
        preset: ManifestPreset::AichorExact,
        namespace: "other".into(),
        service_account: "mine".into(),
        features: vec![EngineFeature::Logs],
        ..NewEngineManifest::for_engine("onprem-1")
    };
    assert_eq!(asked.checked().unwrap(), exact());
}

#[test]
fn the_least_rights_write_in_the_named_namespaces_only() {
    let asked = NewEngineManifest {
        namespaces: vec!["train".into(), "aichor".into(), "eval".into(), "train".into()],
        ..NewEngineManifest::for_engine("onprem-1")
    };
    let manifest = asked.checked().unwrap();
    assert_eq!(manifest.namespaces, ["eval", "train"]);
    for right in manifest.rights().iter().filter(|right| right.namespace.is_none()) {
        assert!(["get", "list", "watch"].contains(&right.verb.as_str()), "{right:?}");
        assert_ne!(right.resource, "secrets");
    }
    assert_eq!(
        names(&manifest.files()),
        [
            "namespace.yaml",
            "serviceaccount.yaml",
            "clusterrole.yaml",
            "role.yaml",
            "clusterrolebinding.yaml",
            "rolebinding.yaml"
        ]
    );
    let roles = &manifest.files()[3].yaml;
    assert_eq!(roles.matches("name: \"dp-sa-role\"").count(), 3);
    assert_eq!(roles.matches("resourceNames: [\"dp-cluster-service-account\"]").count(), 1);
}

#[test]
fn a_feature_that_is_not_ticked_gives_no_right() {
    let rights = least(&[EngineFeature::Logs]).rights();
    let asked: Vec<_> = rights.iter().map(|right| (right.resource.as_str(), right.subresource.as_str())).collect();
    assert_eq!(asked, [("pods", "log"), ("serviceaccounts", "token")]);
    assert!(!least(&[EngineFeature::Logs]).yaml().contains("ClusterRole"));
}

#[test]
fn figures_take_one_right_where_the_pods_are() {
    let manifest = least(&[EngineFeature::Metrics]);
    let rights = manifest.rights();
    let asked: Vec<_> = rights.iter().map(|right| (right.group.as_str(), right.verb.as_str())).collect();
    assert_eq!(asked, [("", "create"), ("metrics.k8s.io", "list")], "its own token is the other");
    assert!(!manifest.yaml().contains("ClusterRole"), "no other pod's figures");
}

#[test]
fn all_namespaces_is_the_published_rules_and_what_they_lack() {
    let everywhere =
        NewEngineManifest { write_scope: WriteScope::AllNamespaces, ..NewEngineManifest::for_engine("onprem-1") };
    let manifest = everywhere.checked().unwrap();
    let rights = manifest.rights();
    assert!(exact().rights().iter().all(|right| rights.contains(right)));
    assert!(rights.iter().any(|right| right.resource == "nodes" && right.namespace.is_none()));
    assert!(manifest.warnings()[0].contains("administrator"));
}

#[test]
fn the_same_input_is_the_same_file_in_any_order() {
    let mut features = EngineFeature::ALL;
    let first = least(&features).yaml();
    features.reverse();
    assert_eq!(least(&features).yaml(), first);
    assert!(first.starts_with("# Rights of RemoteGPU on the cluster behind engine onprem-1"));
}

#[test]
fn names_that_yaml_would_misread_stay_text() {
    let odd = NewEngineManifest { namespace: "1e3".into(), ..NewEngineManifest::for_engine("n") };
    assert!(odd.checked().unwrap().yaml().contains("  namespace: \"1e3\"\n"));
}

#[test]
fn two_engines_of_one_cluster_do_not_share_a_role() {
    let other = NewEngineManifest { service_account: "second".into(), ..NewEngineManifest::for_engine("n") };
    let yaml = other.checked().unwrap().yaml();
    assert!(yaml.contains("\"second-cluster-role\"") && !yaml.contains("dp-sa-"), "{yaml}");
}

#[test]
fn each_wrong_field_is_named() {
    let wrong = NewEngineManifest {
        engine_name: "1st".into(),
        namespace: "Big".into(),
        service_account: "a b".into(),
        features: Vec::new(),
        namespaces: vec!["-".into()],
        ..NewEngineManifest::for_engine("x")
    };
    let Err(Error::Invalid(errors)) = wrong.checked() else { panic!("it should be refused") };
    let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["engine_name", "namespace", "service_account", "namespaces", "features"]);
}

#[test]
fn the_commands_name_the_namespace_that_the_original_forgets() {
    let commands = exact().commands("https://console.example.com/v1/engine-manifests/x.yaml");
    assert_eq!(commands.apply, "kubectl apply -f https://console.example.com/v1/engine-manifests/x.yaml");
    assert_eq!(
        commands.token,
        "kubectl -n aichor get secret dp-cluster-service-account-token -o=jsonpath='{.data.token}' | base64 -d"
    );
    let short = least(&EngineFeature::ALL).commands("u");
    assert_eq!(short.token, "kubectl -n aichor create token dp-cluster-service-account --duration=24h");
    assert_eq!(short.ca, "kubectl -n aichor get configmap kube-root-ca.crt -o=jsonpath='{.data.ca\\.crt}'");
    assert_eq!(short.delete, "kubectl delete -f engine-onprem-1-rbac.yaml");
}
