//! A person's own sessions (`security.md` §4.1).

use app::ssr::SessionPort as _;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::page::Page;
use domain::session::SessionItem;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::{ApiPath, ApiQuery, Paging, PagingQuery, SignedIn};
use crate::http::problem::Problem;
use crate::http::session::BrowserSession;
use crate::http::state::AppState;

/// Query of `DELETE /v1/auth/sessions`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Everywhere {
    /// Also the session that asks.
    #[serde(default)]
    all: bool,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list, end_all)).routes(routes!(end))
}

/// Where the caller is signed in, newest first
#[utoipa::path(get, path = "/auth/sessions", operation_id = "list_sessions", tag = "Sign-in",
    params(PagingQuery), responses((status = 200, body = Page<SessionItem>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Paging(page): Paging,
) -> Result<Json<Page<SessionItem>>, Problem> {
    Ok(Json(backend.list_sessions(&caller, &page).await?))
}

/// Sign out of one session
#[utoipa::path(delete, path = "/auth/sessions/{session_id}", operation_id = "end_session", tag = "Sign-in",
    responses((status = 204)))]
async fn end(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    backend.end_session(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign out everywhere else
#[utoipa::path(delete, path = "/auth/sessions", operation_id = "end_sessions", tag = "Sign-in",
    params(Everywhere), responses((status = 204)))]
async fn end_all(
    _: SignedIn,
    browser: BrowserSession,
    ApiQuery(everywhere): ApiQuery<Everywhere>,
) -> Result<StatusCode, Problem> {
    browser.end_sessions(everywhere.all).await?;
    Ok(StatusCode::NO_CONTENT)
}
