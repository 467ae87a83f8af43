//! What is told of each request: one line for the log, one number for the metrics. Never who asked for what: paths come as
//! route templates, so no id, name or address becomes a label.
//!
//! Source: `security.md` §9 (Logs, metrics).

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use backend::Origin;

use super::request_id;
use crate::log::ACCESS;

/// Middleware: observes the request and its answer, to the beginning of its body.
pub async fn observe(request: Request, next: Next) -> Response {
    let (method, route) = (method(request.method()), route(request.extensions().get::<MatchedPath>()));
    let origin = request.extensions().get::<Origin>().cloned();
    let begun = Instant::now();
    let response = next.run(request).await;
    let (status, took) = (response.status(), begun.elapsed());
    measure(method, &route, status, took);
    let (address, agent) = origin.map(|origin| (origin.address, origin.user_agent)).unwrap_or_default();
    let (id, status, took_ms) = (request_id::current(), status.as_u16(), took.as_secs_f64() * 1000.0);
    tracing::info!(
        target: ACCESS,
        {
            request.id = id,
            http.method = method,
            http.route = route,
            http.status = status,
            duration_ms = took_ms,
            client.address = address,
            http.user_agent = agent
        },
        "Answered"
    );
    response
}

fn measure(method: &'static str, route: &str, status: StatusCode, took: Duration) {
    let class = ["1xx", "2xx", "3xx", "4xx", "5xx"][usize::from((status.as_u16() / 100).clamp(1, 5)) - 1];
    let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", class.to_owned())];
    metrics::histogram!("remotegpu_http_request_duration_seconds", &labels).record(took);
}

/// A method anybody may invent would be a label anybody may invent.
fn method(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}

/// The template of the route; what fits none is one label, whatever was asked for.
fn route(matched: Option<&MatchedPath>) -> String {
    let Some(path) = matched.map(MatchedPath::as_str) else { return "none".to_owned() };
    // axum's own name for "whatever comes after" in nested services.
    path.replace("{*__private__axum_nest_tail_param}", "{*rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invented_method_is_no_label() {
        assert_eq!(method(&Method::PATCH), "PATCH");
        assert_eq!(method(&Method::from_bytes(b"X-INVENTED").unwrap()), "other");
    }

    #[test]
    fn a_request_without_a_route_has_one_label() {
        assert_eq!(route(None), "none");
    }
}
