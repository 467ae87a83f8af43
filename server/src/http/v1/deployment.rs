//! Deployments of a namespace and their pods (`console-api.md` §6).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::deployment::{DeploymentPlan, DeploymentView};
use domain::page::Page;
use domain::pod::PodView;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::whole;
use crate::http::answer::Created;
use crate::http::extract::{ApiJson, ApiPath, SignedIn};
use crate::http::problem::{MissingOrConflicting, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(read, delete)).routes(routes!(pods))
}

/// Deployments of a namespace
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/deployments", operation_id = "list_deployments",
    tag = "Deployments", responses((status = 200, body = Page<DeploymentView>), MissingOrConflicting))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
) -> Result<Json<Page<DeploymentView>>, Problem> {
    Ok(whole(backend.list_deployments(&caller, &namespace_id).await?))
}

/// Run something
///
/// The admission check comes first; its refusal is a 409 that carries the verdict.
#[utoipa::path(post, path = "/kubernetes/namespaces/{namespace_id}/deployments", operation_id = "create_deployment",
    tag = "Deployments", request_body = DeploymentPlan,
    responses((status = 201, body = DeploymentView), MissingOrConflicting))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
    ApiJson(plan): ApiJson<DeploymentPlan>,
) -> Result<Created<DeploymentView>, Problem> {
    let created = backend.create_deployment(&caller, &namespace_id, plan).await?;
    Ok(Created::at(format!("/v1/kubernetes/namespaces/{namespace_id}/deployments/{}", created.name), created))
}

/// One deployment
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/deployments/{name}", operation_id = "get_deployment",
    tag = "Deployments", responses((status = 200, body = DeploymentView), MissingOrConflicting))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
) -> Result<Json<DeploymentView>, Problem> {
    Ok(Json(backend.get_deployment(&caller, &namespace_id, &name).await?))
}

/// Delete a deployment and its pods
#[utoipa::path(delete, path = "/kubernetes/namespaces/{namespace_id}/deployments/{name}",
    operation_id = "delete_deployment", tag = "Deployments", responses((status = 204), MissingOrConflicting))]
async fn delete(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    backend.delete_deployment(&caller, &namespace_id, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Pods of a deployment
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/deployments/{name}/pods", operation_id = "list_pods",
    tag = "Deployments", responses((status = 200, body = Page<PodView>), MissingOrConflicting))]
async fn pods(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
) -> Result<Json<Page<PodView>>, Problem> {
    Ok(whole(backend.get_deployment(&caller, &namespace_id, &name).await?.pods))
}
