//! What a SkyPilot user puts on disk: `create-sky-sa.yaml`, `~/.sky/config.yaml`, and a kubeconfig with a token.
//!
//! Source: `skypilot.md` §4 and §7, RULINGS 18.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::manifest::objects;
use super::{SkypilotChoice, ticked};
use crate::Result;
use crate::kubeconfig::Endpoints;
use crate::namespace::Namespace;
use crate::yaml::document;

/// The files of one choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SkypilotFiles {
    /// Text of `create-sky-sa.yaml`.
    pub manifest: String,
    /// Text of `~/.sky/config.yaml`.
    pub config: String,
    /// Creates the rights with a cluster administrator's kubeconfig.
    pub apply_command: String,
    /// Names the context that the config allows.
    pub context: String,
}

/// What a kubeconfig with a token is made of.
pub struct TokenKubeconfig<'a> {
    /// The namespace.
    pub namespace: &'a Namespace,
    /// The API server.
    pub endpoints: &'a Endpoints,
    /// Its CA in base64; empty when publicly trusted.
    pub base64_ca: &'a str,
    /// The ServiceAccount, which names the user's entry.
    pub service_account: &'a str,
    /// The bearer token.
    pub token: &'a str,
}

/// The files of `choice` for a namespace.
///
/// # Errors
/// [`crate::Error::Invalid`] for a wrong name.
pub fn files(choice: &SkypilotChoice, namespace: &Namespace) -> Result<SkypilotFiles> {
    choice.check()?;
    let objects = objects(choice, namespace.kubernetes_name.as_str())?;
    let boxes: Vec<&str> = ticked(&choice.features).into_iter().map(super::Feature::as_str).collect();
    let head = format!("# create-sky-sa.yaml: {} rights for {}\n", choice.preset.as_str(), boxes.join(", "));
    Ok(SkypilotFiles {
        manifest: format!("{head}{}", objects.iter().map(document).collect::<Vec<_>>().join("---\n")),
        config: config(choice, namespace),
        apply_command: "kubectl apply -f create-sky-sa.yaml".to_owned(),
        context: context(namespace),
    })
}

/// The same entry in every kubeconfig of a namespace: SkyPilot takes it for the owner of its clusters.
fn context(namespace: &Namespace) -> String {
    format!("remotegpu-{}", namespace.id.short())
}

fn config(choice: &SkypilotChoice, namespace: &Namespace) -> String {
    let mut kubernetes = json!({
        "allowed_contexts": [context(namespace)],
        "remote_identity": choice.names.service_account,
    });
    if let Some(code) = choice.sku_code.as_deref().filter(|code| !code.is_empty()) {
        kubernetes["pod_config"] = json!({"metadata": {"labels": {crate::sku::SKU_LABEL: code}}});
    }
    format!("# ~/.sky/config.yaml\n{}", document(&json!({"kubernetes": kubernetes})))
}

/// A kubeconfig whose identity is the ServiceAccount: it holds its token, so it is a secret as a whole.
pub fn token_kubeconfig(parts: &TokenKubeconfig<'_>) -> String {
    let entry = context(parts.namespace);
    let mut cluster = json!({"server": parts.endpoints.cluster_server});
    if !parts.base64_ca.is_empty() {
        cluster["certificate-authority-data"] = Value::from(parts.base64_ca);
    }
    let user = format!("{entry}-{}", parts.service_account);
    let place = json!({"cluster": "remotegpu-c1", "user": user, "namespace": parts.namespace.kubernetes_name.as_str()});
    document(&json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": entry,
        "clusters": [{"name": "remotegpu-c1", "cluster": cluster}],
        "contexts": [{"name": entry, "context": place}],
        "users": [{"name": user, "user": {"token": parts.token}}],
    }))
}
