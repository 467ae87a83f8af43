//! The limits of the key route: by key where the checksum is right, else by address.
//!
//! Source: `security.md` §1.3 and §9. Wrong keys with a right checksum cost a database look-up each, so they count
//! against their address too; a key that worked lately is never held up by its neighbours' wrong ones.

use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use backend::Origin;
use domain::Result;
use domain::api_key::KeyText;

use super::presented_key;
use crate::http::problem::Problem;
use crate::http::rate_limit::{Class, RateLimits, address_of};

/// Middleware: counts before, and learns from the answer.
pub async fn throttle(State(limits): State<RateLimits>, request: Request, next: Next) -> Response {
    let address = request.extensions().get::<Origin>().map(address_of).unwrap_or_default();
    let key = key_id(&request);
    if let Err(error) = allowed(&limits, key.as_deref(), &address) {
        return Problem::from(error).into_response();
    }
    let response = next.run(request).await;
    match (response.status(), key) {
        // It was counted; that it may go on was said before.
        (StatusCode::UNAUTHORIZED, _) => drop(limits.take(Class::BadKey, &address)),
        (StatusCode::OK | StatusCode::FORBIDDEN, Some(key)) => drop(limits.take(Class::Key, &proven(&key))),
        _ => {}
    }
    response
}

fn allowed(limits: &RateLimits, key: Option<&str>, address: &str) -> Result<()> {
    match key {
        Some(key) if limits.knows(Class::Key, &proven(key)) => limits.check(Class::Key, &proven(key)),
        Some(_) | None => limits.check(Class::BadKey, address),
    }
}

/// Only keys that worked have a bucket: anybody can compute a checksum.
fn proven(key: &str) -> String {
    format!("key:{key}")
}

fn key_id(request: &Request) -> Option<String> {
    let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).ok()?;
    let key = presented_key(request.headers(), &query).ok().flatten()?;
    KeyText::parse(key).ok().map(|text| text.public_id.as_str().to_owned())
}
