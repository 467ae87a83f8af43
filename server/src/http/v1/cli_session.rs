//! Sessions of the command line (RULINGS 6): the token for a code, the list, the end.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use backend::{Backend, Origin};
use domain::cli_session::{CliSessionView, CreatedCliSession, NewCliSession};
use domain::page::Page;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::{ApiJson, ApiPath, Paging, PagingQuery, SignedIn};
use crate::http::problem::{Missing, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(create)).routes(routes!(list)).routes(routes!(revoke))
}

/// Trade a sign-in code for a session of the command line
///
/// The code comes from `/cli/authorize` and works once, within a minute, for whoever holds the PKCE verifier. The only
/// answer that holds the token.
#[utoipa::path(post, path = "/cli/token", operation_id = "create_cli_session", tag = "CLI sessions",
    request_body = NewCliSession, responses((status = 200, body = CreatedCliSession)))]
async fn create(
    State(backend): State<Backend>,
    Extension(origin): Extension<Origin>,
    ApiJson(new): ApiJson<NewCliSession>,
) -> Result<Json<CreatedCliSession>, Problem> {
    Ok(Json(backend.begin_cli_session(&origin, &new).await?))
}

/// The caller's live sessions of the command line
#[utoipa::path(get, path = "/cli-sessions", operation_id = "list_cli_sessions", tag = "CLI sessions",
    params(PagingQuery), responses((status = 200, body = Page<CliSessionView>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Paging(page): Paging,
) -> Result<Json<Page<CliSessionView>>, Problem> {
    Ok(Json(backend.list_cli_sessions(&caller, &page).await?))
}

/// End a session of the command line
#[utoipa::path(delete, path = "/cli-sessions/{cli_session_id}", operation_id = "revoke_cli_session",
    tag = "CLI sessions", responses((status = 204), Missing))]
async fn revoke(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    backend.revoke_cli_session(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests;
