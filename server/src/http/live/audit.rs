//! The live tail of the audit log: the rows since a page was loaded, after each new one.

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use backend::Backend;
use backend::audit::Log;
use domain::audit::AuditQuery;
use futures::StreamExt as _;
use serde::Deserialize;

use super::{events, until_broken};
use crate::http::extract::ApiQuery;
use crate::http::problem::Problem;
use crate::http::stream_guard::{Sees, StreamGuard};

/// The filters of the page, and the newest row it has.
#[derive(Deserialize)]
pub(super) struct TailQuery {
    #[serde(flatten)]
    filter: AuditQuery,
    after: Option<String>,
}

/// `GET /live/audit?…&after=`
pub(super) async fn own(
    State(backend): State<Backend>,
    guard: StreamGuard,
    ApiQuery(query): ApiQuery<TailQuery>,
) -> Result<Response, Problem> {
    tail(&backend, guard, Log::Own, query).await
}

/// `GET /live/platform/audit?…&after=`
pub(super) async fn platform(
    State(backend): State<Backend>,
    guard: StreamGuard,
    ApiQuery(query): ApiQuery<TailQuery>,
) -> Result<Response, Problem> {
    tail(&backend, guard, Log::Platform, query).await
}

async fn tail(backend: &Backend, guard: StreamGuard, log: Log, query: TailQuery) -> Result<Response, Problem> {
    let rows = backend.follow_audit(guard.caller(), log, query.filter, query.after.as_deref()).await?;
    let rows = until_broken(rows).map(|rows| Event::default().json_data(rows));
    Ok(events(guard.watch_events_of(Sees::Permitted(log.permission()), rows)))
}
