//! The tenant API: another system's words for accounts, people and namespaces. JWT in, no session, no cookies.
//!
//! Source: `tenant-api.md`. Every path answers with and without its trailing slash, never by a redirect: that would lose
//! the body. It has no place in the API document of `/v1`: what it looks like is settled by another vendor's page.

mod auth;
mod billing;
pub mod cluster;
mod refused;
mod user;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::MethodRouter;
use serde_json::Value;

use super::middleware::{accepts_json, limit_body, not_found};
use super::problem::MEDIA_TYPE;
use super::rate_limit;
use super::state::AppState;

const ROOT: &str = "/k8sgpu/v1";
// tenant-api.md §1
const BODY_LIMIT: usize = 64 * 1024;
// A problem document is a few hundred bytes.
const DOCUMENT_LIMIT: usize = 64 * 1024;

/// Everything under `/k8sgpu/v1`; nothing is there in an installation without a key for its tokens.
pub fn routes(state: &AppState) -> Router<AppState> {
    let known = match state.backend.offers_tenant_api() {
        true => Router::new().merge(user::routes(state)).merge(cluster::routes(state)).merge(billing::routes(state)),
        false => Router::new(),
    };
    let limited = known
        .fallback(not_found)
        .layer(from_fn_with_state(BODY_LIMIT, limit_body))
        .layer(from_fn_with_state(state.limits.clone(), rate_limit::by_address));
    Router::new().nest(ROOT, limited)
}

/// One place in both forms.
fn at(path: &str, methods: &MethodRouter<AppState>) -> Router<AppState> {
    Router::new().route(path, methods.clone()).route(&format!("{path}/"), methods.clone())
}

/// For callers with a token, and clients that read JSON.
fn for_tenants(router: Router<AppState>, state: &AppState) -> Router<AppState> {
    router.layer(from_fn_with_state(state.clone(), auth::authenticate)).layer(from_fn(accepts_json))
}

/// Middleware over the whole site: refusals of this API carry `message` too, whoever made them (RULINGS 53).
pub async fn with_message(request: Request, next: Next) -> Response {
    let ours = request.uri().path().strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let response = next.run(request).await;
    let problem = response.headers().get(CONTENT_TYPE).is_some_and(|v| v.as_bytes() == MEDIA_TYPE.as_bytes());
    if !ours || !problem {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, DOCUMENT_LIMIT).await.unwrap_or_default();
    let mut document: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let detail = document["detail"].clone();
    let text = match document.as_object_mut() {
        Some(members) => {
            members.insert("message".to_owned(), detail);
            document.to_string().into_bytes()
        }
        None => bytes.to_vec(),
    };
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    Response::from_parts(parts, Body::from(text))
}
