//! The time between "not ready" and "no more connections": answers ask clients to come back on a new connection, which a
//! load balancer takes elsewhere.
//!
//! Source: `security.md` §9 (Shutdown).

use axum::extract::{Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Version};
use axum::middleware::Next;
use axum::response::Response;
use tokio_util::sync::CancellationToken;

/// Cancelled once this process should get no new work.
#[derive(Clone)]
pub struct Draining(pub CancellationToken);

/// Middleware: closes kept connections while draining. HTTP/2 has no such header: there the server says goodbye itself.
pub async fn send_away(State(draining): State<Draining>, request: Request, next: Next) -> Response {
    let version = request.version();
    let mut response = next.run(request).await;
    if draining.0.is_cancelled() && version <= Version::HTTP_11 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
