//! Live streams for pages: server-sent events behind the session cookie.
//!
//! Source: `security.md` §4.2 (origin at the start, session each minute).

mod audit;

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use backend::Backend;
use domain::deployment::LogOptions;
use domain::{Code, Error, Result};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::json;

use super::extract::{ApiPath, ApiQuery};
use super::log_lines::LogLines;
use super::problem::Problem;
use super::state::AppState;
use super::stream_guard::StreamGuard;
use crate::public_url::PublicUrl;

// Below the idle limits of common proxies (60 s).
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    pod: Option<String>,
    tail: Option<u32>,
}

/// Routes under `/live`.
pub fn routes(state: &AppState) -> Router<AppState> {
    Router::new()
        .route("/live/namespaces/{namespace_id}/deployments", get(deployments))
        .route("/live/namespaces/{namespace_id}/deployments/{name}", get(deployment))
        .route("/live/namespaces/{namespace_id}/deployments/{name}/log", get(log))
        .route("/live/audit", get(audit::own))
        .route("/live/platform/audit", get(audit::platform))
        .layer(from_fn_with_state(state.public_url.clone(), own_pages_only))
}

/// `GET /live/namespaces/{id}/deployments`: the whole list after each change.
async fn deployments(
    State(backend): State<Backend>,
    guard: StreamGuard,
    ApiPath(namespace_id): ApiPath<String>,
) -> Result<Response, Problem> {
    let states = backend.watch_deployments(guard.caller(), &namespace_id).await?;
    Ok(events(guard.watch_events(namespace_id, states.map(|list| Event::default().json_data(list)))))
}

/// `GET /live/namespaces/{id}/deployments/{name}`: the deployment after each change, `null` once it is gone.
async fn deployment(
    State(backend): State<Backend>,
    guard: StreamGuard,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
) -> Result<Response, Problem> {
    let states = backend.watch_deployment(guard.caller(), &namespace_id, &name).await?;
    Ok(events(guard.watch_events(namespace_id, states.map(|state| Event::default().json_data(state)))))
}

/// `GET /live/namespaces/{id}/deployments/{name}/log`: one event a line; event `end` when the pod's log is over, event
/// `problem` when it broke.
async fn log(
    State(backend): State<Backend>,
    guard: StreamGuard,
    ApiPath((namespace_id, name)): ApiPath<(String, String)>,
    ApiQuery(query): ApiQuery<LogQuery>,
) -> Result<Response, Problem> {
    let options = LogOptions { follow: true, tail_lines: query.tail };
    let chunks = backend.deployment_log(guard.caller(), &namespace_id, &name, query.pod.as_deref(), &options).await?;
    Ok(events(guard.watch_events(namespace_id, log_events(chunks).map(Ok::<_, Infallible>))))
}

fn events<E>(stream: impl Stream<Item = std::result::Result<Event, E>> + Send + 'static) -> Response
where
    E: Into<axum::BoxError> + 'static,
{
    ([UNBUFFERED], Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))).into_response()
}

fn log_events(chunks: BoxStream<'static, Result<Vec<u8>>>) -> impl Stream<Item = Event> + Send + 'static {
    stream::unfold(Some((chunks, LogLines::default())), |open| async move {
        let (mut chunks, mut lines) = open?;
        Some(match chunks.next().await {
            Some(Ok(bytes)) => {
                let ready = lines.push(&bytes).into_iter().map(line).collect();
                (ready, Some((chunks, lines)))
            }
            Some(Err(error)) => (vec![broken(&error)], None),
            None => (lines.finish().map(line).into_iter().chain([end()]).collect::<Vec<_>>(), None),
        })
    })
    .flat_map(stream::iter)
}

/// A blank is sent for an empty line: axum writes no field for empty data, and browsers drop an event without one.
fn line(text: String) -> Event {
    Event::default().data(if text.is_empty() { " " } else { &text })
}

fn end() -> Event {
    Event::default().event("end").data("The log has ended")
}

fn broken(error: &Error) -> Event {
    let text = json!({"code": error.code(), "detail": error.to_string()}).to_string();
    Event::default().event("problem").data(text)
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
    use axum::body::to_bytes;

    async fn text(chunks: Vec<Result<Vec<u8>>>) -> String {
        let events = log_events(stream::iter(chunks).boxed()).map(Ok::<_, Infallible>);
        let body = Sse::new(events).into_response().into_body();
        String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn each_line_is_one_event_and_the_end_is_said() {
        let text = text(vec![Ok(b"a\nb".to_vec()), Ok(b"c\n\nd".to_vec())]).await;
        assert_eq!(text, "data: a\n\ndata: bc\n\ndata:  \n\ndata: d\n\nevent: end\ndata: The log has ended\n\n");
    }

    #[tokio::test]
    async fn a_broken_log_says_why_and_leaks_nothing() {
        let text = text(vec![Ok(b"a\n".to_vec()), Err(Error::cluster("10.0.0.7 refused"))]).await;
        assert!(text.contains("event: problem") && text.contains("cluster_unavailable"), "{text}");
        assert!(!text.contains("10.0.0.7"));
    }

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
