//! The log of a deployment as plain text, followed if asked (`console-api.md` §6).

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use backend::Backend;
use domain::log::LogOptions;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::{ApiPath, ApiQuery};
use crate::http::problem::{MissingOrConflicting, Problem};
use crate::http::state::AppState;
use crate::http::stream_guard::StreamGuard;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LogQuery {
    /// Which pod; when unsaid the first that is ready, else the first.
    pod: Option<String>,
    /// Keep the stream open for what is still to come.
    #[serde(default)]
    follow: bool,
    /// Only the last lines.
    tail: Option<u32>,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(read))
}

/// The log of a pod as plain text
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/deployments/{name}/logs",
    operation_id = "get_deployment_log", tag = "Deployments", params(LogQuery),
    responses((status = 200, body = String, content_type = "text/plain"), MissingOrConflicting))]
async fn read(
    State(backend): State<Backend>,
    guard: StreamGuard,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
    ApiQuery(query): ApiQuery<LogQuery>,
) -> Result<impl IntoResponse, Problem> {
    let options = LogOptions { follow: query.follow, tail_lines: query.tail, ..LogOptions::default() };
    let chunks = backend.deployment_log(guard.caller(), &namespace_id, &name, query.pod.as_deref(), &options).await?;
    let body = Body::from_stream(guard.watch(namespace_id, chunks));
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], body))
}
