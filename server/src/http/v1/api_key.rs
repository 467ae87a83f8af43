//! API keys (`console-api.md` §3). Managed by people only: a key never manages keys.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{delete, get};
use axum::{Json, Router};
use backend::Backend;
use domain::api_key::{ApiKeyView, NewApiKey};
use domain::page::Page;

use crate::http::extract::{ApiJson, ApiPath, Paging, SignedIn};
use crate::http::problem::Problem;
use crate::http::state::AppState;

pub fn routes() -> Router<AppState> {
    Router::new().route("/api-keys", get(list).post(create)).route("/api-keys/{key_id}", delete(revoke))
}

/// `GET /v1/api-keys`
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Paging(page): Paging,
) -> Result<Json<Page<ApiKeyView>>, Problem> {
    Ok(Json(backend.list_api_keys(&caller, &page).await?))
}

/// `POST /v1/api-keys`: the only answer that holds the secret.
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiJson(new): ApiJson<NewApiKey>,
) -> Result<impl IntoResponse, Problem> {
    let created = backend.create_api_key(&caller, new).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// `DELETE /v1/api-keys/{id}`
async fn revoke(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    backend.revoke_api_key(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
