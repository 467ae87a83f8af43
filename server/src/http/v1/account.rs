//! The caller's own accounts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::account::{AccountChange, AccountView, DeleteAccount, TransferAccount};
use domain::namespace::QuotaLine;
use domain::page::Page;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::whole;
use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{ApiJson, ApiPath, SignedIn};
use crate::http::problem::{Missing, MissingOrConflicting, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(read, change, delete))
        .routes(routes!(transfer))
        .routes(routes!(quota))
}

/// The caller's accounts
#[utoipa::path(get, path = "/accounts", operation_id = "list_accounts", tag = "Accounts",
    responses((status = 200, body = Page<AccountView>)))]
async fn list(SignedIn(caller): SignedIn, State(backend): State<Backend>) -> Result<Json<Page<AccountView>>, Problem> {
    Ok(whole(backend.list_accounts(&caller).await?))
}

/// One of the caller's accounts
#[utoipa::path(get, path = "/accounts/{account_id}", operation_id = "get_account", tag = "Accounts",
    responses((status = 200, body = AccountView), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Tagged<AccountView>, Problem> {
    Ok(Tagged(backend.get_account(&caller, &id).await?))
}

/// Rename an account or change its settings
#[utoipa::path(patch, path = "/accounts/{account_id}", operation_id = "change_account", tag = "Accounts",
    request_body = AccountChange, responses((status = 200, body = AccountView), MissingOrConflicting))]
async fn change(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    if_match: IfMatch,
    ApiJson(change): ApiJson<AccountChange>,
) -> Result<Tagged<AccountView>, Problem> {
    let saw = if_match.check(backend.get_account(&caller, &id)).await?;
    Ok(Tagged(backend.change_account(&caller, &id, &change, saw.as_ref()).await?))
}

/// Delete an account for good
///
/// Refused while it has namespaces.
#[utoipa::path(delete, path = "/accounts/{account_id}", operation_id = "delete_account", tag = "Accounts",
    request_body = DeleteAccount, responses((status = 204), MissingOrConflicting))]
async fn delete(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiJson(body): ApiJson<DeleteAccount>,
) -> Result<StatusCode, Problem> {
    backend.delete_account(&caller, &id, &body.confirm).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hand ownership over to another member
#[utoipa::path(post, path = "/accounts/{account_id}/transfer", operation_id = "transfer_account", tag = "Accounts",
    request_body = TransferAccount, responses((status = 200, body = AccountView), MissingOrConflicting))]
async fn transfer(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiJson(to): ApiJson<TransferAccount>,
) -> Result<Json<AccountView>, Problem> {
    Ok(Json(backend.transfer_account(&caller, &id, to).await?))
}

/// Limits of an account with what is used of them
///
/// Namespaces, members and keys; then each resource summed over its namespaces, every class of GPUs by itself.
#[utoipa::path(get, path = "/accounts/{account_id}/quota", operation_id = "get_account_quota", tag = "Accounts",
    responses((status = 200, body = Page<QuotaLine>), Missing))]
async fn quota(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<Page<QuotaLine>>, Problem> {
    Ok(whole(backend.account_quota(&caller, &id).await?))
}
