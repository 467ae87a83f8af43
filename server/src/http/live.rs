//! Live streams for pages: server-sent events behind the session cookie.
//!
//! Source: `security.md` §4.2 (origin at the start, session each minute).

mod audit;
mod engine;
mod log;
mod metric;
mod namespace;
mod node;
mod sku;
mod terminal;

use std::future::ready;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use backend::Backend;
use domain::workload::{WorkloadFilter, WorkloadKind};
use domain::{Code, Error, Result};
use futures::{Stream, StreamExt as _};

use super::extract::{ApiPath, ApiQuery};
use super::problem::Problem;
use super::state::AppState;
use super::stream_guard::StreamGuard;
use crate::public_url::PublicUrl;

// Below the idle limits of common proxies (60 s).
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// Routes under `/live`.
pub fn routes(state: &AppState) -> Router<AppState> {
    Router::new()
        .route("/live/namespaces", get(namespace::all))
        .route("/live/namespaces/{namespace_id}", get(namespace::one))
        .route("/live/namespaces/{namespace_id}/workloads", get(workloads))
        .route("/live/namespaces/{namespace_id}/workloads/{kind}/{name}", get(workload))
        .route("/live/namespaces/{namespace_id}/workloads/{kind}/{name}/metrics", get(metric::of_workload))
        .route("/live/namespaces/{namespace_id}/log", get(log::read))
        .route("/live/engine-preflight", get(engine::preflight))
        .route("/live/nodes", get(node::all))
        .route("/live/nodes/{name}", get(node::one))
        .route("/live/skus", get(sku::all))
        // Over HTTP/2 a WebSocket begins with CONNECT.
        .route("/live/namespaces/{namespace_id}/pods/{pod}/exec", any(terminal::open))
        .route("/live/audit", get(audit::own))
        .route("/live/platform/audit", get(audit::platform))
        .layer(from_fn_with_state(state.public_url.clone(), own_pages_only))
}

/// `GET /live/namespaces/{id}/workloads`: the list that the filter leaves, after each change.
async fn workloads(
    State(backend): State<Backend>,
    guard: StreamGuard,
    ApiPath(namespace_id): ApiPath<String>,
    ApiQuery(filter): ApiQuery<WorkloadFilter>,
) -> Result<Response, Problem> {
    let lists = backend.watch_workloads(guard.caller(), &namespace_id, filter).await?;
    Ok(events(guard.watch_events(namespace_id, lists.map(|list| Event::default().json_data(&*list)))))
}

/// `GET /live/namespaces/{id}/workloads/{kind}/{name}`: the workload with its events after each change, `null` once it
/// is gone.
async fn workload(
    State(backend): State<Backend>,
    guard: StreamGuard,
    ApiPath((namespace_id, kind, name)): ApiPath<(String, WorkloadKind, String)>,
) -> Result<Response, Problem> {
    let states = backend.watch_workload(guard.caller(), &namespace_id, kind, &name).await?;
    Ok(events(guard.watch_events(namespace_id, states.map(|state| Event::default().json_data(state)))))
}

fn events<E>(stream: impl Stream<Item = std::result::Result<Event, E>> + Send + 'static) -> Response
where
    E: Into<axum::BoxError> + 'static,
{
    ([UNBUFFERED], Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))).into_response()
}

/// A database that does not answer ends the stream; the page connects again and reads what it missed.
fn until_broken<T: Send + 'static>(
    values: impl Stream<Item = Result<T>> + Send + 'static,
) -> impl Stream<Item = T> + Send + 'static {
    values.take_while(|value| ready(value.is_ok())).filter_map(|value| ready(value.ok()))
}

/// Middleware: opening a stream is a GET, which the CSRF layer lets pass; foreign pages may not open one either.
async fn own_pages_only(State(url): State<PublicUrl>, request: Request, next: Next) -> Response {
    if is_own_page(request.headers(), &url) {
        next.run(request).await
    } else {
        Problem::from(Error::Forbidden { code: Code::CrossSite }).into_response()
    }
}

fn is_own_page(headers: &HeaderMap, url: &PublicUrl) -> bool {
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        Some(b"same-origin" | b"none") => return true,
        Some(site) if !site.is_empty() => return false,
        _ => {}
    }
    let Some(origin) = headers.get(ORIGIN).and_then(|v| v.to_str().ok()) else { return true };
    let host = headers.get(HOST).and_then(|v| v.to_str().ok());
    origin == url.as_str() || origin.split_once("://").is_some_and(|(_, rest)| Some(rest) == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_open_streams() {
        let url = PublicUrl::new(Some("https://console.example.com"), "0.0.0.0:1".parse().unwrap()).unwrap();
        for (name, value, allowed) in [
            ("sec-fetch-site", "same-origin", true),
            ("sec-fetch-site", "none", true),
            ("sec-fetch-site", "same-site", false),
            ("sec-fetch-site", "cross-site", false),
            ("origin", "https://console.example.com", true),
            ("origin", "https://evil.example", false),
            ("origin", "null", false),
            ("accept", "text/event-stream", true),
        ] {
            let headers = [(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect();
            assert_eq!(is_own_page(&headers, &url), allowed, "{name}: {value}");
        }
    }
}
