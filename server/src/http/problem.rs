//! The one mapping from refusals to HTTP: problem+json (RFC 9457) is built nowhere else.
//!
//! Source: `console-api.md` §1.

mod document;

use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::admission::Verdict;
use domain::engine::Report;
use domain::error::BoxError;
use domain::{Code, Error, FieldError};
use serde::Serialize;

use super::request_id;

pub use document::{Conflicting, Missing, MissingOrConflicting, Refused, response_name, shared_responses};

/// Media type of every error body.
pub const MEDIA_TYPE: &str = "application/problem+json";
// Long enough for a restart of an API server, short enough for a person who waits.
const RETRY_UNAVAILABLE: u32 = 5;
const RETRY_NOT_READY: u32 = 2;

/// A refused request on its way out.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    verdict: Option<Box<Verdict>>,
    report: Option<Box<Report>>,
    retry_after: Option<u32>,
    cause: Option<BoxError>,
}

/// The body of every refusal (RFC 9457).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem, example = json!({"type": "about:blank", "title": "Not Found", "status": 404, "code": "not_found",
    "detail": "Not found", "request_id": "5f1c…", "errors": []}))]
pub struct ProblemDocument<'a> {
    /// Always `about:blank`: the code says more than a page could.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// Stable, for programs.
    code: &'static str,
    /// One sentence, for people.
    detail: &'a str,
    /// Name it when you ask for help.
    request_id: String,
    /// What is wrong with which field.
    errors: &'a [FieldError],
    /// The numbers behind a refusal by admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a Verdict>,
    /// Every row of a preflight that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a Report>,
}

// === impl Problem ===

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let (errors, verdict, report, retry_after, cause) = (Vec::new(), None, None, None, None);
        Self { status, code, detail: detail.into(), errors, verdict, report, retry_after, cause }
    }

    /// A refusal by the framework, known by its status only.
    pub fn from_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::UNAUTHORIZED => return Error::Unauthenticated { code: Code::MissingAccessToken }.into(),
            StatusCode::FORBIDDEN => return Error::Forbidden { code: Code::Forbidden }.into(),
            StatusCode::NOT_FOUND => return Error::NotFound.into(),
            StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "This method is not allowed here"),
            StatusCode::NOT_ACCEPTABLE => ("not_acceptable", "The answer exists as application/json only"),
            StatusCode::REQUEST_TIMEOUT => ("timeout", "The request took too long to arrive"),
            StatusCode::PAYLOAD_TOO_LARGE => ("payload_too_large", "The request body is too large"),
            StatusCode::URI_TOO_LONG => ("uri_too_long", "The address is too long"),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => ("headers_too_large", "The headers are too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("unsupported_media_type", "Send the body as application/json"),
            StatusCode::SERVICE_UNAVAILABLE => ("unavailable", "Not available right now, try again in a moment"),
            _ if status.is_client_error() => return Self::malformed("Invalid request"),
            _ => (Code::Internal.as_str(), Code::Internal.sentence()),
        };
        Self::new(status, code, detail)
    }

    /// A request that cannot be read at all.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::InvalidRequest.as_str(), detail)
    }

    /// The answer took longer than a request may.
    pub fn timeout() -> Self {
        let detail = "The request took too long, try again in a moment";
        Self { retry_after: Some(RETRY_UNAVAILABLE), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", detail) }
    }

    /// A panic; its text stays in the log.
    pub fn panicked(message: String) -> Self {
        Error::internal(format!("panic: {message}")).into()
    }

    /// The same refusal in the words of another dialect.
    pub fn in_words(self, status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), ..self }
    }

    /// The same refusal and sentence under another status and code.
    pub fn coded(self, status: StatusCode, code: &'static str) -> Self {
        Self { status, code, ..self }
    }

    fn document(&self) -> ProblemDocument<'_> {
        ProblemDocument {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            request_id: request_id::current(),
            errors: &self.errors,
            verdict: self.verdict.as_deref(),
            report: self.report.as_deref(),
        }
    }

    /// The one place where causes are logged; they never leave otherwise.
    fn log(&self) {
        let Some(cause) = &self.cause else { return };
        let cause = chain(cause.as_ref());
        if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(cause, code = self.code, "Request failed");
        } else {
            tracing::warn!(cause, code = self.code, "Request could not be served");
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (code, detail) = (error.code().as_str(), error.to_string());
        let status = status(&error);
        let base = Self::new(status, code, detail);
        match error {
            Error::Forbidden { code: Code::ReauthenticationRequired } => {
                Self { detail: "Confirm it is you first: POST /v1/auth/reauthenticate".into(), ..base }
            }
            Error::Unauthenticated { .. } | Error::Forbidden { .. } | Error::NotFound | Error::Conflict { .. } => base,
            Error::Invalid(errors) => Self { errors, ..base },
            Error::Denied(verdict) => Self { verdict: Some(verdict), ..base },
            Error::Preflight(report) => Self { report: Some(report), ..base },
            Error::RateLimited { retry_after_seconds } => Self { retry_after: Some(retry_after_seconds), ..base },
            Error::NamespaceNotReady => Self { retry_after: Some(RETRY_NOT_READY), ..base },
            Error::TokenWithoutExpiration => base,
            Error::Unavailable { what, source } => {
                let detail = Error::Unavailable { what, source: "".into() }.code().sentence().to_owned();
                Self { detail, retry_after: Some(RETRY_UNAVAILABLE), cause: Some(source), ..base }
            }
            Error::Internal(source) => Self { cause: Some(source), ..base },
        }
    }
}

fn status(error: &Error) -> StatusCode {
    match error {
        Error::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
        Error::Forbidden { .. } => StatusCode::FORBIDDEN,
        Error::NotFound => StatusCode::NOT_FOUND,
        Error::Invalid(_) => StatusCode::BAD_REQUEST,
        Error::Conflict { .. } | Error::Denied(_) | Error::Preflight(_) => StatusCode::CONFLICT,
        Error::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::NamespaceNotReady | Error::TokenWithoutExpiration | Error::Unavailable { .. } => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        Self::from_status(rejection.status())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::from_status(rejection.status())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        let text = rejection.body_text();
        let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
        match text.split_once(": ") {
            Some((field, wrong)) => Error::field(field, "format", format!("{field} is not valid: {wrong}")).into(),
            None => Self::malformed("The query string is not valid"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        let body = serde_json::to_vec(&self.document()).unwrap_or_default();
        let mut response = (self.status, [(CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

fn chain(cause: &(dyn std::error::Error + 'static)) -> String {
    let mut text = cause.to_string();
    let mut next = cause.source();
    while let Some(inner) = next {
        let inner_text = inner.to_string();
        // Many errors repeat their source in their own text.
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        next = inner.source();
    }
    text
}

#[cfg(test)]
mod tests;
