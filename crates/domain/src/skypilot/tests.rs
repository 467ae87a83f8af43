//! The files against SkyPilot's published example and its recorded calls.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::profiles::{Scope, granted, needs, rules};
use super::*;

fn choice(preset: Preset, features: &[Feature]) -> SkypilotChoice {
    SkypilotChoice { preset, features: features.to_vec(), ..SkypilotChoice::default() }
}

/// The published example (object for object, namespace `default`) with what is mended in it: no namespace on
/// cluster-scoped objects, and the subject of `sky-sa-rb` says its namespace.
fn published() -> Vec<Value> {
    let labels = json!({"parent": "skypilot"});
    let rbac = "rbac.authorization.k8s.io/v1";
    let subject = json!([{"kind": "ServiceAccount", "name": "sky-sa", "namespace": "default"}]);
    let to = |kind: &str, name: &str| json!({"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"});
    let looks = json!(["get", "list", "watch"]);
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "sky-sa", "namespace": "default", "labels": labels}}),
        json!({"apiVersion": rbac, "kind": "Role",
        "metadata": {"name": "sky-sa-role", "namespace": "default", "labels": labels},
        "rules": [
            {"apiGroups": [""], "resources": ["pods", "pods/status", "pods/exec", "pods/portforward"], "verbs": ["*"]},
            {"apiGroups": [""], "resources": ["services"], "verbs": ["*"]},
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]},
            {"apiGroups": [""], "resources": ["events"], "verbs": looks},
        ]}),
        json!({"apiVersion": rbac, "kind": "RoleBinding",
            "metadata": {"name": "sky-sa-rb", "namespace": "default", "labels": labels},
            "subjects": subject, "roleRef": to("Role", "sky-sa-role")}),
        json!({"apiVersion": rbac, "kind": "ClusterRole",
        "metadata": {"name": "sky-sa-cluster-role", "labels": labels},
        "rules": [
            {"apiGroups": [""], "resources": ["nodes"], "verbs": looks},
            {"apiGroups": ["node.k8s.io"], "resources": ["runtimeclasses"], "verbs": looks},
            {"apiGroups": ["networking.k8s.io"], "resources": ["ingressclasses"], "verbs": looks},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        ]}),
        json!({"apiVersion": rbac, "kind": "ClusterRoleBinding",
            "metadata": {"name": "sky-sa-cluster-role-binding", "labels": labels},
            "subjects": subject, "roleRef": to("ClusterRole", "sky-sa-cluster-role")}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "skypilot-system", "labels": labels}}),
        json!({"apiVersion": rbac, "kind": "Role",
            "metadata": {"name": "skypilot-system-service-account-role", "namespace": "skypilot-system", "labels": labels},
            "rules": [{"apiGroups": ["apps"], "resources": ["daemonsets"], "verbs": ["*"]}]}),
        json!({"apiVersion": rbac, "kind": "RoleBinding",
            "metadata": {"name": "sky-sa-skypilot-system-role-binding", "namespace": "skypilot-system", "labels": labels},
            "subjects": subject, "roleRef": to("Role", "skypilot-system-service-account-role")}),
        json!({"apiVersion": rbac, "kind": "Role",
            "metadata": {"name": "sky-sa-role-ingress-nginx", "namespace": "ingress-nginx", "labels": labels},
            "rules": [{"apiGroups": [""], "resources": ["services"], "verbs": ["list", "get", "watch"]}]}),
        json!({"apiVersion": rbac, "kind": "RoleBinding",
            "metadata": {"name": "sky-sa-rolebinding-ingress-nginx", "namespace": "ingress-nginx", "labels": labels},
            "subjects": subject, "roleRef": to("Role", "sky-sa-role-ingress-nginx")}),
    ]
}

#[test]
fn the_documented_preset_is_the_published_example() {
    let all = choice(Preset::Documented, &[Feature::Gpus, Feature::ObjectStore, Feature::Ingress]);
    assert_eq!(objects(&all, "default").unwrap(), published());
}

#[test]
fn an_unticked_box_takes_its_objects_and_its_rule_away() {
    let made = objects(&choice(Preset::Documented, &[]), "default").unwrap();
    assert_eq!(made.len(), 5);
    assert_eq!(made[3]["rules"].as_array().unwrap().len(), 2, "nodes and runtime classes");
    let fuse = objects(&choice(Preset::Documented, &[Feature::ObjectStore]), "default").unwrap();
    assert_eq!(fuse[5..], published()[5..8]);
    let ports = objects(&choice(Preset::Smallest, &[Feature::Ingress]), "team").unwrap();
    assert_eq!(ports.len(), 7);
}

#[test]
fn the_smallest_preset_gives_every_needed_right_and_no_wildcard() {
    let made = objects(&choice(Preset::Smallest, &Feature::ALL), "team").unwrap();
    let text = Value::from(made.clone()).to_string();
    assert!(!text.contains('*'), "{text}");
    let holders = [("Role", Scope::Tenant, "team"), ("ClusterRole", Scope::Cluster, "")];
    for (kind, scope, namespace) in holders {
        let holder = made.iter().find(|object| {
            object["kind"] == kind && object["metadata"]["namespace"].as_str().unwrap_or_default() == namespace
        });
        let all = needs(&Feature::ALL.into()).unwrap();
        for need in all.iter().filter(|need| need.scope == scope && granted(need)) {
            let holds = |rule: &Value| {
                let has = |part: &str, word: &str| rule[part].as_array().unwrap().contains(&json!(word));
                has("apiGroups", &need.group) && has("resources", &need.full_resource()) && has("verbs", &need.verb)
            };
            assert!(holder.unwrap()["rules"].as_array().unwrap().iter().any(holds), "{need:?}");
        }
    }
}

#[test]
fn what_the_whole_cluster_shares_carries_the_namespace_in_its_name() {
    let features = [Feature::ObjectStore, Feature::Ingress];
    let names = |namespace: &str| -> BTreeSet<String> {
        let made = objects(&choice(Preset::Smallest, &features), namespace).unwrap();
        let shared = made.iter().filter(|o| o["metadata"]["namespace"] != namespace && o["kind"] != "Namespace");
        shared.map(|object| format!("{} {}", object["kind"], object["metadata"]["name"])).collect()
    };
    assert!(names("team-a").is_disjoint(&names("team-b")));
}

#[test]
fn every_feature_has_rights_and_only_those_of_others_need_an_operator() {
    for feature in Feature::ALL {
        let needs = needs(&[feature].into()).unwrap();
        assert!(!needs.is_empty(), "{feature:?}");
        let beyond = needs.iter().filter(|need| granted(need)).any(|need| {
            let catalogue = ["nodes", "runtimeclasses", "ingressclasses"].contains(&need.resource.as_str());
            need.scope != Scope::Tenant && !catalogue
        });
        let kept = feature.needs_operator() || feature.withheld().is_some();
        assert_eq!(beyond, kept, "{feature:?}");
    }
}

#[test]
fn rules_with_the_same_verbs_stand_together() {
    let ssh = needs(&[Feature::Ssh].into()).unwrap();
    let expected = json!([{"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["create", "get"]}]);
    assert_eq!(Value::from(rules(&ssh, &Scope::Tenant)), expected);
}

#[test]
fn a_choice_survives_the_url() {
    let mut chosen = choice(Preset::Documented, &[Feature::Base, Feature::Gpus, Feature::ObjectStore]);
    chosen.names.service_account = "my-sa".into();
    chosen.sku_code = Some("gpu-h100-1x".into());
    assert_eq!(SkypilotChoice::from_query(&chosen.to_query()), Some(chosen));
    assert_eq!(SkypilotChoice::from_query("verify=1"), None, "the form was not sent");
    let none = SkypilotChoice::from_query("?chosen=1").unwrap();
    assert_eq!(none.features, [Feature::Base], "no tick is a choice too");
    let wrong = SkypilotChoice::from_query("chosen=1&role=A%20B").unwrap();
    assert!(matches!(wrong.check(), Err(Error::Invalid(fields)) if fields[0].field == "role"));
}

#[test]
fn the_account_without_rights_cannot_be_taken() {
    let wanted = |name: &str| SkypilotWanted { service_account: name.into(), features: Vec::new() };
    assert!(wanted("sky-sa").check().is_ok());
    for bad in ["default", "", "Sky", "a.b"] {
        assert!(wanted(bad).check().is_err(), "{bad}");
    }
}

#[test]
fn what_waits_for_an_operator_or_rests_with_its_account_is_given_to_nobody() {
    let access = SkypilotAccess {
        namespace_id: NamespaceId::parse("019c1b2e-7f00-7abc-8def-0123456789ab").unwrap(),
        service_account: "sky-sa".into(),
        features: ticked(&[Feature::Gpus, Feature::Ssh]),
        approved: BTreeSet::new(),
        wanted: true,
        suspended: false,
        ticket: 2,
        applied: 2,
        changed_at: Timestamp::UNIX_EPOCH,
    };
    assert_eq!(access.rights().features, [Feature::Base, Feature::Ssh].into());
    assert_eq!(access.state_of(Feature::Gpus), FeatureState::Waiting);
    let allowed = SkypilotAccess { approved: [Feature::Gpus].into(), ..access.clone() };
    assert_eq!(allowed.rights().features, access.features);
    assert_eq!(allowed.state_of(Feature::Gpus), FeatureState::On);
    let suspended = SkypilotAccess { suspended: true, ..allowed };
    assert_eq!(suspended.rights().features, BTreeSet::new(), "and in a suspended account to nobody at all");
    let view = view(access.namespace_id, "team-456789ab", Some(&access));
    assert_eq!(view.state, SkypilotState::Applied);
    assert_eq!(ticked(&view.choice().features), access.features, "the page begins with what is applied");
}

#[test]
fn the_privileged_daemon_set_is_given_to_nobody_even_if_an_operator_allowed_it() {
    let access = SkypilotAccess {
        namespace_id: NamespaceId::parse("019c1b2e-7f00-7abc-8def-0123456789ab").unwrap(),
        service_account: "sky-sa".into(),
        features: ticked(&[Feature::ObjectStore]),
        approved: [Feature::ObjectStore].into(),
        wanted: true,
        suspended: false,
        ticket: 2,
        applied: 2,
        changed_at: Timestamp::UNIX_EPOCH,
    };
    assert_eq!(access.rights().features, [Feature::Base].into());
    assert_eq!(access.state_of(Feature::ObjectStore), FeatureState::Withheld);
    let needs = needs(&[Feature::ObjectStore].into()).unwrap();
    let why = Feature::ObjectStore.withheld().unwrap();
    assert!(needs.iter().all(|need| need.fix(true, true) == why), "the page says why instead of what to do");
    assert_eq!(Feature::ObjectStore.consequence(), why);
}
