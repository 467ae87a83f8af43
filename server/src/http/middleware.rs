//! What every request passes: its id, its limits, the headers of its answer, and the net under framework refusals.
//!
//! Source: `security.md` §4.3 and §9, `stack.md` §2.3.

use std::any::Any;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use backend::Origin;
use tokio::time::timeout;
use tower_http::csrf::ProtectionError;
use tracing::Instrument as _;

use super::client_address::TrustedProxies;
use super::negotiate::preferred;
use super::problem::{MEDIA_TYPE, Problem};
use super::request_id;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
// security.md §9: 30 s for a request; streams only need to begin within it.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
// Cursors are short and forms are posted; browsers send a few KiB of headers.
const URL_LIMIT: usize = 8 * 1024;
const HEAD_LIMIT: usize = 32 * 1024;
const USER_AGENT_LIMIT: usize = 200;

/// Gives the request its id and origin, and everything logged in it a span. Paths only: queries may carry secrets.
pub async fn identify(State(proxies): State<TrustedProxies>, mut request: Request, next: Next) -> Response {
    let id = request_id::fresh();
    let header = HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static(""));
    let origin = origin(&request, proxies, &id);
    request.extensions_mut().insert(origin);
    request.headers_mut().insert(REQUEST_ID, header.clone());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| request.uri().path().to_owned());
    let span = tracing::info_span!("request", request.id = %id, http.method = %request.method(), http.route = route);
    let mut response = request_id::scope(id, next.run(request).instrument(span)).await;
    response.headers_mut().insert(REQUEST_ID, header);
    response
}

fn origin(request: &Request, proxies: TrustedProxies, id: &str) -> Origin {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = peer.map(|peer| proxies.client(peer.ip(), request.headers()));
    let agent = request.headers().get(USER_AGENT).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    Origin {
        address: address.map_or_else(|| "unknown".to_owned(), |address| address.to_string()),
        user_agent: agent.unwrap_or_default().chars().take(USER_AGENT_LIMIT).collect(),
        request_id: id.to_owned(),
        head_only: *request.method() == Method::HEAD,
    }
}

/// Refuses a request line or a head that no client of ours has, before anything is done with them. Beyond the HTTP
/// library's own limits (100 headers, 64 KiB) it answers 431 itself.
pub async fn limit_head(request: Request, next: Next) -> Response {
    let bytes: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let length = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    let refused = match (length > URL_LIMIT, bytes > HEAD_LIMIT) {
        (true, _) => StatusCode::URI_TOO_LONG,
        (_, true) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        _ => return next.run(request).await,
    };
    Problem::from_status(refused).into_response()
}

/// Sets what every answer carries, one header more where people reach us by HTTPS; pages bring their own content policy
/// with its nonce.
pub async fn secure(State(https): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut always = |name: &'static str, value: &'static str| {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    };
    always("x-content-type-options", "nosniff");
    always("referrer-policy", "same-origin");
    always("cross-origin-opener-policy", "same-origin");
    always("cross-origin-resource-policy", "same-origin");
    always("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
    if https {
        always("strict-transport-security", "max-age=31536000; includeSubDomains");
    }
    // Nearly every answer is private or secret; only assets say otherwise.
    for (name, value) in
        [("cache-control", "no-store"), ("content-security-policy", "default-src 'none'; frame-ancestors 'none'")]
    {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Turns refusals of the framework (404, 405, 413, session layer, …) into problem documents; keeps their headers.
pub async fn net(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let plain = response.headers().get(CONTENT_TYPE).is_none_or(|v| v.as_bytes().starts_with(b"text/plain"));
    if !(status.is_client_error() || status.is_server_error()) || !plain {
        return response;
    }
    let mut answer = Problem::from_status(status).into_response();
    for (name, value) in response.headers() {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            answer.headers_mut().append(name, value.clone());
        }
    }
    answer
}

/// Refuses a body longer than the route takes. The HTTP library holds a body to its declared length, so only one
/// without must be counted; it is read here, because server functions would answer 500 to a cut one.
pub async fn limit_body(State(limit): State<usize>, request: Request, next: Next) -> Response {
    let too_large = || Problem::from_status(StatusCode::PAYLOAD_TOO_LARGE).into_response();
    match declared_length(request.headers()) {
        Some(declared) if declared > limit as u64 => too_large(),
        Some(_) => next.run(request).await,
        None => {
            let (parts, body) = request.into_parts();
            match to_bytes(body, limit).await {
                Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
                Err(_) => too_large(),
            }
        }
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Bounds the time until the answer begins; a stream may go on for longer.
pub async fn limit_time(request: Request, next: Next) -> Response {
    match timeout(REQUEST_LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::timeout().into_response(),
    }
}

/// Refuses clients that cannot read JSON; errors are JSON too.
pub async fn accepts_json(request: Request, next: Next) -> Response {
    accepts(&["application/json", MEDIA_TYPE], request, next).await
}

/// Refuses clients that cannot read text.
pub async fn accepts_text(request: Request, next: Next) -> Response {
    accepts(&["text/plain", "application/json"], request, next).await
}

async fn accepts(types: &[&str], request: Request, next: Next) -> Response {
    if preferred(request.headers(), types).is_some() {
        return next.run(request).await;
    }
    Problem::from_status(StatusCode::NOT_ACCEPTABLE).into_response()
}

/// Answer to a request from another site.
pub fn cross_site(_: ProtectionError) -> Response {
    Problem::from(domain::Error::Forbidden { code: domain::Code::CrossSite }).into_response()
}

/// Answer when a handler panicked.
pub fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    Problem::panicked(text.unwrap_or_else(|| "without a message".to_owned())).into_response()
}

/// Answer where no route is.
pub async fn not_found() -> Problem {
    Problem::from(domain::Error::NotFound)
}

#[cfg(test)]
mod tests;
