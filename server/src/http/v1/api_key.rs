//! API keys (`console-api.md` §3). Managed by people only: a key never manages keys.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::api_key::{ApiKeyView, CreatedApiKey, NewApiKey};
use domain::page::Page;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::answer::Created;
use crate::http::extract::{ApiJson, ApiPath, Paging, PagingQuery, SignedIn};
use crate::http::problem::{Missing, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(revoke))
}

/// The caller's API keys, without their secrets
#[utoipa::path(get, path = "/api-keys", operation_id = "list_api_keys", tag = "API keys",
    params(PagingQuery), responses((status = 200, body = Page<ApiKeyView>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Paging(page): Paging,
) -> Result<Json<Page<ApiKeyView>>, Problem> {
    Ok(Json(backend.list_api_keys(&caller, &page).await?))
}

/// Make an API key
///
/// The only answer that holds the secret.
#[utoipa::path(post, path = "/api-keys", operation_id = "create_api_key", tag = "API keys",
    request_body = NewApiKey, responses((status = 201, body = CreatedApiKey)))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiJson(new): ApiJson<NewApiKey>,
) -> Result<Created<CreatedApiKey>, Problem> {
    let created = backend.create_api_key(&caller, new).await?;
    Ok(Created::secret(format!("/v1/api-keys/{}", created.view.id), created))
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
