//! A manifest that a person pasted: what the cluster would say to it, and applying it.

use domain::admission::Verdict;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Whether a manifest (YAML or JSON) would be admitted, with every number; creates nothing.
#[server(prefix = "/api", endpoint = "manifest/check")]
pub async fn check_pasted(namespace: String, yaml: String) -> Result<Packed<Verdict>, AppError> {
    let caller = crate::ssr::caller().await?;
    let manifest = Some(serde_json::Value::String(yaml));
    let check = domain::deployment::AdmissionCheck { manifest, ..Default::default() };
    Packed::new(&crate::ssr::backend()?.check_deployment(&caller, &namespace, check).await?)
}

/// Makes the workload of a manifest, or changes the one of that name, and goes to its page. `take_over` is for fields that
/// another tool manages.
#[server(prefix = "/api", endpoint = "manifest/apply")]
pub async fn apply_pasted(namespace: String, yaml: String, #[server(default)] take_over: bool) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let (kind, name) = crate::ssr::backend()?.apply_manifest(&caller, &namespace, &yaml, take_over).await?;
    leptos_axum::redirect(&Notice::ManifestApplied.after(&crate::paths::workload(&namespace, kind, &name), &name));
    Ok(())
}
