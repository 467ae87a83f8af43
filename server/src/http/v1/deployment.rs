//! Deployments of a namespace and their pods (`console-api.md` §6).

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use backend::Backend;
use domain::deployment::{DeploymentPlan, DeploymentView, PodView};
use domain::page::Page;

use super::whole;
use crate::http::extract::{ApiJson, ApiPath, SignedIn};
use crate::http::problem::Problem;
use crate::http::state::AppState;

pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/kubernetes/namespaces/{namespace_id}/deployments", get(list).post(create))
        .route("/kubernetes/namespaces/{namespace_id}/deployments/{name}", get(read).delete(delete))
        .route("/kubernetes/namespaces/{namespace_id}/deployments/{name}/pods", get(pods))
}

/// `GET …/deployments`
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
) -> Result<Json<Page<DeploymentView>>, Problem> {
    Ok(whole(backend.list_deployments(&caller, &namespace_id).await?))
}

/// `POST …/deployments`: the admission check first; a refusal carries its verdict.
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
    ApiJson(plan): ApiJson<DeploymentPlan>,
) -> Result<impl IntoResponse, Problem> {
    let created = backend.create_deployment(&caller, &namespace_id, plan).await?;
    let location = format!("/v1/kubernetes/namespaces/{namespace_id}/deployments/{}", created.name);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(created)))
}

/// `GET …/deployments/{name}`
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
) -> Result<Json<DeploymentView>, Problem> {
    Ok(Json(backend.get_deployment(&caller, &namespace_id, &name).await?))
}

/// `DELETE …/deployments/{name}`
async fn delete(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    backend.delete_deployment(&caller, &namespace_id, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET …/deployments/{name}/pods`
async fn pods(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
) -> Result<Json<Page<PodView>>, Problem> {
    Ok(whole(backend.get_deployment(&caller, &namespace_id, &name).await?.pods))
}
