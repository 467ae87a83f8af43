//! The field tables of `domain::admission` against the schema of the Kubernetes version we build for.
//!
//! Fails when k8s-openapi brings a field that nobody has classified (`security.md` §6.3).

use domain::admission::{CONTAINER_FIELDS, FieldClass, POD_SPEC_FIELDS, VOLUME_FIELDS};
use k8s_openapi::api::core::v1::{Container, EphemeralContainer, PodSpec, Volume};
use schemars::JsonSchema;

/// The JSON names of a type's fields.
fn properties<T: JsonSchema>() -> Vec<String> {
    let schema = schemars::SchemaGenerator::default().into_root_schema_for::<T>().to_value();
    schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

fn assert_classified(kind: &str, table: &[(&str, FieldClass)], properties: &[String], ahead: &[&str]) {
    assert!(properties.iter().any(|name| name == "name" || name == "containers"), "{kind}: no schema");
    let open: Vec<_> = properties.iter().filter(|name| table.iter().all(|(known, _)| known != name)).collect();
    assert!(open.is_empty(), "{kind} has fields without a class: {open:?}");
    let unknown = |name: &&str| !properties.iter().any(|known| known == name);
    let gone: Vec<_> = table.iter().map(|(name, _)| *name).filter(unknown).collect();
    assert_eq!(gone, ahead, "{kind}: classified, but not in this version");
}

#[test]
fn every_field_of_a_pod_spec_has_a_class() {
    assert_classified("PodSpec", POD_SPEC_FIELDS, &properties::<PodSpec>(), &["evictionResponders", "workloadRef"]);
}

#[test]
fn every_field_of_a_container_has_a_class() {
    let mut all = properties::<Container>();
    all.extend(properties::<EphemeralContainer>());
    assert_classified("Container", CONTAINER_FIELDS, &all, &[]);
}

#[test]
fn every_kind_of_volume_has_a_class() {
    assert_classified("Volume", VOLUME_FIELDS, &properties::<Volume>(), &[]);
}
