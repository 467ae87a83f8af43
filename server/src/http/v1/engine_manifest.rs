//! Manifests for the cluster behind an engine (`engine-import.md` §5 and §6). The file itself is fetched by kubectl,
//! which is not signed in: its address is random, it ends within the hour, it holds no secret.

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use backend::Backend;
use domain::engine_manifest::{EngineManifestView, NewEngineManifest};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::answer::Created;
use crate::http::extract::{ApiJson, ApiPath, ApiQuery, SignedIn};
use crate::http::problem::{MissingOrConflicting, Problem};
use crate::http::state::AppState;

/// Which part of the file is wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PartQuery {
    /// For example `clusterrole.yaml`; the whole file when unsaid.
    #[param(pattern = "^[a-z]+\\.yaml$", max_length = 63)]
    part: Option<String>,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(create))
}

/// The file is YAML, so it stands outside the routes that answer JSON.
pub fn file_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(read))
}

/// Generate manifests for a cluster to import
///
/// The answer holds the file, its parts, the address under which kubectl finds it for an hour, and the commands.
#[utoipa::path(post, path = "/engine-manifests", operation_id = "create_engine_manifest", tag = "Engines",
    request_body = NewEngineManifest, responses((status = 201, body = EngineManifestView)))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiJson(new): ApiJson<NewEngineManifest>,
) -> Result<Created<EngineManifestView>, Problem> {
    let made = backend.create_engine_manifest(&caller, new).await?;
    let path = made.url.find("/v1/").map_or_else(String::new, |at| made.url[at..].to_owned());
    Ok(Created::at(path, made))
}

/// A generated file
///
/// For `kubectl apply -f`: works without signing in, for an hour.
#[utoipa::path(get, path = "/engine-manifests/{file}", operation_id = "get_engine_manifest", tag = "Engines",
    params(PartQuery), responses((status = 200, content((String = "application/yaml"))), MissingOrConflicting))]
async fn read(
    State(backend): State<Backend>,
    ApiPath(file): ApiPath<String>,
    ApiQuery(query): ApiQuery<PartQuery>,
) -> Result<impl IntoResponse, Problem> {
    let (name, yaml) = backend.get_engine_manifest(&file, query.part.as_deref()).await?;
    // Names hold DNS labels only, so they need no escaping.
    let attachment = format!("attachment; filename=\"{name}\"");
    Ok(([(CONTENT_TYPE, "application/yaml".to_owned()), (CONTENT_DISPOSITION, attachment)], yaml))
}
