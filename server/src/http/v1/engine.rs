//! Engines: for admins those of their account, for operators the platform's too.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use backend::Backend;
use domain::engine::view::{ChangeEngine, CheckView, DeleteEngine, NewEngine, NewEngineCredentials};
use domain::engine::{EngineForm, EngineView, PreflightView};
use domain::page::Page;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::answer::Created;
use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{ApiJson, ApiPath, ApiQuery, Paging, PagingQuery, SignedIn};
use crate::http::problem::{Conflicting, Missing, MissingOrConflicting, Problem};
use crate::http::state::AppState;

/// How much of the history.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HistoryQuery {
    /// Checks, the newest first.
    #[param(minimum = 1, maximum = 50, default = 10)]
    limit: Option<u32>,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(preflight))
        .routes(routes!(read, change, delete))
        .routes(routes!(rotate))
        .routes(routes!(check))
        .routes(routes!(history))
        .routes(routes!(disable))
        .routes(routes!(enable))
}

/// Engines of the account; for operators the platform's too
#[utoipa::path(get, path = "/engines", operation_id = "list_engines", tag = "Engines",
    params(PagingQuery), responses((status = 200, body = Page<EngineView>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Paging(page): Paging,
) -> Result<Json<Page<EngineView>>, Problem> {
    Ok(Json(backend.list_engines(&caller, &page).await?))
}

/// Check what a form says
///
/// Makes nothing and creates nothing on the other side. Takes up to 30 seconds.
#[utoipa::path(post, path = "/engines/preflight", operation_id = "preflight_engine", tag = "Engines",
    request_body = EngineForm, responses((status = 200, body = PreflightView)))]
async fn preflight(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiJson(form): ApiJson<EngineForm>,
) -> Result<Json<PreflightView>, Problem> {
    Ok(Json(backend.preflight_engine(&caller, &form).await?))
}

/// Import an engine
///
/// 409 `preflight_failed` with the report unless there are only warnings and missing features. Never takes a whole
/// kubeconfig: it may name programs and files.
#[utoipa::path(post, path = "/engines", operation_id = "create_engine", tag = "Engines",
    request_body = NewEngine, responses((status = 201, body = EngineView), Conflicting))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiJson(new): ApiJson<NewEngine>,
) -> Result<Created<EngineView>, Problem> {
    let made = backend.create_engine(&caller, &new).await?;
    Ok(Created::at(format!("/v1/engines/{}", made.id), made))
}

/// One engine
#[utoipa::path(get, path = "/engines/{engine_id}", operation_id = "get_engine", tag = "Engines",
    responses((status = 200, body = EngineView), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Tagged<EngineView>, Problem> {
    Ok(Tagged(backend.get_engine(&caller, &id).await?))
}

/// Change name, tag, ingress address or CA
#[utoipa::path(patch, path = "/engines/{engine_id}", operation_id = "change_engine", tag = "Engines",
    request_body = ChangeEngine, responses((status = 200, body = EngineView), MissingOrConflicting))]
async fn change(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    if_match: IfMatch,
    ApiJson(change): ApiJson<ChangeEngine>,
) -> Result<Tagged<EngineView>, Problem> {
    let saw = if_match.check(backend.get_engine(&caller, &id)).await?;
    Ok(Tagged(backend.change_engine(&caller, &id, &change, saw.as_ref()).await?))
}

/// Delete an engine and forget its credentials
///
/// 409 while a SKU is placed on it, and while pods run on it unless `force` is set. 202 where its pods and nodes must end
/// first: it is `deleting`, and gone after that; `abandon` forgets such an engine at once.
#[utoipa::path(delete, path = "/engines/{engine_id}", operation_id = "delete_engine", tag = "Engines",
    request_body = DeleteEngine, responses((status = 202, body = EngineView), (status = 204), Conflicting))]
async fn delete(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiJson(body): ApiJson<DeleteEngine>,
) -> Result<Response, Problem> {
    Ok(match backend.delete_engine(&caller, &id, &body).await? {
        Some(engine) => (StatusCode::ACCEPTED, Json(engine)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Give new credentials
///
/// They are tried first and must lead to the same cluster; 409 `preflight_failed` leaves the old ones in use.
#[utoipa::path(put, path = "/engines/{engine_id}/credentials", operation_id = "rotate_engine_credentials",
    tag = "Engines", request_body = NewEngineCredentials,
    responses((status = 200, body = EngineView), MissingOrConflicting))]
async fn rotate(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiJson(new): ApiJson<NewEngineCredentials>,
) -> Result<Json<EngineView>, Problem> {
    Ok(Json(backend.rotate_engine_credentials(&caller, &id, &new).await?))
}

/// Check an engine now
#[utoipa::path(post, path = "/engines/{engine_id}/check", operation_id = "check_engine", tag = "Engines",
    responses((status = 200, body = EngineView), MissingOrConflicting))]
async fn check(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<EngineView>, Problem> {
    Ok(Json(backend.check_engine(&caller, &id).await?))
}

/// The last checks of an engine
#[utoipa::path(get, path = "/engines/{engine_id}/checks", operation_id = "list_engine_checks", tag = "Engines",
    params(HistoryQuery), responses((status = 200, body = Page<CheckView>), Missing))]
async fn history(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiQuery(query): ApiQuery<HistoryQuery>,
) -> Result<Json<Page<CheckView>>, Problem> {
    Ok(super::whole(backend.engine_checks(&caller, &id, query.limit.unwrap_or(10)).await?))
}

/// Take an engine out of use
///
/// No new workloads; what runs there goes on.
#[utoipa::path(post, path = "/engines/{engine_id}/disable", operation_id = "disable_engine", tag = "Engines",
    responses((status = 200, body = EngineView), MissingOrConflicting))]
async fn disable(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<EngineView>, Problem> {
    Ok(Json(backend.disable_engine(&caller, &id).await?))
}

/// Put an engine back in use
#[utoipa::path(post, path = "/engines/{engine_id}/enable", operation_id = "enable_engine", tag = "Engines",
    responses((status = 200, body = EngineView), MissingOrConflicting))]
async fn enable(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<EngineView>, Problem> {
    Ok(Json(backend.enable_engine(&caller, &id).await?))
}
