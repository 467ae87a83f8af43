//! The manifests of `deploy/` against the rules that read them: schema, SKUs, roles without wildcards.
#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside #[test] functions")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use domain::admission::check_sku;
use domain::sku::{Sku, SkuEngineStatus, SkuGpu, SkuPlacement, SkuPrice, SkuResources, SkuSpec, SkuStatus};
use domain::skypilot::{Feature, Scope, needs, rules};
use serde_json::{Value, json};

fn documents(folder: &str) -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        text.split("\n---\n").map(|part| (name.clone(), serde_saphyr::from_str(part).unwrap())).collect::<Vec<_>>()
    };
    files.into_iter().flat_map(read).collect()
}

fn everything_set() -> Value {
    let spec = SkuSpec {
        title: "x".into(),
        gpu: Some(SkuGpu { model: "H100".into(), count: 1, memory_gib: 80, resource: "nvidia.com/gpu".into() }),
        resources: SkuResources { cpu: "1".into(), memory: "1Gi".into(), ephemeral_storage: Some("1Gi".into()) },
        price: SkuPrice { per_hour: "1".into(), currency: "EUR".into() },
        placement: SkuPlacement {
            engines: vec!["e".into()],
            node_selector: [("a".to_owned(), "b".to_owned())].into(),
            tolerations: vec![
                json!({"key": "k", "operator": "Exists", "value": "", "effect": "", "tolerationSeconds": 1}),
            ],
            runtime_class_name: "r".into(),
            priority_class_name: "p".into(),
        },
        retired: true,
    };
    let condition = json!({"type": "t", "status": "True", "observedGeneration": 1, "lastTransitionTime": "", "reason": "", "message": ""});
    let status = SkuStatus {
        free: 1,
        total: 1,
        as_of: Some("2026-01-01T00:00:00Z".into()),
        engines: vec![SkuEngineStatus { name: "e".into(), free: 1, total: 1 }],
        priority_class: Some("p".into()),
        conditions: vec![condition],
    };
    json!({"spec": spec, "status": status})
}

/// Paths of all leaves, `[]` for array elements and `*` for free keys.
fn leaves_of_value(value: &Value, path: &str, free: bool, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = if free { "*" } else { key };
                leaves_of_value(value, &format!("{path}.{key}"), key == "nodeSelector", out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| leaves_of_value(item, &format!("{path}[]"), false, out)),
        _ => drop(out.insert(path.to_owned())),
    }
}

fn leaves_of_schema(schema: &Value, path: &str, out: &mut BTreeSet<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        properties.iter().for_each(|(key, inner)| leaves_of_schema(inner, &format!("{path}.{key}"), out));
    } else if let Some(free) = schema.get("additionalProperties") {
        leaves_of_schema(free, &format!("{path}.*"), out);
    } else if let Some(items) = schema.get("items") {
        leaves_of_schema(items, &format!("{path}[]"), out);
    } else {
        out.insert(path.to_owned());
    }
}

#[test]
fn the_schema_has_exactly_the_fields_of_the_domain() {
    let (_, crd) = documents("crds").remove(0);
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let (mut in_schema, mut in_domain) = (BTreeSet::new(), BTreeSet::new());
    for part in ["spec", "status"] {
        leaves_of_schema(&schema["properties"][part], part, &mut in_schema);
        leaves_of_value(&everything_set()[part], part, false, &mut in_domain);
    }
    assert_eq!(in_schema, in_domain);
}

#[test]
fn every_shipped_sku_can_be_sold() {
    let skus = documents("skus");
    assert_eq!(skus.len(), 5);
    for (file, document) in skus {
        assert_eq!(document["metadata"]["name"], file);
        let spec = serde_json::from_value(document["spec"].clone()).unwrap();
        let sku = Sku { code: file.clone(), version: "1".into(), spec, status: SkuStatus::default() };
        check_sku(&sku).unwrap_or_else(|why| panic!("{file}: {why}"));
    }
}

#[test]
fn no_role_has_a_wildcard_or_a_way_to_more_rights() {
    for (file, document) in documents("roles") {
        for rule in document["rules"].as_array().into_iter().flatten() {
            let text = rule.to_string();
            assert!(!text.contains('*'), "{file}: {text}");
            for word in ["escalate", "impersonate", "nodes/proxy", "pods/proxy"] {
                assert!(!text.contains(word), "{file}: {text}");
            }
            if text.contains("\"bind\"") {
                let names: Vec<&str> =
                    rule["resourceNames"].as_array().unwrap().iter().flat_map(Value::as_str).collect();
                let skypilot = names.iter().all(|name| name.starts_with("remotegpu-skypilot-"));
                assert!(names == ["remotegpu-tenant", "remotegpu-viewer"] || skypilot, "{file}: {names:?}");
            }
        }
    }
}

/// A rule as (groups, resources, verbs), each sorted: the order in a file means nothing.
fn rule(rule: &Value) -> [BTreeSet<String>; 3] {
    ["apiGroups", "resources", "verbs"]
        .map(|part| rule[part].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect())
}

#[test]
fn the_roles_of_skypilot_give_what_its_recorded_calls_need_and_nothing_else() {
    let shipped: Vec<Value> = documents("roles").into_iter().map(|(_, document)| document).collect();
    let tokens = ["remotegpu-skypilot-token", "remotegpu-skypilot-node-token"];
    let mut expected = BTreeSet::from(tokens.map(str::to_owned));
    for feature in Feature::ALL.into_iter().filter(|feature| feature.withheld().is_none()) {
        let needs = needs(&[feature].into()).unwrap();
        let scopes: BTreeSet<Scope> = needs.iter().map(|need| need.scope.clone()).collect();
        for scope in scopes {
            let wanted: BTreeSet<_> = rules(&needs, &scope).iter().map(rule).collect();
            if wanted.is_empty() {
                continue;
            }
            let name = scope.cluster_role(feature);
            let found = shipped.iter().find(|document| document["metadata"]["name"] == name.as_str());
            let given = found.unwrap_or_else(|| panic!("no {name}"))["rules"].as_array().unwrap();
            assert_eq!(given.iter().map(rule).collect::<BTreeSet<_>>(), wanted, "{name}");
            expected.insert(name);
        }
    }
    let named = |document: &Value| document["metadata"]["name"].as_str().unwrap().to_owned();
    let ours: BTreeSet<String> =
        shipped.iter().map(named).filter(|name| name.starts_with("remotegpu-skypilot-")).collect();
    assert_eq!(ours, expected);
    let issuer = shipped.iter().find(|d| d["kind"] == "ClusterRole" && named(d) == "remotegpu-issuer").unwrap();
    let binds = issuer["rules"].as_array().unwrap().iter().filter(|rule| rule["verbs"] == json!(["bind"]));
    let names = binds.flat_map(|rule| rule["resourceNames"].as_array().unwrap()).map(|name| name.as_str().unwrap());
    let ours = names.filter(|name| name.starts_with("remotegpu-skypilot-")).map(str::to_owned);
    assert_eq!(ours.collect::<BTreeSet<_>>(), expected, "what the issuer may bind");
}
