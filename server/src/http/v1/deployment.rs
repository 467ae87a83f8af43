//! Deployments of a namespace and their pods (`console-api.md` §6).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::deployment::{DeploymentPlan, DeploymentView};
use domain::page::Page;
use domain::pod::PodView;
use domain::workload::{EventView, WorkloadChange, WorkloadKind};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::whole;
use crate::http::answer::Created;
use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{ApiJson, ApiPath, SignedIn};
use crate::http::problem::{MissingOrConflicting, Problem};
use crate::http::state::AppState;

const KIND: WorkloadKind = WorkloadKind::Deployment;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(read, change, delete))
        .routes(routes!(pods))
        .routes(routes!(events))
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
) -> Result<Tagged<DeploymentView>, Problem> {
    Ok(Tagged(backend.get_deployment(&caller, &namespace_id, &name).await?))
}

/// Scale a deployment, change its image or its environment
///
/// As the workload that it is; the `ETag` of one route holds at the other.
#[utoipa::path(patch, path = "/kubernetes/namespaces/{namespace_id}/deployments/{name}",
    operation_id = "change_deployment", tag = "Deployments", request_body = WorkloadChange,
    responses((status = 200, body = DeploymentView), MissingOrConflicting))]
async fn change(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
    if_match: IfMatch,
    ApiJson(change): ApiJson<WorkloadChange>,
) -> Result<Tagged<DeploymentView>, Problem> {
    let saw = if_match.check(backend.get_workload(&caller, &namespace_id, KIND, &name)).await?;
    backend.change_workload(&caller, &namespace_id, (KIND, &name), &change, saw.as_ref()).await?;
    Ok(Tagged(backend.get_deployment(&caller, &namespace_id, &name).await?))
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

/// What Kubernetes reported about a deployment and its pods, newest first
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/deployments/{name}/events",
    operation_id = "list_deployment_events", tag = "Deployments",
    responses((status = 200, body = Page<EventView>), MissingOrConflicting))]
async fn events(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
) -> Result<Json<Page<EventView>>, Problem> {
    Ok(whole(backend.get_workload(&caller, &namespace_id, KIND, &name).await?.events))
}
