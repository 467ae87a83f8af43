//! API keys (`console-api.md` §3). Managed by people only: a key never manages keys.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::api_key::{ApiKeyChanges, ApiKeyView, CreatedApiKey, KeyReport, NewApiKey, RotateApiKey, TestApiKey};
use domain::page::Page;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::answer::Created;
use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{ApiJson, ApiPath, Ordered, OrderedQuery, SignedIn};
use crate::http::problem::{Conflicting, Missing, MissingOrConflicting, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(read, update, revoke))
        .routes(routes!(rotate))
        .routes(routes!(test))
}

/// The caller's API keys, without their secrets
#[utoipa::path(get, path = "/api-keys", operation_id = "list_api_keys", tag = "API keys",
    params(OrderedQuery), responses((status = 200, body = Page<ApiKeyView>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Ordered(page): Ordered,
) -> Result<Json<Page<ApiKeyView>>, Problem> {
    Ok(Json(backend.list_api_keys(&caller, &page).await?))
}

/// Make an API key
///
/// The only answer that holds the secret.
#[utoipa::path(post, path = "/api-keys", operation_id = "create_api_key", tag = "API keys",
    request_body = NewApiKey, responses((status = 201, body = CreatedApiKey), Conflicting))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiJson(new): ApiJson<NewApiKey>,
) -> Result<Created<CreatedApiKey>, Problem> {
    let created = backend.create_api_key(&caller, new).await?;
    Ok(Created::secret(format!("/v1/api-keys/{}", created.view.id), created))
}

/// One API key, without its secret
#[utoipa::path(get, path = "/api-keys/{key_id}", operation_id = "get_api_key", tag = "API keys",
    responses((status = 200, body = ApiKeyView), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Tagged<ApiKeyView>, Problem> {
    Ok(Tagged(backend.get_api_key(&caller, &id).await?))
}

/// Change an API key
///
/// What is absent stays. What the key loses ends at once, for tokens that were issued too.
#[utoipa::path(patch, path = "/api-keys/{key_id}", operation_id = "update_api_key", tag = "API keys",
    request_body = ApiKeyChanges, responses((status = 200, body = ApiKeyView), MissingOrConflicting))]
async fn update(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    if_match: IfMatch,
    ApiJson(changes): ApiJson<ApiKeyChanges>,
) -> Result<Tagged<ApiKeyView>, Problem> {
    let saw = if_match.check(backend.get_api_key(&caller, &id)).await?;
    Ok(Tagged(backend.update_api_key(&caller, &id, &changes, saw.as_ref()).await?))
}

/// Revoke an API key for good
#[utoipa::path(delete, path = "/api-keys/{key_id}", operation_id = "revoke_api_key", tag = "API keys",
    responses((status = 204), Missing))]
async fn revoke(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    backend.revoke_api_key(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give an API key a new secret
///
/// The answer holds it, this once. The old one works on for the overlap; kubeconfigs stay good.
#[utoipa::path(post, path = "/api-keys/{key_id}/rotate", operation_id = "rotate_api_key", tag = "API keys",
    request_body = RotateApiKey, responses((status = 200, body = CreatedApiKey), MissingOrConflicting))]
async fn rotate(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiJson(rotate): ApiJson<RotateApiKey>,
) -> Result<Json<CreatedApiKey>, Problem> {
    Ok(Json(backend.rotate_api_key(&caller, &id, rotate).await?))
}

/// What an API key opens now, and why not
///
/// Takes the key's id, never its secret.
#[utoipa::path(post, path = "/api-keys/test", operation_id = "test_api_key", tag = "API keys",
    request_body = TestApiKey, responses((status = 200, body = KeyReport), Missing))]
async fn test(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiJson(test): ApiJson<TestApiKey>,
) -> Result<Json<KeyReport>, Problem> {
    Ok(Json(backend.test_api_key(&caller, &test).await?))
}
