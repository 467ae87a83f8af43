//! The objects as text. Every scalar is in double quotes: kubectl reads YAML 1.1, where a namespace `no` or `1e3` is
//! no text.

use std::fmt::Write as _;

use super::{ManifestFile, ManifestPreset, NewEngineManifest, RENEWAL, RightsRule, SERVICE_ACCOUNT, TokenForm};
use crate::yaml::quoted;

const RBAC: &str = "rbac.authorization.k8s.io";

/// The files in the order in which they are applied: what a later one names stands in an earlier one.
pub(super) fn files(of: &NewEngineManifest) -> Vec<ManifestFile> {
    let (cluster, namespaced) = of.rules();
    let (namespaces, prefix) = (of.write_namespaces(), prefix(of));
    let mut files = vec![file("namespace.yaml", namespace(of)), file("serviceaccount.yaml", service_account(of))];
    let mut bindings = Vec::new();
    if !cluster.is_empty() {
        let name = format!("{prefix}-cluster-role");
        files.push(file("clusterrole.yaml", role("ClusterRole", &name, None, &rules(&cluster))));
        bindings.push(file("clusterrolebinding.yaml", binding(of, "ClusterRole", &name, None)));
    }
    let renewal = of.self_renewal.then(|| format!("{}-token-renewal", prefix.trim_end_matches("-sa")));
    let mut roles: Vec<(String, &str, String)> = Vec::new();
    if !namespaced.is_empty() {
        roles.extend(namespaces.iter().map(|space| (format!("{prefix}-role"), *space, rules(&namespaced))));
    }
    roles.extend(renewal.map(|name| (name, of.namespace.as_str(), renewal_rule(&of.service_account))));
    if !roles.is_empty() {
        let text = roles.iter().map(|(name, space, rules)| role("Role", name, Some(space), rules));
        files.push(file("role.yaml", documents(text)));
        let text = roles.iter().map(|(name, space, _)| binding(of, "Role", name, Some(space)));
        bindings.push(file("rolebinding.yaml", documents(text)));
    }
    files.extend(bindings);
    if of.token == TokenForm::LongLived {
        files.push(file("secret.yaml", secret(of)));
    }
    files
}

/// Cluster roles are nobody's own: other names for another ServiceAccount keep two imports of one cluster apart.
fn prefix(of: &NewEngineManifest) -> String {
    if of.service_account == SERVICE_ACCOUNT { "dp-sa".to_owned() } else { of.service_account.clone() }
}

fn file(name: &str, yaml: String) -> ManifestFile {
    ManifestFile { name: name.to_owned(), yaml }
}

fn documents(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("---\n")
}

fn namespace(of: &NewEngineManifest) -> String {
    let mut text = head("v1", "Namespace", &of.namespace, None);
    // The published objects have no labels; this one is ours.
    text += "  labels:\n    \"app.kubernetes.io/managed-by\": \"remotegpu\"\n";
    text
}

fn service_account(of: &NewEngineManifest) -> String {
    let mut text = head("v1", "ServiceAccount", &of.service_account, Some(&of.namespace));
    if of.preset == ManifestPreset::LeastRights {
        // No pod gets this token by accident.
        text += "automountServiceAccountToken: false\n";
    }
    text
}

fn secret(of: &NewEngineManifest) -> String {
    let mut text = head("v1", "Secret", &format!("{}-token", of.service_account), Some(&of.namespace));
    line(&mut text, "  annotations:");
    line(&mut text, &format!("    \"kubernetes.io/service-account.name\": {}", quoted(&of.service_account)));
    line(&mut text, "type: \"kubernetes.io/service-account-token\"");
    text
}

fn role(kind: &str, name: &str, namespace: Option<&str>, rules: &str) -> String {
    let mut text = head(&format!("{RBAC}/v1"), kind, name, namespace);
    line(&mut text, "rules:");
    text + rules
}

fn rules(rules: &[RightsRule]) -> String {
    let mut text = String::new();
    for rule in rules {
        line(&mut text, &format!("- apiGroups: {}", list(&[rule.group])));
        line(&mut text, &format!("  resources: {}", list(rule.resources)));
        line(&mut text, &format!("  verbs: {}", list(rule.verbs)));
    }
    text
}

fn renewal_rule(account: &str) -> String {
    format!(
        "- apiGroups: {}\n  resources: {}\n  resourceNames: {}\n  verbs: {}\n",
        list(&[RENEWAL.group]),
        list(RENEWAL.resources),
        list(&[account]),
        list(RENEWAL.verbs)
    )
}

fn binding(of: &NewEngineManifest, role_kind: &str, role: &str, namespace: Option<&str>) -> String {
    let mut text = head(&format!("{RBAC}/v1"), &format!("{role_kind}Binding"), &format!("{role}-binding"), namespace);
    line(&mut text, "roleRef:");
    line(&mut text, &format!("  apiGroup: {}", quoted(RBAC)));
    line(&mut text, &format!("  kind: {}", quoted(role_kind)));
    line(&mut text, &format!("  name: {}", quoted(role)));
    line(&mut text, "subjects:");
    line(&mut text, "- kind: \"ServiceAccount\"");
    line(&mut text, &format!("  name: {}", quoted(&of.service_account)));
    line(&mut text, &format!("  namespace: {}", quoted(&of.namespace)));
    text
}

fn head(api: &str, kind: &str, name: &str, namespace: Option<&str>) -> String {
    let mut text = String::new();
    line(&mut text, &format!("apiVersion: {}", quoted(api)));
    line(&mut text, &format!("kind: {}", quoted(kind)));
    line(&mut text, "metadata:");
    line(&mut text, &format!("  name: {}", quoted(name)));
    if let Some(namespace) = namespace {
        line(&mut text, &format!("  namespace: {}", quoted(namespace)));
    }
    text
}

fn line(text: &mut String, line: &str) {
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{line}");
}

fn list(items: &[&str]) -> String {
    format!("[{}]", items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "))
}
