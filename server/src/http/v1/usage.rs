//! What the account's pods cost: sums, and record by record as JSON or CSV.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use backend::{Backend, Caller};
use domain::page::Page;
use domain::usage::{UsageListQuery, UsageQuery, UsageSummary, UsageView};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::{ApiQuery, SignedIn};
use crate::http::negotiate::preferred;
use crate::http::problem::Problem;
use crate::http::state::AppState;

const JSON: &str = "application/json";
const CSV: &str = "text/csv";

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(summary))
}

/// The list also comes as a file, so it stands outside the routes that answer JSON only.
pub fn file_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list))
}

/// Sums of the account
///
/// By day, namespace, SKU, member and API key, with what runs now and a forecast of the month. Days are UTC. A pod is of
/// the key that ordered it and of that key's owner, or of the person who ordered it in the console; where nobody knows, of
/// the member who made the namespace.
#[utoipa::path(get, path = "/usage/summary", operation_id = "get_usage_summary", tag = "Usage",
    params(UsageQuery), responses((status = 200, body = UsageSummary)))]
async fn summary(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiQuery(query): ApiQuery<UsageQuery>,
) -> Result<Json<UsageSummary>, Problem> {
    Ok(Json(backend.usage_summary(&caller, &query).await?))
}

/// Usage records of a month, newest first unless asked otherwise
///
/// With `Accept: text/csv` the whole month as a file, without pages. A pod that ran over the end of a month has a record
/// in each.
#[utoipa::path(get, path = "/usage", operation_id = "list_usage", tag = "Usage", params(UsageListQuery),
    responses((status = 200, content((Page<UsageView> = "application/json"), (String = "text/csv")))))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<UsageListQuery>,
) -> Result<Response, Problem> {
    let vary = [(VARY, "accept")];
    match preferred(&headers, &[JSON, CSV]) {
        Some(CSV) => Ok((vary, file(&backend, &caller, query).await?).into_response()),
        Some(_) => Ok((vary, Json(backend.list_usage(&caller, query).await?)).into_response()),
        None => Err(Problem::from_status(StatusCode::NOT_ACCEPTABLE)),
    }
}

/// A month as a CSV file.
pub async fn file(backend: &Backend, caller: &Caller, query: UsageListQuery) -> Result<Response, Problem> {
    let (name, rows) = backend.export_usage(caller, query).await?;
    // The name holds a month, so it needs no escaping.
    let attachment = format!("attachment; filename=\"{name}\"");
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, attachment)];
    Ok((headers, Body::from_stream(rows)).into_response())
}
