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
}

// === impl Created ===

impl<T> Created<T> {
    /// `body` can be read at the path `location`.
    pub fn at(location: String, body: T) -> Self {
        Self { location, body }
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, [(LOCATION, self.location)], Json(self.body)).into_response()
    }
}
