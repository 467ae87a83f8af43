//! Answers with more to them than a body.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// 201 with the new thing and where it is (`console-api.md` §1).
pub struct Created<T> {
    location: String,
    body: T,
    keep: bool,
}

/// Mark of an answer that may be stored and given again to a repeated request (`idempotency.rs`): no secret is in it.
#[derive(Debug, Clone, Copy)]
pub struct Keep;

// === impl Created ===

impl<T> Created<T> {
    /// `body`, which holds no secret, can be read at the path `location`.
    pub fn at(location: String, body: T) -> Self {
        Self { location, body, keep: true }
    }

    /// As [`Created::at`] for a body with a secret: shown this once, stored nowhere.
    pub fn secret(location: String, body: T) -> Self {
        Self { location, body, keep: false }
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, [(LOCATION, self.location)], Json(self.body)).into_response();
        if self.keep {
            response.extensions_mut().insert(Keep);
        }
        response
    }
}
