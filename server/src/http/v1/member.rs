//! Members of the account the session acts in.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::member::{ChangeMember, MemberView};
use domain::page::Page;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{ApiJson, ApiPath, Paging, PagingQuery, SignedIn};
use crate::http::problem::{Missing, MissingOrConflicting, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(read, change, remove))
}

/// The members of the account
#[utoipa::path(get, path = "/members", operation_id = "list_members", tag = "Members",
    params(PagingQuery), responses((status = 200, body = Page<MemberView>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Paging(page): Paging,
) -> Result<Json<Page<MemberView>>, Problem> {
    Ok(Json(backend.list_members(&caller, &page).await?))
}

/// One member
#[utoipa::path(get, path = "/members/{user_id}", operation_id = "get_member", tag = "Members",
    responses((status = 200, body = MemberView), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Tagged<MemberView>, Problem> {
    Ok(Tagged(backend.get_member(&caller, &id).await?))
}

/// Give a member another role
///
/// Nobody grants more than their own role, and an account keeps an owner.
#[utoipa::path(patch, path = "/members/{user_id}", operation_id = "change_member", tag = "Members",
    request_body = ChangeMember, responses((status = 200, body = MemberView), MissingOrConflicting))]
async fn change(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    if_match: IfMatch,
    ApiJson(change): ApiJson<ChangeMember>,
) -> Result<Tagged<MemberView>, Problem> {
    let saw = if_match.check(backend.get_member(&caller, &id)).await?;
    Ok(Tagged(backend.change_member(&caller, &id, change, saw.as_ref()).await?))
}

/// Remove a member, or leave
///
/// Their API keys in the account are revoked.
#[utoipa::path(delete, path = "/members/{user_id}", operation_id = "remove_member", tag = "Members",
    responses((status = 204), MissingOrConflicting))]
async fn remove(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    backend.remove_member(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
