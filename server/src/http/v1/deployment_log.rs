//! The log of a deployment as plain text, followed if asked (`console-api.md` §6).

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use backend::Backend;
use domain::deployment::LogOptions;
use serde::Deserialize;

use crate::http::extract::{ApiPath, ApiQuery};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::http::stream_guard::StreamGuard;

#[derive(Deserialize)]
struct LogQuery {
    pod: Option<String>,
    #[serde(default)]
    follow: bool,
    tail: Option<u32>,
}

pub fn routes() -> Router<AppState> {
    Router::new().route("/kubernetes/namespaces/{namespace_id}/deployments/{name}/logs", get(read))
}

/// `GET …/deployments/{name}/logs?pod=&follow=&tail=`
async fn read(
    State(backend): State<Backend>,
    guard: StreamGuard,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
    ApiQuery(query): ApiQuery<LogQuery>,
) -> Result<impl IntoResponse, Problem> {
    let options = LogOptions { follow: query.follow, tail_lines: query.tail };
    let chunks = backend.deployment_log(guard.caller(), &namespace_id, &name, query.pod.as_deref(), &options).await?;
    let body = Body::from_stream(guard.watch(namespace_id, chunks));
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], body))
}
