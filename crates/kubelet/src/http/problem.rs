//! Refusals of the kubelet API: a status and one sentence of plain text, which kubectl prints.
//! The API server passes the text through, so it is written for the person who typed the command.
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::ProviderError;

#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
}

// === impl Problem ===

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(super) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "A request to the kubelet API failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error")
    }
}

impl From<ProviderError> for Problem {
    fn from(error: ProviderError) -> Self {
        let status = match &error {
            ProviderError::NotFound(_) => StatusCode::NOT_FOUND,
            ProviderError::Unsupported(_) => StatusCode::NOT_IMPLEMENTED,
            ProviderError::Waiting { .. } | ProviderError::Refused { .. } | ProviderError::GaveUp { .. } => {
                StatusCode::CONFLICT
            }
            ProviderError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, format!("{}\n", self.detail)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d11_not_found_is_told_only_where_somebody_looked() {
        let told = |error: ProviderError| Problem::from(error).into_response().status().as_u16();
        assert_eq!(told(ProviderError::NotFound("x".into())), 404);
        assert_eq!(told(ProviderError::Unavailable("x".into())), 503);
        assert_eq!(told(ProviderError::Unsupported("x".into())), 501);
        assert_eq!(told(ProviderError::Waiting { reason: "NoCapacity", message: "x".into() }), 409);
    }
}
