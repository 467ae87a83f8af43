//! What is done about idle GPUs in a namespace.

use axum::Json;
use axum::extract::State;
use backend::Backend;
use domain::idle_gpu::IdleGpuRule;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::{ApiJson, ApiPath, SignedIn};
use crate::http::problem::{MissingOrConflicting, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(read, change))
}

/// What is done about idle GPUs
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/idle-gpu", operation_id = "get_idle_gpu",
    tag = "Workloads", responses((status = 200, body = IdleGpuRule), MissingOrConflicting))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
) -> Result<Json<IdleGpuRule>, Problem> {
    Ok(Json(backend.get_idle_gpu(&caller, &namespace_id).await?))
}

/// Change what is done about idle GPUs
///
/// GPUs are idle below 5 per cent by their own report. With `stop`, Deployments and StatefulSets are scaled to zero and
/// pods that nothing made are deleted; Jobs are only spoken of.
#[utoipa::path(put, path = "/kubernetes/namespaces/{namespace_id}/idle-gpu", operation_id = "set_idle_gpu",
    tag = "Workloads", request_body = IdleGpuRule,
    responses((status = 200, body = IdleGpuRule), MissingOrConflicting))]
async fn change(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
    ApiJson(rule): ApiJson<IdleGpuRule>,
) -> Result<Json<IdleGpuRule>, Problem> {
    Ok(Json(backend.set_idle_gpu(&caller, &namespace_id, rule).await?))
}
