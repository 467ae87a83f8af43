//! SkyPilot accesses that reach beyond their namespace, for the operators of the platform (RULINGS 17).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::page::Page;
use domain::skypilot::{SkypilotApproval, SkypilotRequest};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::{ApiJson, ApiPath, Paging, PagingQuery, SignedIn};
use crate::http::problem::{Missing, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(approve))
}

/// Namespaces whose SkyPilot access asks for something beyond them
#[utoipa::path(get, path = "/platform/skypilot", operation_id = "list_skypilot_requests", tag = "Platform",
    params(PagingQuery), responses((status = 200, body = Page<SkypilotRequest>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Paging(page): Paging,
) -> Result<Json<Page<SkypilotRequest>>, Problem> {
    Ok(Json(backend.list_skypilot_requests(&caller, &page).await?))
}

/// Allow what reaches beyond a namespace; what is not named is taken back
#[utoipa::path(put, path = "/platform/skypilot/{skypilot_id}", operation_id = "approve_skypilot", tag = "Platform",
    request_body = SkypilotApproval, responses((status = 204), Missing))]
async fn approve(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(skypilot_id): ApiPath<String>,
    ApiJson(approval): ApiJson<SkypilotApproval>,
) -> Result<StatusCode, Problem> {
    backend.approve_skypilot(&caller, &skypilot_id, &approval).await?;
    Ok(StatusCode::NO_CONTENT)
}
