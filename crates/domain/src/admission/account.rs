//! Which ServiceAccount a pod runs as, and whether it gets a token.
//!
//! Whoever may create pods may run them as any ServiceAccount of the namespace, hence the allow-list (RULINGS 16).

use serde_json::{Map, Value};

use super::patch::Draft;
use super::spec::text;
use super::{NamespacePolicy, Refusal};

/// Account names by allow-list; a token only for an allowed account.
pub(super) fn check(spec: &Map<String, Value>, policy: &NamespacePolicy, refusals: &mut Vec<Refusal>) {
    let listed = |name: &str| policy.service_accounts.iter().any(|allowed| allowed == name);
    for key in ["serviceAccountName", "serviceAccount"] {
        let name = text(spec, key);
        if !(name.is_empty() || name == "default" || listed(name)) {
            let message =
                format!("ServiceAccount \"{name}\" is not allowed for pods here: use default or have it allowed");
            refusals.push(Refusal::new("service_account", format!("spec.{key}"), message));
        }
    }
    let trusted = listed(name(spec));
    if spec.get("automountServiceAccountToken") == Some(&Value::Bool(true)) && !trusted {
        let message = "automountServiceAccountToken must be false: ServiceAccount \"default\" has no rights here";
        refusals.push(Refusal::new("service_account", "spec.automountServiceAccountToken", message));
    }
    if !trusted {
        check_tokens(spec, refusals);
    }
}

/// No token unless the pod says otherwise.
pub(super) fn fill(draft: &mut Draft) {
    let path = ["spec", "automountServiceAccountToken"];
    if draft.get(&path).is_none() {
        draft.set(&path, Value::Bool(false));
    }
}

fn name(spec: &Map<String, Value>) -> &str {
    match text(spec, "serviceAccountName") {
        "" => match text(spec, "serviceAccount") {
            "" => "default",
            old => old,
        },
        name => name,
    }
}

/// A projected token is for the tenant's own services: it must name an audience, and not the API server's.
fn check_tokens(spec: &Map<String, Value>, refusals: &mut Vec<Refusal>) {
    for (index, volume) in super::spec::items(spec.get("volumes")).enumerate() {
        // The ServiceAccount plugin ran before us and may have added its own volume; the account has no rights.
        if volume.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with("kube-api-access-")) {
            continue;
        }
        let sources = super::spec::items(volume.pointer("/projected/sources"));
        for token in sources.filter_map(|source| source.get("serviceAccountToken")).filter(|token| !token.is_null()) {
            let audience = token.get("audience").and_then(Value::as_str).unwrap_or_default();
            if audience.is_empty() || audience.contains("kubernetes.default") {
                let field = format!("spec.volumes[{index}].projected.sources");
                let message = "A projected token needs an audience of your own, not the API server's";
                refusals.push(Refusal::new("service_account", field, message));
            }
        }
    }
}
