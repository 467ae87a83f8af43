//! The document is whole: every operation has a row, an id of its own, and only references that lead somewhere.

use std::collections::BTreeSet;

use super::super::api_document;
use super::super::permission::OPERATIONS;
use super::*;

fn document() -> Value {
    let url = PublicUrl::new(Some("https://console.example.com"), "0.0.0.0:1".parse().unwrap()).unwrap();
    api_document(&url).unwrap()
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let item = item.as_object().unwrap().iter().filter(|(name, _)| METHODS.contains(&name.as_str()));
            item.map(|(method, operation)| (path.clone(), method.clone(), operation.clone())).collect::<Vec<_>>()
        })
        .collect()
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|inner| references(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

#[test]
fn the_file_in_the_docs_is_what_the_server_generates() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let written = std::fs::read_to_string(file).unwrap_or_default();
    let generated = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    assert!(written == generated, "docs/openapi.json is stale: type `cargo xtask openapi`");
}

#[test]
fn operations_and_rows_of_the_table_are_the_same() {
    let document = document();
    let ids: Vec<String> =
        operations(&document).iter().map(|(_, _, o)| o["operationId"].as_str().unwrap().to_owned()).collect();
    let distinct: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(distinct.len(), ids.len(), "an id is used twice: {ids:?}");
    assert_eq!(distinct, OPERATIONS.iter().map(|(id, _)| *id).collect::<BTreeSet<_>>());
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[test]
fn every_operation_says_who_may_call_it_and_how_it_refuses() {
    for (path, method, operation) in operations(&document()) {
        let name = format!("{method} {path}");
        assert!(operation["x-permission"].is_string() && operation["security"].is_array(), "{name}");
        assert!(operation["summary"].as_str().is_some_and(|s| !s.is_empty()), "{name} has no summary");
        assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{name} has no tag");
        let responses = operation["responses"].as_object().unwrap();
        let successes: Vec<&str> = responses.keys().map(String::as_str).filter(|s| s.starts_with('2')).collect();
        // What must end first is taken in hand (202), the rest is done (204).
        let one = successes.len() == 1 || successes == ["202", "204"];
        assert!(one, "{name} has the answers {successes:?} that are no refusal");
        for status in ["429", "500", "503"] {
            assert!(responses.contains_key(status), "{name} says nothing of {status}");
        }
        let declared = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let in_path = declared.iter().filter(|p| p["in"] == "path").count();
        assert_eq!(in_path, path.matches('{').count(), "{name}");
    }
}

#[test]
fn a_list_with_cursors_of_its_own_form_says_which() {
    let document = document();
    let pattern = |path: &str| {
        let mut declared = document["paths"][path]["get"]["parameters"].as_array().unwrap().iter();
        declared.find(|parameter| parameter["name"] == "cursor").unwrap()["schema"]["pattern"].clone()
    };
    assert_eq!(pattern("/v1/budgets"), "^[A-Za-z0-9-]+$");
    let workloads = pattern("/v1/kubernetes/namespaces/{namespace_id}/workloads");
    assert!(workloads.as_str().unwrap().starts_with("^[0-9]-(deployment|"), "{workloads}");
}

#[test]
fn request_bodies_refuse_unknown_fields() {
    let document = document();
    for (path, method, operation) in operations(&document) {
        let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") else { continue };
        let named = |s: &Value| s["$ref"].as_str().map(|r| r.trim_start_matches('#').to_owned());
        let either = schema["oneOf"].as_array().and_then(|list| list.iter().find_map(named));
        let pointer = named(schema).or(either).unwrap_or_else(|| panic!("{method} {path}: {schema}"));
        let schema = document.pointer(&pointer).unwrap();
        assert_eq!(schema["additionalProperties"], false, "{method} {path}: {schema}");
    }
}
