//! Manifests for the cluster behind an engine.

use domain::engine_manifest::EngineManifestView;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;
use crate::features::engine_manifest::ManifestForm;

/// Generates them; the answer holds the address under which kubectl finds them.
#[server(prefix = "/api", endpoint = "engine-manifest/create")]
pub async fn create_engine_manifest(form: ManifestForm) -> Result<Packed<EngineManifestView>, AppError> {
    let caller = crate::ssr::caller().await?;
    crate::ssr::link_needs_javascript("POST /v1/engine-manifests")?;
    Packed::new(&crate::ssr::backend()?.create_engine_manifest(&caller, form.into_new()).await?)
}
