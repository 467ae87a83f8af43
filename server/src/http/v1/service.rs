//! Services of a namespace: addresses of its deployments (`ui.md` §1, Network).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::page::Page;
use domain::service::{NewService, ServiceView};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::whole;
use crate::http::answer::Created;
use crate::http::extract::{ApiJson, ApiPath, SignedIn};
use crate::http::problem::{MissingOrConflicting, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(read, delete))
}

/// Services of a namespace, whoever made them
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/services", operation_id = "list_services",
    tag = "Network", responses((status = 200, body = Page<ServiceView>), MissingOrConflicting))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
) -> Result<Json<Page<ServiceView>>, Problem> {
    Ok(whole(backend.list_services(&caller, &namespace_id).await?))
}

/// Expose a port of a deployment inside its namespace
///
/// What `kubectl expose deployment` makes. Addresses from outside (NodePort, LoadBalancer) are not offered here.
#[utoipa::path(post, path = "/kubernetes/namespaces/{namespace_id}/services", operation_id = "create_service",
    tag = "Network", request_body = NewService, responses((status = 201, body = ServiceView), MissingOrConflicting))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
    ApiJson(new): ApiJson<NewService>,
) -> Result<Created<ServiceView>, Problem> {
    let created = backend.create_service(&caller, &namespace_id, new).await?;
    Ok(Created::at(format!("/v1/kubernetes/namespaces/{namespace_id}/services/{}", created.name), created))
}

/// One Service
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/services/{name}", operation_id = "get_service",
    tag = "Network", responses((status = 200, body = ServiceView), MissingOrConflicting))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
) -> Result<Json<ServiceView>, Problem> {
    Ok(Json(backend.get_service(&caller, &namespace_id, &name).await?))
}

/// Delete a Service
#[utoipa::path(delete, path = "/kubernetes/namespaces/{namespace_id}/services/{name}",
    operation_id = "delete_service", tag = "Network", responses((status = 204), MissingOrConflicting))]
async fn delete(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    backend.delete_service(&caller, &namespace_id, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
