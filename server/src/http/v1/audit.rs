//! The audit log: that of the caller's account, and that of the platform for operators (`security.md` §5).

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use backend::audit::Log;
use backend::{Backend, Caller};
use domain::audit::{AuditQuery, AuditView, ExportFormat};
use domain::order::Direction;
use domain::page::Page;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::{ApiPath, ApiQuery, SignedIn};
use crate::http::problem::{Missing, Problem};
use crate::http::state::AppState;

/// The filters of a list, with its paging.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// This action only, for example `namespace.created`.
    action: Option<String>,
    /// This actor only: `user:<id>`, `key:<public id>`, `system`, `anonymous`, or a user's e-mail address.
    actor: Option<String>,
    /// This target only, for example `namespace:<id>`.
    target: Option<String>,
    /// `success`, `refused` or `failed`.
    #[param(pattern = "^(success|refused|failed)?$")]
    outcome: Option<String>,
    /// From this time (RFC 3339) or day (UTC) on.
    since: Option<String>,
    /// Before this time, or until the end of this day (UTC).
    until: Option<String>,
    /// Rows per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 64)]
    cursor: Option<String>,
    /// `asc`: the oldest first; `desc` when unsaid.
    #[param(inline)]
    order: Option<Direction>,
}

/// The filters of an export, with its format.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// `csv` (for spreadsheets, guarded against formulas) or `jsonl`; `csv` when unsaid.
    #[param(pattern = "^(csv|jsonl)$")]
    format: Option<String>,
    /// This action only.
    action: Option<String>,
    /// This actor only.
    actor: Option<String>,
    /// This target only.
    target: Option<String>,
    /// `success`, `refused` or `failed`.
    #[param(pattern = "^(success|refused|failed)?$")]
    outcome: Option<String>,
    /// From this time or day on.
    since: Option<String>,
    /// Before this time, or until the end of this day.
    until: Option<String>,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(list_platform))
        .routes(routes!(read_platform))
}

/// Exports are files of their own types, so they stand outside the routes that answer JSON.
pub fn file_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(export)).routes(routes!(export_platform))
}

/// The account's audit log, newest first unless asked otherwise
#[utoipa::path(get, path = "/audit", operation_id = "list_audit", tag = "Audit",
    params(ListQuery), responses((status = 200, body = Page<AuditView>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Json<Page<AuditView>>, Problem> {
    page(&backend, &caller, Log::Own, query).await
}

/// One row of the account's audit log
#[utoipa::path(get, path = "/audit/{audit_id}", operation_id = "get_audit", tag = "Audit",
    responses((status = 200, body = AuditView), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<AuditView>, Problem> {
    Ok(Json(backend.get_audit(&caller, Log::Own, &id).await?))
}

/// The account's audit log as a file
///
/// Newest first, up to the moment of the request. The export is itself in the log.
#[utoipa::path(get, path = "/audit/export", operation_id = "export_audit", tag = "Audit", params(ExportQuery),
    responses((status = 200, content((String = "text/csv"), (String = "application/x-ndjson")))))]
async fn export(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiQuery(query): ApiQuery<ExportQuery>,
) -> Result<Response, Problem> {
    file(&backend, &caller, Log::Own, query).await
}

/// The whole platform's audit log, newest first unless asked otherwise
///
/// All accounts, and the rows that belong to none.
#[utoipa::path(get, path = "/platform/audit", operation_id = "list_platform_audit", tag = "Audit",
    params(ListQuery), responses((status = 200, body = Page<AuditView>)))]
async fn list_platform(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> Result<Json<Page<AuditView>>, Problem> {
    page(&backend, &caller, Log::Platform, query).await
}

/// One row of the platform's audit log
#[utoipa::path(get, path = "/platform/audit/{audit_id}", operation_id = "get_platform_audit", tag = "Audit",
    responses((status = 200, body = AuditView), Missing))]
async fn read_platform(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<AuditView>, Problem> {
    Ok(Json(backend.get_audit(&caller, Log::Platform, &id).await?))
}

/// The whole platform's audit log as a file
#[utoipa::path(get, path = "/platform/audit/export", operation_id = "export_platform_audit", tag = "Audit",
    params(ExportQuery),
    responses((status = 200, content((String = "text/csv"), (String = "application/x-ndjson")))))]
async fn export_platform(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiQuery(query): ApiQuery<ExportQuery>,
) -> Result<Response, Problem> {
    file(&backend, &caller, Log::Platform, query).await
}

async fn page(
    backend: &Backend,
    caller: &Caller,
    log: Log,
    query: ListQuery,
) -> Result<Json<Page<AuditView>>, Problem> {
    let ListQuery { action, actor, target, outcome, since, until, limit, cursor, order } = query;
    let direction = order.unwrap_or(Direction::Desc);
    let page = direction.page(limit, cursor)?;
    let query = AuditQuery { action, actor, target, outcome, since, until };
    Ok(Json(backend.list_audit(caller, log, query, direction, &page).await?))
}

async fn file(backend: &Backend, caller: &Caller, log: Log, query: ExportQuery) -> Result<Response, Problem> {
    let ExportQuery { format, action, actor, target, outcome, since, until } = query;
    let format = ExportFormat::parse(format.as_deref())?;
    let query = AuditQuery { action, actor, target, outcome, since, until };
    let rows = backend.export_audit(caller, log, query, format).await?;
    let attachment = format!("attachment; filename=\"audit.{}\"", format.as_str());
    let headers = [(CONTENT_TYPE, format.media_type().to_owned()), (CONTENT_DISPOSITION, attachment)];
    Ok((headers, Body::from_stream(rows)).into_response())
}
