//! Budgets of the account the session acts in.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::budget::{BudgetView, NewBudget, NewTerms};
use domain::page::Page;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::answer::Created;
use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{ApiJson, ApiPath, Paging, PagingQuery, SignedIn};
use crate::http::problem::{Conflicting, Missing, MissingOrConflicting, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(read, change, remove))
}

/// The budgets of the account, with what is spent of them
#[utoipa::path(get, path = "/budgets", operation_id = "list_budgets", tag = "Usage",
    params(PagingQuery), responses((status = 200, body = Page<BudgetView>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Paging(page): Paging,
) -> Result<Json<Page<BudgetView>>, Problem> {
    Ok(Json(backend.list_budgets(&caller, &page).await?))
}

/// Set a budget for the account or one of its namespaces
///
/// There is one for each. It counts what this month (UTC) has cost already. A stop refuses new pods and ends none.
#[utoipa::path(post, path = "/budgets", operation_id = "create_budget", tag = "Usage", request_body = NewBudget,
    responses((status = 201, body = BudgetView), Conflicting))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiJson(new): ApiJson<NewBudget>,
) -> Result<Created<BudgetView>, Problem> {
    let budget = backend.create_budget(&caller, new).await?;
    Ok(Created::at(format!("/v1/budgets/{}", budget.id), budget))
}

/// One budget
#[utoipa::path(get, path = "/budgets/{budget_id}", operation_id = "get_budget", tag = "Usage",
    responses((status = 200, body = BudgetView), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Tagged<BudgetView>, Problem> {
    Ok(Tagged(backend.get_budget(&caller, &id).await?))
}

/// Give a budget other terms
#[utoipa::path(put, path = "/budgets/{budget_id}", operation_id = "change_budget", tag = "Usage",
    request_body = NewTerms, responses((status = 200, body = BudgetView), MissingOrConflicting))]
async fn change(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    if_match: IfMatch,
    ApiJson(terms): ApiJson<NewTerms>,
) -> Result<Tagged<BudgetView>, Problem> {
    let saw = if_match.check(backend.get_budget(&caller, &id)).await?;
    Ok(Tagged(backend.change_budget(&caller, &id, &terms, saw.as_ref()).await?))
}

/// Take a budget away
///
/// What it stopped is taken again, unless another budget stops it too.
#[utoipa::path(delete, path = "/budgets/{budget_id}", operation_id = "delete_budget", tag = "Usage",
    responses((status = 204)))]
async fn remove(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    backend.delete_budget(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
