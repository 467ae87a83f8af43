//! What a workload uses, as its nodes tell.

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use backend::Backend;
use domain::workload::WorkloadKind;
use futures::StreamExt as _;

use super::events;
use crate::http::extract::ApiPath;
use crate::http::problem::Problem;
use crate::http::stream_guard::StreamGuard;

/// `GET /live/namespaces/{id}/workloads/{kind}/{name}/metrics`: the last hour, after each round of questions.
pub(super) async fn of_workload(
    State(backend): State<Backend>,
    guard: StreamGuard,
    ApiPath((namespace_id, kind, name)): ApiPath<(String, WorkloadKind, String)>,
) -> Result<Response, Problem> {
    let views = backend.watch_workload_metrics(guard.caller(), &namespace_id, kind, &name).await?;
    Ok(events(guard.watch_events(namespace_id, views.map(|view| Event::default().json_data(view)))))
}
