//! Who may depend on whom (DESIGN §3), and which crate may hold which heavy dependency (RULINGS 42).
//! Tables, so that a change of the house is a change of one line here.

use super::Outcome;
use super::packages::{Dependency, Package, Packages};

/// Our crates: what each may use of our crates. A crate that is not here is a breach, so that the table stays whole.
const OURS: [(&str, &[&str]); 18] = [
    ("domain", &[]),
    ("backend", &["domain"]),
    ("store", &["backend", "domain"]),
    ("cluster", &["backend", "domain"]),
    ("kubelet", &[]),
    ("engines", &["kubelet", "backend", "domain"]),
    ("admission", &["domain"]),
    ("node", &["kubelet", "engines"]),
    ("app", &["domain", "backend"]),
    ("frontend", &["app"]),
    ("server", &["app", "backend", "cluster", "domain", "engines", "node", "store"]),
    ("cli", &["domain"]),
    ("runpod-sim", &[]),
    ("localplane", &[]),
    ("xtask", &["localplane"]),
    ("testkit", &["localplane", "domain", "backend", "store", "cluster"]),
    ("benches", &["domain", "backend", "store", "cluster", "kubelet", "engines", "admission"]),
    ("rgpu-bench", &["domain", "backend", "store", "cluster", "kubelet", "engines", "admission"]),
];

/// Third parties: the crates that may hold them. A name ending in `*` stands for all that begin so.
const PLACES: [(&str, &[&str]); 10] = [
    ("sqlx*", &["store"]),
    ("kube*", &["cluster", "admission", "kubelet", "engines", "node"]),
    ("k8s-openapi", &["cluster", "admission", "kubelet", "engines", "node"]),
    ("leptos*", &["app", "frontend", "server"]),
    ("bollard", &["engines"]),
    ("utoipa*", &["domain", "server"]),
    ("wasm-bindgen-cli-support", &["xtask"]),
    ("anyhow", &["server", "admission", "node", "cli", "localplane", "xtask", "testkit"]),
    (
        "tokio*",
        &[
            "backend",
            "store",
            "cluster",
            "kubelet",
            "engines",
            "admission",
            "node",
            "server",
            "cli",
            "testkit",
            "runpod-sim",
        ],
    ),
    ("reqwest", &["engines", "server", "cli", "testkit", "runpod-sim"]),
];

/// Crates whose whole list of third parties is fixed.
const EXACT: [(&str, &[&str]); 1] =
    [("domain", &["serde", "serde_json", "uuid", "jiff", "thiserror", "utoipa", "unicode-normalization"])];

/// Only ever a dev-dependency.
const FOR_TESTS: [&str; 1] = ["testkit"];
/// Dependencies that must be optional, because the browser's half may not have them.
const OPTIONAL: [(&str, &str); 4] = [("app", "backend"), ("app", "axum"), ("app", "leptos_axum"), ("domain", "utoipa")];

/// Finds each dependency that the tables do not allow.
pub fn check(packages: &Packages) -> Outcome {
    let breaches: Vec<String> = packages.0.iter().flat_map(|package| of_one(package, packages)).collect();
    if breaches.is_empty() { Ok(format!("{} crates", packages.0.len())) } else { Err(breaches) }
}

fn of_one(package: &Package, all: &Packages) -> Vec<String> {
    let Some(allowed) = look_up(&OURS, &package.name) else {
        return vec![format!("{} is not in the table of layers (xtask/src/check/layers.rs)", package.name)];
    };
    package.dependencies.iter().filter_map(|dependency| breach(package, dependency, allowed, all)).collect()
}

fn breach(package: &Package, dependency: &Dependency, allowed: &[&str], all: &Packages) -> Option<String> {
    let (name, used) = (package.name.as_str(), dependency.package.as_str());
    if all.has(used) {
        let for_tests = FOR_TESTS.contains(&used);
        if dependency.is_dev {
            // Tests may look at any crate but the ones on top of theirs.
            return (matches!(used, "server" | "frontend" | "xtask")).then(|| format!("{name}'s tests use {used}"));
        }
        if for_tests || !allowed.contains(&used) {
            return Some(format!("{name} depends on {used}, which its layer may not"));
        }
    } else if !dependency.is_dev {
        if let Some(places) = places(used).filter(|places| !places.contains(&name)) {
            return Some(format!("{name} depends on {used}, which only {} may", places.join(", ")));
        }
        if look_up(&EXACT, name).is_some_and(|exact| !exact.contains(&used)) {
            return Some(format!("{name} depends on {used}, which is not in its fixed list"));
        }
    }
    let must_be_optional = OPTIONAL.contains(&(name, used)) && !dependency.is_optional;
    must_be_optional.then(|| format!("{name} depends on {used} always; it must be optional"))
}

fn look_up<'a>(table: &[(&str, &'a [&'a str])], name: &str) -> Option<&'a [&'a str]> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn places(name: &str) -> Option<&'static [&'static str]> {
    let fits = |pattern: &str| pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start));
    PLACES.iter().find(|(pattern, _)| fits(pattern)).map(|(_, places)| *places)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn package(name: &str, dependencies: &[Value]) -> Value {
        json!({"name": name, "manifest_path": "/w/Cargo.toml", "targets": [], "dependencies": dependencies})
    }

    fn breaches(packages: &[Value]) -> Vec<String> {
        check(&Packages::of(&json!({ "packages": packages }))).err().unwrap_or_default()
    }

    #[test]
    fn a_dependency_of_the_design_is_fine() {
        let domain = package("domain", &[json!({"name": "serde"})]);
        let backend = package("backend", &[json!({"name": "domain"}), json!({"name": "tokio"})]);
        assert!(breaches(&[domain, backend]).is_empty());
    }

    #[test]
    fn a_lower_layer_may_not_use_a_higher_one() {
        let found = breaches(&[package("domain", &[json!({"name": "backend"})]), package("backend", &[])]);
        assert_eq!(found, ["domain depends on backend, which its layer may not"]);
    }

    #[test]
    fn sqlx_belongs_to_the_store() {
        let found = breaches(&[package("backend", &[json!({"name": "sqlx"})])]);
        assert_eq!(found, ["backend depends on sqlx, which only store may"]);
    }

    #[test]
    fn testkit_is_for_tests_only() {
        let testkit = package("testkit", &[]);
        assert!(
            breaches(&[package("server", &[json!({"name": "testkit", "kind": "dev"})]), testkit.clone()]).is_empty()
        );
        assert_eq!(breaches(&[package("server", &[json!({"name": "testkit"})]), testkit]).len(), 1);
    }

    #[test]
    fn the_pages_reach_the_backend_only_on_the_server() {
        let backend = package("backend", &[]);
        let always = package("app", &[json!({"name": "backend", "optional": false})]);
        assert_eq!(breaches(&[always, backend.clone()]), ["app depends on backend always; it must be optional"]);
        assert!(breaches(&[package("app", &[json!({"name": "backend", "optional": true})]), backend]).is_empty());
    }

    #[test]
    fn schemas_of_the_api_document_are_an_option_of_the_domain() {
        let domain = |optional: bool| package("domain", &[json!({"name": "utoipa", "optional": optional})]);
        assert_eq!(breaches(&[domain(false)]), ["domain depends on utoipa always; it must be optional"]);
        assert!(breaches(&[domain(true)]).is_empty());
    }

    #[test]
    fn a_new_crate_needs_a_line_in_the_table() {
        assert_eq!(breaches(&[package("utils", &[])]).len(), 1);
    }
}
