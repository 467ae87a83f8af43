//! The log of a pod as plain text, as the program wrote it: for downloads and for scripts.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
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
    /// Which container; the first when unsaid.
    container: Option<String>,
    /// Keep the stream open for what is still to come.
    #[serde(default)]
    follow: bool,
    /// Of the run before the last restart.
    #[serde(default)]
    previous: bool,
    /// Only the last lines; all of them when unsaid.
    tail: Option<u32>,
    /// Only what was written in these last seconds.
    #[param(minimum = 1)]
    since: Option<u32>,
    /// Begin each line with its time.
    #[serde(default)]
    timestamps: bool,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(read))
}

/// The log of a container as plain text
#[utoipa::path(get, path = "/kubernetes/namespaces/{namespace_id}/pods/{pod}/logs",
    operation_id = "get_pod_log", tag = "Workloads", params(LogQuery),
    responses((status = 200, body = String, content_type = "text/plain"), MissingOrConflicting))]
async fn read(
    State(backend): State<Backend>,
    guard: StreamGuard,
    ApiPath((namespace_id, pod)): ApiPath<(String, String)>,
    ApiQuery(query): ApiQuery<LogQuery>,
) -> Result<impl IntoResponse, Problem> {
    let options = LogOptions {
        container: query.container,
        follow: query.follow,
        previous: query.previous,
        tail_lines: query.tail,
        since_seconds: query.since,
        timestamps: query.timestamps,
    };
    let chunks = backend.pod_log(guard.caller(), &namespace_id, &pod, &options).await?;
    // The name is that of a pod that was found: letters, digits, hyphens and dots.
    let file = format!("inline; filename=\"{pod}.log\"");
    let body = Body::from_stream(guard.watch(namespace_id, chunks));
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, file)], body))
}
