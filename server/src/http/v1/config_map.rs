//! ConfigMaps of a namespace (`ui.md` §1, Config).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::config_map::{ConfigMapChange, ConfigMapView, NewConfigMap};
use domain::page::Page;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::whole;
use crate::http::answer::Created;
use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{ApiJson, ApiPath, SignedIn};
use crate::http::problem::{MissingOrConflicting, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(read, change, delete))
}

/// ConfigMaps of a namespace
///
/// Names, keys and sizes.
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/config-maps", operation_id = "list_config_maps",
    tag = "Config", responses((status = 200, body = Page<ConfigMapView>), MissingOrConflicting))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
) -> Result<Json<Page<ConfigMapView>>, Problem> {
    Ok(whole(backend.list_config_maps(&caller, &namespace_id).await?))
}

/// Create a ConfigMap
#[utoipa::path(post, path = "/kubernetes/namespaces/{namespace_id}/config-maps", operation_id = "create_config_map",
    tag = "Config", request_body = NewConfigMap, responses((status = 201, body = ConfigMapView), MissingOrConflicting))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
    ApiJson(new): ApiJson<NewConfigMap>,
) -> Result<Created<ConfigMapView>, Problem> {
    let created = backend.create_config_map(&caller, &namespace_id, new).await?;
    Ok(Created::at(format!("/v1/kubernetes/namespaces/{namespace_id}/config-maps/{}", created.name), created))
}

/// One ConfigMap with its text and the workloads that use it
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/config-maps/{name}", operation_id = "get_config_map",
    tag = "Config", responses((status = 200, body = ConfigMapView), MissingOrConflicting))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
) -> Result<Tagged<ConfigMapView>, Problem> {
    Ok(Tagged(backend.get_config_map(&caller, &namespace_id, &name).await?))
}

/// Set and remove keys of a ConfigMap
///
/// What the body does not name stays. Pods that run keep the environment they were started with.
#[utoipa::path(patch, path = "/kubernetes/namespaces/{namespace_id}/config-maps/{name}", operation_id = "change_config_map",
    tag = "Config", request_body = ConfigMapChange,
    responses((status = 200, body = ConfigMapView), MissingOrConflicting))]
async fn change(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
    if_match: IfMatch,
    ApiJson(change): ApiJson<ConfigMapChange>,
) -> Result<Tagged<ConfigMapView>, Problem> {
    let seen = if_match.check(backend.get_config_map(&caller, &namespace_id, &name)).await?;
    let version = seen.map(|seen| seen.resource_version);
    Ok(Tagged(backend.change_config_map(&caller, &namespace_id, &name, change, version).await?))
}

/// Delete a ConfigMap
#[utoipa::path(delete, path = "/kubernetes/namespaces/{namespace_id}/config-maps/{name}",
    operation_id = "delete_config_map", tag = "Config", responses((status = 204), MissingOrConflicting))]
async fn delete(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    backend.delete_config_map(&caller, &namespace_id, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
