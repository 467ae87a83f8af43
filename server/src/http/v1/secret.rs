//! Secrets of a namespace: written, never read back (`ui.md` §1, Config).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::page::Page;
use domain::secret::{NewSecret, SecretChange, SecretView};
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

/// Secrets of a namespace
///
/// Names, types, keys and sizes; no answer of this API holds a value.
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/secrets", operation_id = "list_secrets",
    tag = "Config", responses((status = 200, body = Page<SecretView>), MissingOrConflicting))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
) -> Result<Json<Page<SecretView>>, Problem> {
    Ok(whole(backend.list_secrets(&caller, &namespace_id).await?))
}

/// Create a Secret
///
/// Of free values, or with `registry` a pull secret.
#[utoipa::path(post, path = "/kubernetes/namespaces/{namespace_id}/secrets", operation_id = "create_secret",
    tag = "Config", request_body = NewSecret, responses((status = 201, body = SecretView), MissingOrConflicting))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(namespace_id): ApiPath<String>,
    ApiJson(new): ApiJson<NewSecret>,
) -> Result<Created<SecretView>, Problem> {
    let created = backend.create_secret(&caller, &namespace_id, new).await?;
    Ok(Created::at(format!("/v1/kubernetes/namespaces/{namespace_id}/secrets/{}", created.name), created))
}

/// One Secret and the workloads that use it
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/secrets/{name}", operation_id = "get_secret",
    tag = "Config", responses((status = 200, body = SecretView), MissingOrConflicting))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
) -> Result<Tagged<SecretView>, Problem> {
    Ok(Tagged(backend.get_secret(&caller, &namespace_id, &name).await?))
}

/// Set and remove values of a Secret
///
/// What the body does not name stays. Pods that run keep the environment they were started with.
#[utoipa::path(patch, path = "/kubernetes/namespaces/{namespace_id}/secrets/{name}", operation_id = "change_secret",
    tag = "Config", request_body = SecretChange,
    responses((status = 200, body = SecretView), MissingOrConflicting))]
async fn change(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
    if_match: IfMatch,
    ApiJson(change): ApiJson<SecretChange>,
) -> Result<Tagged<SecretView>, Problem> {
    let seen = if_match.check(backend.get_secret(&caller, &namespace_id, &name)).await?;
    let version = seen.map(|seen| seen.resource_version);
    Ok(Tagged(backend.change_secret(&caller, &namespace_id, &name, change, version).await?))
}

/// Delete a Secret
#[utoipa::path(delete, path = "/kubernetes/namespaces/{namespace_id}/secrets/{name}",
    operation_id = "delete_secret", tag = "Config", responses((status = 204), MissingOrConflicting))]
async fn delete(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    backend.delete_secret(&caller, &namespace_id, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
